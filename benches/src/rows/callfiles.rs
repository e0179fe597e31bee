use std::{
    fs::{self, File, FileTimes},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use outdial_callfile::{CallFile, Channel, Order, Spool, When};
use outdial_testkit::peers::{Peer, interop_dir, require, venv_python};
use serde_json::json;
use tempfile::TempDir;

use super::TIMES;
use crate::{
    machine::{self, median},
    programs::folder,
    table::{Goal, Row, Table},
};

const LENGTH: Duration = Duration::from_secs(1);
const THREADS: u32 = 4;
/// Far enough away that no figure is of a time that is over.
const DUE: Duration = Duration::from_secs(2_111_677_200);

pub(super) fn measure(table: &mut Table) -> Result<()> {
    let places = Places(folder()?);
    let file = call()?;
    let at = When::try_from(SystemTime::UNIX_EPOCH + DUE)?;
    for threads in [1, THREADS] {
        // Turn about, so that both meet the same machine.
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            ours.push(by_spool(&places, &file, at, false, threads)?);
            bare.push(by_bare_calls(&places, &file, false, threads)?);
        }
        let name = if threads == 1 {
            "1 thread".to_owned()
        } else {
            format!("{threads} threads")
        };
        let (rate, bare_rate) = (of(&ours, |run| run.rate), of(&bare, |run| run.rate));
        table.add(
            Row::new(format!("call files a second, not synced, {name}"), rate)
                .peer("bare calls", Some(bare_rate))
                .goal(Goal::AtLeast(0.8 * bare_rate)),
        );
        if threads == 1 {
            against_pycall(table, &places, rate, of(&ours, |run| run.processor))?;
            table.add(
                Row::new(
                    "call files: CPU µs per file, not synced",
                    of(&ours, |run| run.processor),
                )
                .peer("bare calls", Some(of(&bare, |run| run.processor))),
            );
        }
    }

    let (mut single, mut bare, mut syncs, mut batch) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        single.push(by_spool(&places, &file, at, true, 1)?.rate);
        bare.push(by_bare_calls(&places, &file, true, 1)?.rate);
        syncs.push(machine::syncs_per_second(folder()?.path())?);
        batch.push(by_batch(&places, &file, at)?);
    }
    let (single, syncs) = (median(single), median(syncs));
    table.add(
        Row::new("call files a second, synced one by one", single)
            .peer("fdatasync", Some(syncs))
            .goal(Goal::AtLeast(0.8 * syncs)),
    );
    // A new file costs the file system's journal a commit, which a write into an old one does not.
    table.add(Row::new("call files a second, synced one by one", single).peer("bare calls", Some(median(bare))));
    table.add(
        Row::new("call files a second, synced by the batch call", median(batch))
            .peer("one by one", Some(single))
            .goal(Goal::AtLeast(10.0 * single)),
    );
    Ok(())
}

fn call() -> Result<CallFile> {
    let file = CallFile::builder(Channel::local("100", "from-internal")?)
        .caller_id("Wake Up", "555")
        .variable("greeting", "hello")
        .account("acct")
        .wait_time(15)
        .retry_time(60)
        .max_retries(2)
        .application("Playback", "hello-world");
    Ok(file.build()?)
}

fn of(runs: &[Run], figure: impl Fn(&Run) -> f64) -> f64 {
    median(runs.iter().map(figure).collect())
}

/// Files per second, and processor microseconds per file.
#[derive(Debug)]
struct Run {
    rate: f64,
    processor: f64,
}

/// Where all files are made. They stay until the end, because ext4 is slow in making files for
/// half a minute after many were removed.
struct Places(TempDir);

impl Places {
    /// An empty spool directory, in a directory of its own.
    fn queue(&self) -> Result<PathBuf> {
        let place = tempfile::tempdir_in(self.0.path())
            .context("make a place for files")?
            .keep();
        let queue = place.join("outgoing");
        fs::create_dir(&queue).context("make a spool directory")?;
        Ok(queue)
    }
}

