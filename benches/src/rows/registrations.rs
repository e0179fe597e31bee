use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    programs::{Outdial, Registrar},
    table::{Row, Table},
};

const MANY: usize = 1_000;
const FEW: usize = 10;
/// What the registrar grants. We renew after four fifths of it.
const GRANTED: Duration = Duration::from_secs(10);
const LENGTH: Duration = Duration::from_secs(16);
const PATIENCE: Duration = Duration::from_secs(30);

/// Registrations that we hold at somebody else's, one for each trunk.
pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let few = hold(FEW).await?;
    let many = hold(MANY).await?;
    let more = (MANY - FEW) as f64;
    table.add(Row::new("registrations: held, of those tried", many.held as f64));
    table.add(Row::new(
        format!("registrations: s until {MANY} are held"),
        many.until_held.as_secs_f64(),
    ));
    table.add(Row::new(
        "registrations: memory of one more, kB",
        (many.memory - few.memory) / more,
    ));
    let renewals = many.renewals - few.renewals;
    ensure!(renewals > 0.0, "nothing was renewed");
    table.add(Row::new(
        "registrations: CPU ms of a renewal",
        1_000.0 * (many.processor - few.processor) / renewals,
    ));
    Ok(())
}

struct Held {
    held: usize,
    until_held: Duration,
    memory: f64,
    /// Processor seconds and renewals, in the same time.
    processor: f64,
    renewals: f64,
}

async fn hold(count: usize) -> Result<Held> {
    let registrar = Registrar::start(GRANTED).await?;
    let started = Instant::now();
    let trunks: String = (0..count)
        .map(|number| {
            format!(
                "[[trunk]]\nname = \"t{number}\"\nhost = \"127.0.0.1\"\nport = {}\nusername = \"u{number}\"\n\
                 password = \"secret\"\nregister = true\nkeep_alive = 0\nnat_keep_alive = 0\n",
                registrar.port()
            )
        })
        .collect();
    let server = Outdial::roomy_with(&trunks)?;
    while registrar.names() < count && started.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (held, until_held) = (registrar.names(), started.elapsed());
    ensure!(held > count / 2, "only {held} of {count} trunks have registered");
    let (used, renewed) = (server.processor()?, registrar.taken());
    tokio::time::sleep(LENGTH).await;
    Ok(Held {
        held,
        until_held,
        memory: server.resident()?,
        processor: server.processor()? - used,
        renewals: (registrar.taken() - renewed) as f64,
    })
}
