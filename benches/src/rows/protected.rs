use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::playing::clip;
use crate::{
    programs::{FarSide, Outdial, Sipp, Way},
    sink::{Sink, Tally},
    table::{Row, Table},
};

const CALLS: usize = 300;
const TO: &str = "+6561234567";
const SETTLED: Duration = Duration::from_secs(2);
const LENGTH: Duration = Duration::from_secs(8);
const PATIENCE: Duration = Duration::from_secs(20);

/// What the protection of a stream costs: the same calls with it and without. Only what we send is
/// there to be protected; what is received costs the same again.
pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let bare = playing(Way::Udp).await?;
    let protected = playing(Way::Protected).await?;
    table.add(
        Row::new(
            format!("protected: % of a core per 100 streams sent by SRTP, {CALLS} calls"),
            protected.per_hundred(),
        )
        .peer("without SRTP", Some(bare.per_hundred())),
    );
    table.add(
        Row::new("protected: % of packets late by SRTP", protected.tally.late_percent())
            .peer("without SRTP", Some(bare.tally.late_percent())),
    );
    table.add(
        Row::new("protected: memory of a call by SRTP, kB", protected.memory).peer("without SRTP", Some(bare.memory)),
    );
    Ok(())
}

struct Played {
    /// Processor seconds in a second.
    cores: f64,
    tally: Tally,
    /// Kilobytes that each call added.
    memory: f64,
}

impl Played {
    fn per_hundred(&self) -> f64 {
        100.0 * self.cores * 100.0 / CALLS as f64
    }
}

async fn playing(way: Way) -> Result<Played> {
    let sink = Sink::open()?;
    let sipp = Sipp::start_by(way, FarSide::Listens, sink.ports()).await?;
    let srtp = if way == Way::Protected { "require" } else { "off" };
    let server = Outdial::roomy_with(&format!(
        "[policy]\nopen = [\"+65\"]\n[pacing]\nnumber_gap = 0\n[[trunk]]\nname = \"far\"\ncalls_per_second = 0\n\
         host = \"127.0.0.1\"\nport = {}\nsrtp = {srtp:?}\n",
        sipp.port()
    ))?;
    let audio = server.client.upload(clip()?).await?;
    let body = json!({ "to": TO, "play": audio });
    let place = async |count: usize| {
        let placing = stream::iter((0..count).map(|_| server.client.place(&body))).buffer_unordered(20);
        let placed: Vec<_> = placing.collect().await;
        placed.into_iter().collect::<Result<Vec<_>>>()
    };
    // One call reads the file into memory once for all.
    place(1).await?;
    sink.wait_for(1, PATIENCE).await;
    let before = server.resident()?;
    place(CALLS - 1).await?;
    let live = sink.wait_for(CALLS, PATIENCE).await;
    ensure!(live > CALLS / 2, "only {live} of {CALLS} calls play by {way:?}");
    tokio::time::sleep(SETTLED).await;
    let (used, started) = (server.processor()?, Instant::now());
    let tally = sink.listen(LENGTH, CALLS).await;
    Ok(Played {
        cores: (server.processor()? - used) / started.elapsed().as_secs_f64(),
        tally,
        memory: (server.resident()? - before) / (CALLS - 1) as f64,
    })
}
