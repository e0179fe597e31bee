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
const BARE: usize = 500;
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
    let peer = if Asterisk::is_here() {
        asterisk(&sink, &clip).await?
    } else {
        Vec::new()
    };
    let ports = sink.ports().to_vec();
    let bare = tokio::task::spawn_blocking(move || bare_send(&ports, BARE, LENGTH / 2))
        .await
        .context("the bare sender failed")??
        * 100.0
        / BARE as f64;

    for step in &ours {
        let row = Row::new(
            format!("playing: % of a core per 100, {} calls", step.calls),
            step.per_hundred(),
        );
        let same = peer.iter().find(|other| other.calls == step.calls);
        let row = match same {
            Some(same) => row.peer("Asterisk", Some(same.per_hundred())),
            None => row.peer("bare send", Some(bare)),
        };
        table.add(row.goal(Goal::AtMost(3.0)));
    }
    for step in &ours {
        let same = peer.iter().find(|other| other.calls == step.calls);
        let mut row = Row::new(
            format!("playing: % of packets late, {} calls", step.calls),
            step.tally.late_percent(),
        );
        if let Some(same) = same {
            row = row.peer("Asterisk", Some(same.tally.late_percent()));
        }
        table.add(row.goal(Goal::Below(GOOD)));
        if step.tally.late + step.tally.missing > 0 {
            table.note(format!("playing, {} calls: {}", step.calls, step.tally));
        }
    }
    let memory = |steps: &[Step]| steps.last().map(|step| step.memory / step.calls as f64);
    let held = ours.iter().filter(|step| step.is_held()).map(|step| step.calls).max();
    table.add(
        Row::new("playing: calls held in time, of those tried", held.unwrap_or(0) as f64).goal(Goal::AtLeast(2_000.0)),
    );
    table.add(
        Row::new("playing: memory per call, kB", memory(&ours).unwrap_or(f64::NAN))
            .peer("Asterisk", memory(&peer))
            .goal(Goal::AtMost(60.0)),
    );
    Ok(())
}

/// So many calls at a time, listened to for a while.
struct Step {
    calls: usize,
    /// Processor seconds in a second.
    cores: f64,
    tally: Tally,
    /// Kilobytes more than without a call.
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
    let rest = server.resident()?;
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
            memory: server.resident()? - rest,
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
    let rest = asterisk.resident()?;
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
            memory: asterisk.resident()? - rest,
        });
    }
    Ok(steps)
}

/// A WAV file of some minutes, with sound in all of it: silence might be left out.
fn clip() -> Result<Vec<u8>> {
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
