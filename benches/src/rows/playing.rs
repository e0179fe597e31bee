use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream};
use outdial_media::wav;
use serde_json::json;

use crate::{
    bare_send::bare_send,
    programs::{Asterisk, FarSide, Outdial, Sipp},
    sink::{Sink, Tally},
    table::{Goal, Row, Table},
};

const STEPS: [usize; 4] = [100, 500, 1_000, 2_000];
/// More than this Asterisk does not hold on two cores.
const ASTERISK_STEPS: [usize; 2] = [100, 500];
const BARE_STEPS: [usize; 2] = [1_000, 2_000];
/// Longer than all steps together.
const CLIP_SECONDS: usize = 180;
const RATE: u32 = 8_000;
/// How long the sound flows before it is measured, and for how long it is.
const SETTLED: Duration = Duration::from_secs(2);
const LENGTH: Duration = Duration::from_secs(8);
const PATIENCE: Duration = Duration::from_secs(20);

/// The share of late packets that is still good, in percent.
const GOOD: f64 = 0.5;

pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let sink = Sink::open()?;
    let clip = clip()?;
    let ours = ours(&sink, clip.clone()).await?;
    let asterisk = if Asterisk::is_here() {
        asterisk(&sink, &clip).await?
    } else {
        Vec::new()
    };
    let bare = bare(&sink).await?;

    let peer = |row: Row, calls: usize, figure: fn(&Step) -> f64| {
        let of = |steps: &[Step]| steps.iter().find(|step| step.calls == calls).map(figure);
        match (of(&asterisk), of(&bare)) {
            (Some(same), _) => row.peer("Asterisk", Some(same)),
            (None, Some(same)) => row.peer("bare send", Some(same)),
            (None, None) => row,
        }
    };
    for step in &ours {
        let what = format!("playing: % of a core per 100, {} calls", step.calls);
        let row = Row::new(what, step.per_hundred()).goal(Goal::AtMost(3.0));
        table.add(peer(row, step.calls, Step::per_hundred));
    }
    for step in &ours {
        let what = format!("playing: % of packets late, {} calls", step.calls);
        let row = Row::new(what, step.tally.late_percent()).goal(Goal::Below(GOOD));
        table.add(peer(row, step.calls, |step| step.tally.late_percent()));
        if step.tally.late + step.tally.missing > 0 {
            table.note(format!("playing, {} calls: {}", step.calls, step.tally));
        }
    }
    let held = ours.iter().filter(|step| step.is_held()).map(|step| step.calls).max();
    table.add(
        Row::new("playing: calls held in time, of those tried", held.unwrap_or(0) as f64).goal(Goal::AtLeast(2_000.0)),
    );
    table.add(
        Row::new("playing: memory of one more call, kB", slope(&ours).unwrap_or(f64::NAN))
            .peer("Asterisk", slope(&asterisk))
            .goal(Goal::AtMost(60.0)),
    );
    Ok(())
}

/// Kilobytes that each call of the last step added. What is there once for all calls, such as the
/// pages that the database keeps, has mostly come with the steps before.
fn slope(steps: &[Step]) -> Option<f64> {
    let [.., before, last] = steps else { return None };
    Some((last.memory - before.memory) / (last.calls - before.calls) as f64)
}

/// So many calls at a time, listened to for a while.
struct Step {
    calls: usize,
    /// Processor seconds in a second.
    cores: f64,
    tally: Tally,
    /// Kilobytes that the program has in use.
    memory: f64,
}

impl Step {
    fn per_hundred(&self) -> f64 {
        100.0 * self.cores * 100.0 / self.calls as f64
    }

    fn is_held(&self) -> bool {
        self.tally.streams == self.calls && self.tally.late_percent() < GOOD
    }
}

async fn ours(sink: &Sink, clip: Vec<u8>) -> Result<Vec<Step>> {
    let sipp = Sipp::start(FarSide::Listens, sink.ports()).await?;
    let server = Outdial::roomy()?;
    let audio = server.client.upload(clip).await?;
    let body = json!({ "to": sipp.uri(), "play": audio });
    let place = |count: usize| {
        let placing = stream::iter((0..count).map(|_| server.client.place(&body))).buffer_unordered(20);
        async {
            let placed: Vec<_> = placing.collect().await;
            placed.into_iter().collect::<Result<Vec<_>>>()
        }
    };
    // One call reads the file into memory once for all.
    place(1).await?;
    sink.wait_for(1, PATIENCE).await;
    let mut steps: Vec<Step> = Vec::new();
    for calls in STEPS {
        place(calls - steps.last().map_or(1, |step| step.calls)).await?;
        let live = sink.wait_for(calls, PATIENCE).await;
        ensure!(live > calls / 2, "only {live} of {calls} calls play");
        tokio::time::sleep(SETTLED).await;
        let (before, started) = (server.processor()?, Instant::now());
        let tally = sink.listen(LENGTH, calls).await;
        let cores = (server.processor()? - before) / started.elapsed().as_secs_f64();
        steps.push(Step {
            calls,
            cores,
            tally,
            memory: server.resident()?,
        });
    }
    Ok(steps)
}

async fn asterisk(sink: &Sink, clip: &[u8]) -> Result<Vec<Step>> {
    let sipp = Sipp::start(FarSide::Listens, sink.ports()).await?;
    let asterisk = Asterisk::start().await?;
    let path = asterisk.sounds().join("clip");
    std::fs::write(path.with_extension("wav"), clip).context("give Asterisk the clip")?;
    let path = path.to_str().context("the path of the clip is text")?;
    let play = |count| asterisk.dial(count, &sipp.uri(), "Playback", path);
    play(1)?;
    sink.wait_for(1, PATIENCE).await;
    let mut steps: Vec<Step> = Vec::new();
    for calls in ASTERISK_STEPS {
        play(calls - steps.last().map_or(1, |step| step.calls))?;
        let live = sink.wait_for(calls, PATIENCE).await;
        ensure!(live > calls / 2, "only {live} of {calls} calls of Asterisk play");
        tokio::time::sleep(SETTLED).await;
        let (before, started) = (asterisk.processor()?, Instant::now());
        let tally = sink.listen(LENGTH, calls).await;
        let cores = (asterisk.processor()? - before) / started.elapsed().as_secs_f64();
        steps.push(Step {
            calls,
            cores,
            tally,
            memory: asterisk.resident()?,
        });
    }
    Ok(steps)
}

/// The kernel alone, with the same packets.
async fn bare(sink: &Sink) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for calls in BARE_STEPS {
        let ports = sink.ports().to_vec();
        let sending = tokio::task::spawn_blocking(move || bare_send(&ports, calls, LENGTH));
        sink.wait_for(calls, PATIENCE).await;
        let tally = sink.listen(LENGTH / 2, calls).await;
        steps.push(Step {
            calls,
            cores: sending.await.context("the bare sender failed")??,
            tally,
            memory: 0.0,
        });
    }
    Ok(steps)
}

/// A WAV file of some minutes, with sound in all of it: silence might be left out.
pub(super) fn clip() -> Result<Vec<u8>> {
    let samples: Vec<i16> = (0..CLIP_SECONDS * RATE as usize)
        .map(|index| {
            let second = index as f64 / f64::from(RATE);
            let swell = 0.6 + 0.4 * (std::f64::consts::TAU * 3.0 * second).sin();
            (8_000.0 * swell * (std::f64::consts::TAU * 440.0 * second).sin()) as i16
        })
        .collect();
    let mut file = Vec::new();
    wav::write_mono(&mut file, RATE, &samples).context("write a WAV file")?;
    Ok(file)
}
