//! What a server costs, and how exact it is, with ever more calls pending.

mod far;
mod fill;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use serde_json::json;

use self::{
    far::Far,
    fill::{Database, Kind},
};
use crate::{
    client,
    machine::percentile,
    programs::Outdial,
    table::{Goal, Row, Table},
};

const PENDING: [u64; 3] = [10_000, 1_000_000, 10_000_000];
/// How many clients ask for calls at once, and for how long.
const CLIENTS: usize = 50;
const CREATING: Duration = Duration::from_secs(5);
/// How many calls are due at one moment, to see how fast they go.
const BURST: usize = 2_000;
/// How many calls have a moment of their own, and how far these are apart.
const SINGLE: usize = 500;
const APART: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(table: &mut Table, most: u64) -> Result<()> {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let mut database = Database::new(kind).await?;
        let mut least = None;
        for pending in PENDING.into_iter().filter(|pending| *pending <= most) {
            let filled = database.fill(pending).await?;
            let measured = Measured::of(&database).await?;
            let what = |figure: &str| format!("backlog: {} with {pending} pending: {figure}", kind.name());
            table.add(Row::new(what("creates on disk a second"), measured.creates));
            table.add(Row::new(what("CPU ms of a create"), measured.create_processor));
            table.add(Row::new(what("dials a second through the journal"), measured.dials));
            table.add(Row::new(what("CPU ms of a dial"), measured.dial_processor));
            table.add(Row::new(what("due to INVITE, p50 ms"), percentile(&measured.late, 50)));
            table.add(Row::new(what("due to INVITE, p99 ms"), percentile(&measured.late, 99)).goal(Goal::AtMost(50.0)));
            let (few, memory) = *least.get_or_insert((pending, measured.memory));
            if pending > few {
                let bytes = 1_024.0 * (measured.memory - memory) / (pending - few) as f64;
                table.add(Row::new(what("bytes of memory of a pending call"), bytes).goal(Goal::AtMost(1.0)));
            }
            table.note(format!(
                "backlog: {} with {pending} pending: filled in {:.0} s, {:.1} GB on disk; the server has {:.0} MB; \
                 the earliest was {:.1} ms after its time; the load of the machine was {} then",
                kind.name(),
                filled.as_secs_f64(),
                database.size()? as f64 / 1e9,
                measured.memory / 1_024.0,
                measured.late.first().copied().unwrap_or(f64::NAN),
                crate::machine::load(),
            ));
        }
    }
    Ok(())
}

struct Measured {
    /// Kilobytes, before anything was asked of it.
    memory: f64,
    creates: f64,
    create_processor: f64,
    dials: f64,
    dial_processor: f64,
    /// From the time at which a call was due to its INVITE, in milliseconds, in ascending order.
    late: Vec<f64>,
}

impl Measured {
    async fn of(database: &Database) -> Result<Self> {
        let server = database.serve()?;
        // It looks at what is pending when it starts.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let memory = server.resident()?;
        let far = Far::open()?;
        let processor = || Ok::<_, anyhow::Error>(server.processor()? + database.processor()?);
        // What is done once in the life of a server is not part of a call.
        burst(&server, &far, 100).await?;

        let before = processor()?;
        let (count, seconds) = creates(&server).await?;
        let create_processor = 1_000.0 * (processor()? - before) / count as f64;

        // Only the dials count, and not the creates before them.
        let placed = place_burst(&server, &far, BURST).await?;
        let before = processor()?;
        let arrivals = placed.arrivals(&far).await?;
        let dial_processor = 1_000.0 * (processor()? - before) / BURST as f64;
        let last = arrivals.iter().max().copied().context("none was dialled")?;
        let dials = BURST as f64 / last.duration_since(placed.due).as_secs_f64();

        let late = singles(&server, &far).await?;
        Ok(Self {
            memory,
            creates: count as f64 / seconds,
            create_processor,
            dials,
            dial_processor,
            late,
        })
    }
}