/// Does something in so many threads for a while. It is told the thread and the count.
fn timed(threads: u32, each: impl Fn(u32, u32) -> Result<()> + Sync) -> Result<Run> {
    let (before, started) = (processor()?, Instant::now());
    let run = |thread| {
        let mut count = 0_u32;
        while started.elapsed() < LENGTH {
            each(thread, count)?;
            count += 1;
        }
        Ok(count)
    };
    let run = &run;
    let count = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        let counts = threads
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"));
        counts.sum::<Result<u32>>()
    })?;
    let (took, used) = (started.elapsed().as_secs_f64(), processor()? - before);
    Ok(Run {
        rate: f64::from(count) / took,
        processor: used / f64::from(count),
    })
}

/// Processor microseconds of this process so far.
fn processor() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("ask for the processor time")?;
    Ok((usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64)
}

fn by_spool(places: &Places, file: &CallFile, at: When, sync: bool, threads: u32) -> Result<Run> {
    let spool = Spool::new(places.queue()?).sync(sync);
    timed(threads, |_, _| {
        spool.spool_at(file, at)?;
        Ok(())
    })
}

fn by_batch(places: &Places, file: &CallFile, at: When) -> Result<f64> {
    let spool = Spool::new(places.queue()?);
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < LENGTH {
        for answer in spool.spool_many((0..4096).map(|_| Order::new(file).at(at))) {
            answer?;
            count += 1;
        }
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

/// What the system takes for it: make, write, set the time, rename. The text is ready.
fn by_bare_calls(places: &Places, file: &CallFile, sync: bool, threads: u32) -> Result<Run> {
    let queue = places.queue()?;
    let staging = queue.with_file_name("staging");
    fs::create_dir(&staging).context("make a staging directory")?;
    let text = file.to_text()?;
    let time = SystemTime::UNIX_EPOCH + DUE;
    timed(threads, |thread, count| {
        let name = format!("{thread}-{count}.call");
        bare(&staging.join(&name), &queue.join(&name), &text, time, sync).context("make a file by bare calls")
    })
}

fn bare(from: &Path, to: &Path, text: &str, time: SystemTime, sync: bool) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o640).open(from)?;
    file.write_all(text.as_bytes())?;
    file.set_times(FileTimes::new().set_accessed(time).set_modified(time))?;
    if sync {
        file.sync_data()?;
    }
    drop(file);
    fs::rename(from, to)
}

fn against_pycall(table: &mut Table, places: &Places, rate: f64, processor: f64) -> Result<()> {
    let theirs = if require(Peer::Pycall) {
        Some(by_pycall(places)?)
    } else {
        None
    };
    table.add(
        Row::new("call files a second, not synced", rate).peer("pycall", theirs.as_ref().map(|theirs| theirs.rate)),
    );
    let row = Row::new("call files: CPU µs per file, not synced", processor);
    table.add(match theirs {
        Some(theirs) => {
            let goal = Goal::AtMost(theirs.processor / 10.0);
            row.peer("pycall", Some(theirs.processor)).goal(goal)
        }
        None => row.peer("pycall", None),
    });
    Ok(())
}

fn by_pycall(places: &Places) -> Result<Run> {
    let queue = places.queue()?;
    let wish = json!([{
        "channel": "Local/100@from-internal", "callerid": "\"Wake Up\" <555>", "variables": { "greeting": "hello" },
        "account": "acct", "wait_time": 15, "retry_time": 60, "max_retries": 2, "application": "Playback",
        "data": "hello-world", "archive": true, "time": DUE.as_secs(), "spool_dir": queue, "tempdir": queue.parent(),
    }]);
    let (mut rates, mut processors) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let mut child = Command::new(venv_python())
            .arg(interop_dir().join("peers/pycall_write.py"))
            .args(["rate", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start pycall")?;
        let input = child.stdin.take().context("talk to pycall")?;
        serde_json::to_writer(input, &wish).context("talk to pycall")?;
        let output = child.wait_with_output().context("wait for pycall")?;
        anyhow::ensure!(output.status.success(), "pycall ended with {}", output.status);
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).context("listen to pycall")?;
        let figure = |name: &str| said[name].as_f64().with_context(|| format!("no {name} in {said}"));
        rates.push(figure("rate")?);
        processors.push(1e6 * figure("processor")?);
    }
    Ok(Run {
        rate: median(rates),
        processor: median(processors),
    })
}
