//! Call files, from the renaming to the end of their calls: bursts that an Asterisk takes well, and one that costs it
//! gigabytes.

use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::{TIMES, load::BlackHole};
use crate::{
    machine::{median, percentile},
    programs::{Asterisk, CallFiles, FarSide, Outdial, Sipp, folder, moved_at},
    table::{Row, Table},
};

/// A burst that Asterisk takes well.
const BURST: usize = 1_000;
/// Files that we are given at once beyond that.
const MANY: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let hole = BlackHole::open()?;
    let sipp = Sipp::start(FarSide::HangsUp, &hole.ports).await?;
    let place = folder()?;
    let files = CallFiles::make(place.path())?;
    let server = Outdial::roomy_with(&format!(
        "[policy]\nopen = [\"sip:127.0.0.1\"]\n[pacing]\nnumber_gap = 0\n\
         [[faces.spool]]\ndirectory = {:?}\ntrunks = {{ anyone = \"\" }}\n",
        files.queue()
    ))?;
    let ours = bursts(&files, &sipp, || server.processor()).await?;
    let to_invite = to_invite(&server).await?;
    let before = server.resident()?;
    let many = burst(&files, &sipp, MANY, || server.processor()).await?;
    let grown = (server.most_resident()? - before) / 1_000.0;
    drop(server);

    let theirs = if Asterisk::is_here() {
        let asterisk = Asterisk::start().await?;
        Some(bursts(&asterisk.call_files(), &sipp, || asterisk.processor()).await?)
    } else {
        None
    };
    let peer = "Asterisk";
    table.add(
        Row::new(format!("spool: files a second, {BURST} at once"), ours.rate)
            .peer(peer, theirs.as_ref().map(|burst| burst.rate)),
    );
    table.add(Row::new("spool: CPU s per 1,000 files", ours.processor).peer(peer, theirs.map(|burst| burst.processor)));
    // Of a burst: the last one waits for those before it.
    for percent in [50, 99] {
        let name = format!("spool: renaming to INVITE, {BURST} at once, p{percent} ms");
        table.add(Row::new(name, percentile(&to_invite, percent)));
    }
    table.add(Row::new(format!("spool: files a second, {MANY} at once"), many.rate));
    table.add(Row::new(format!("spool: memory grown by {MANY} at once, MB"), grown));
    Ok(())
}

/// How many milliseconds passed from the renaming of each file of the last burst to the INVITE of its call, sorted.
async fn to_invite(server: &Outdial) -> Result<Vec<f64>> {
    let (mut times, mut page) = (Vec::new(), "/calls?limit=100".to_owned());
    while times.len() < BURST {
        let listed = server.client.get(&page).await?;
        for call in listed["calls"].as_array().context("a list of calls")? {
            let id = call["id"].as_str().context("a call without an id")?;
            let moved = call["reference"].as_str().and_then(moved_at);
            let whole = server.client.get(&format!("/calls/{id}")).await?;
            let invited = whole["attempts"][0]["legs"][0]["dialing_at"].as_str();
            let invited: Timestamp = invited.context("a call that was not dialled")?.parse()?;
            let took = invited.duration_since(moved.context("a call of no file")?);
            times.push(took.as_secs_f64() * 1_000.0);
        }
        let next = listed["next"].as_str().context("fewer calls than files")?;
        page = format!("/calls?limit=100&cursor={next}");
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

struct Burst {
    rate: f64,
    /// Processor seconds per 1,000 files.
    processor: f64,
}

/// The middle of some bursts. The first one is not counted: what is done once is not part of a call.
async fn bursts(files: &CallFiles, sipp: &Sipp, processor: impl Fn() -> Result<f64>) -> Result<Burst> {
    burst(files, sipp, BURST / 10, &processor).await?;
    let mut all = Vec::new();
    for _ in 0..TIMES {
        all.push(burst(files, sipp, BURST, &processor).await?);
    }
    Ok(Burst {
        rate: median(all.iter().map(|burst| burst.rate).collect()),
        processor: median(all.iter().map(|burst| burst.processor).collect()),
    })
}

async fn burst(files: &CallFiles, sipp: &Sipp, calls: usize, processor: impl Fn() -> Result<f64>) -> Result<Burst> {
    let before = processor()?;
    let started = files.dial(calls, &sipp.uri(), "Wait", "60")?;
    files.are_done(PATIENCE).await?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Burst {
        rate: calls as f64 / seconds,
        processor: 1_000.0 * (processor()? - before) / calls as f64,
    })
}