/// Creates by many clients; how many, and in how many seconds. None of the calls is due.
async fn creates(server: &Outdial) -> Result<(usize, f64)> {
    let body = json!({ "to": "sip:nobody@127.0.0.1:9", "flow": [{ "hang_up": {} }], "in": "8760h" });
    let place = || server.client.place(&body);
    let mut placing: FuturesUnordered<_> = (0..CLIENTS).map(|_| place()).collect();
    let (started, mut count) = (Instant::now(), 0);
    while let Some(placed) = placing.next().await {
        placed?;
        count += 1;
        if started.elapsed() < CREATING {
            placing.push(place());
        }
    }
    Ok((count, started.elapsed().as_secs_f64()))
}

/// Calls that are all due at one moment.
struct Burst {
    due: Timestamp,
    names: Vec<String>,
}

impl Burst {
    /// When the INVITE of each arrived.
    async fn arrivals(&self, far: &Far) -> Result<Vec<Timestamp>> {
        let wait = self.due.duration_since(client::now()).unsigned_abs();
        let arrived = far.arrived(&self.names, wait + PATIENCE).await?;
        let early = arrived.iter().filter(|at| **at < self.due).count();
        ensure!(early == 0, "{early} calls were dialled before their time");
        Ok(arrived)
    }
}

async fn burst(server: &Outdial, far: &Far, calls: usize) -> Result<()> {
    place_burst(server, far, calls).await?.arrivals(far).await?;
    Ok(())
}

/// Asks for calls that are due at one moment, when all have been asked for.
async fn place_burst(server: &Outdial, far: &Far, calls: usize) -> Result<Burst> {
    let ahead = Duration::from_secs(3) + Duration::from_millis(5) * u32::try_from(calls).unwrap_or(u32::MAX);
    let due = client::now() + ahead;
    let names: Vec<String> = (0..calls).map(|_| far.name()).collect();
    place_all(server, far, names.iter().map(|name| (name, due))).await?;
    ensure!(
        client::now() + Duration::from_secs(2) < due,
        "asking for {calls} calls took longer than {ahead:?}"
    );
    Ok(Burst { due, names })
}

async fn place_all(server: &Outdial, far: &Far, calls: impl Iterator<Item = (&String, Timestamp)>) -> Result<()> {
    let place = async |name: &String, due: Timestamp| {
        let body = json!({ "to": far.uri(name), "flow": [{ "hang_up": {} }], "at": due.to_string() });
        server.client.place(&body).await
    };
    let mut placing = futures_util::stream::iter(calls)
        .map(|(name, due)| place(name, due))
        .buffer_unordered(CLIENTS);
    while let Some(placed) = placing.next().await {
        placed?;
    }
    Ok(())
}

/// How late the INVITEs of calls are that have a moment of their own, in milliseconds, in ascending order.
async fn singles(server: &Outdial, far: &Far) -> Result<Vec<f64>> {
    let first = client::now() + Duration::from_secs(6);
    let calls: Vec<(String, Timestamp)> = (0..)
        .take(SINGLE)
        .map(|number| (far.name(), first + APART * number))
        .collect();
    place_all(server, far, calls.iter().map(|(name, due)| (name, *due))).await?;
    ensure!(client::now() < first, "asking for {SINGLE} calls took too long");
    let names: Vec<String> = calls.iter().map(|(name, _)| name.clone()).collect();
    let length = APART * u32::try_from(SINGLE).unwrap_or(u32::MAX);
    let arrived = far.arrived(&names, length + PATIENCE).await?;
    let since_due = calls.iter().zip(arrived);
    let mut late: Vec<f64> = since_due
        .map(|((_, due), at)| at.duration_since(*due).as_secs_f64() * 1_000.0)
        .collect();
    late.sort_by(f64::total_cmp);
    ensure!(late[0] >= 0.0, "a call was dialled {} ms before its time", -late[0]);
    Ok(late)
}
