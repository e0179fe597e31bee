use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::json;

use super::TIMES;
use crate::{
    machine::{self, median},
    programs::{Outdial, folder},
    table::{Row, Table},
};

const LENGTH: Duration = Duration::from_secs(3);

pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let server = Outdial::roomy()?;
    for clients in [1, 50] {
        let (mut rates, mut processors) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            let (rate, processor) = creates(&server, clients).await?;
            rates.push(rate);
            processors.push(processor);
        }
        let name = if clients == 1 {
            "1 client".to_owned()
        } else {
            format!("{clients} clients")
        };
        let mut row = Row::new(format!("creates on disk a second, {name}"), median(rates));
        if clients == 1 {
            // Whoever waits for the disk each time cannot be faster than it.
            row = row.peer("fdatasync", Some(machine::syncs_per_second(folder()?.path())?));
        }
        table.add(row);
        table.add(Row::new(
            format!("creates: CPU s per 1,000, {name}"),
            median(processors),
        ));
    }
    Ok(())
}

/// Creates a second by so many clients, and processor seconds per 1,000. None of the calls is due.
async fn creates(server: &Outdial, clients: usize) -> Result<(f64, f64)> {
    let body = json!({ "to": "sip:nobody@127.0.0.1:9", "flow": [{ "hang_up": {} }], "in": "8760h" });
    let place = || server.client.place(&body);
    let mut placing: FuturesUnordered<_> = (0..clients).map(|_| place()).collect();
    let (before, started) = (server.processor()?, Instant::now());
    let mut count = 0_u32;
    while let Some(placed) = placing.next().await {
        placed?;
        count += 1;
        if started.elapsed() < LENGTH {
            placing.push(place());
        }
    }
    let rate = f64::from(count) / started.elapsed().as_secs_f64();
    Ok((rate, 1_000.0 * (server.processor()? - before) / f64::from(count)))
}
