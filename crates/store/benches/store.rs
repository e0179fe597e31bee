//! What the store costs: processor time per call, and commits a second, by how many callers there are.
//!
//! A call here is the life of an answered one: created, claimed, journalled, ringing, answered, ended,
//! with ten events and the messages of its leg; five or three commits and a share of a claim. Processor time is
//! that of the whole process, which holds nothing but the store, its callers and the making of their
//! changes. Run it with `cargo bench -p outdial-store --bench store [DIRECTORY]`; the directory says
//! which disk is measured, and `OUTDIAL_BENCH` may name one part.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its table and stops at any surprise"
)]

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, join_all};
use outdial_domain::CallId;
use outdial_engine::ports::{Change, Job, Store, Wanted};
use outdial_store::SqliteStore;
use outdial_testkit::store_suite::lives::{Caller, Life, at};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc, oneshot};

/// Seconds of processor time this process has used, in user mode and in the kernel.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

async fn open() -> (TempDir, Arc<SqliteStore>) {
    let under = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'))
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(under).unwrap();
    let store = SqliteStore::open(&directory.path().join("state.db")).await.unwrap();
    (directory, Arc::new(store))
}

fn median(times: &mut [Duration], part: f64) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = (last as f64 * part) as usize;
    times.get(at).copied().unwrap_or_default()
}

/// In how many changes a call is saved.
#[derive(Debug, Clone, Copy)]
enum Steps {
    /// Five: created, journalled, ringing, answered, ended.
    Five,
    /// Three: created, journalled, and all the rest at the end.
    Three,
}

impl Steps {
    fn of(self, life: &mut Life) -> Vec<Change> {
        match self {
            Self::Five => life.whole("n1"),
            Self::Three => life.gathered("n1"),
        }
    }
}

/// What the callers themselves cost: the making of the changes, saved nowhere.
fn making(calls: u64) {
    let caller = Caller::of(1);
    for steps in [Steps::Five, Steps::Three] {
        let before = processor();
        for number in 0..calls {
            std::hint::black_box(steps.of(&mut caller.call(number, at(0))));
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
        let each = (processor() - before) / calls as f64;
        println!(
            "making the changes of a call, {steps:?}: {:.1} us of processor",
            each * 1e6
        );
    }
}

/// Callers that each take one call after the other through its life. One more claims what is due.
async fn lives(callers: usize, calls: u64, steps: Steps) {
    let (_directory, store) = open().await;
    let caller = Caller::join(&*store, 1).await;
    // The texts of the statements are prepared once in the life of a program.
    round(&store, &caller, callers, 1_000_000_000, calls / 10, steps).await;
    let (before, began) = (processor(), Instant::now());
    let mut waits = round(&store, &caller, callers, 0, calls, steps).await;
    let (used, took) = (processor() - before, began.elapsed().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    let (calls, commits) = (calls as f64, waits.len() as f64);
    println!(
        "{callers:>5} callers, {steps:?}: {:>7.0} calls/s {:>8.0} commits/s {:>7.1} us of processor per call; a commit waits p50 {:>6.0?} p99 {:>6.0?}",
        calls / took,
        commits / took,
        used / calls * 1e6,
        median(&mut waits, 0.5),
        median(&mut waits, 0.99),
    );
}

async fn round(
    store: &Arc<SqliteStore>,
    caller: &Caller,
    callers: usize,
    first: u64,
    calls: u64,
    steps: Steps,
) -> Vec<Duration> {
    let next = Arc::new(AtomicU64::new(first));
    let scheduler = Arc::new(Scheduler::default());
    let tasks = (0..callers).map(|_| {
        let (store, caller, next) = (Arc::clone(store), caller.clone(), Arc::clone(&next));
        let scheduler = Arc::clone(&scheduler);
        tokio::spawn(async move {
            let mut waits = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= first + calls {
                    return waits;
                }
                let mut life = caller.call(number, at(0));
                let (claimed, taken) = oneshot::channel();
                scheduler.waiting.lock().unwrap().insert(life.call.id, claimed);
                let mut taken = Some(taken);
                for (step, change) in steps.of(&mut life).into_iter().enumerate() {
                    if step == 1 {
                        scheduler.wake.notify_one();
                        taken.take().unwrap().await.unwrap();
                    }
                    let began = Instant::now();
                    store.commit(change).await.unwrap();
                    waits.push(began.elapsed());
                }
            }
        })
    });
    let claiming = tokio::spawn({
        let (store, scheduler) = (Arc::clone(store), Arc::clone(&scheduler));
        async move {
            loop {
                scheduler.wake.notified().await;
                loop {
                    let claimed = store.claim_due(at(1), "n1", Wanted::any(64)).await.unwrap().calls;
                    for one in &claimed {
                        let waiting = scheduler.waiting.lock().unwrap().remove(&one.call.id);
                        waiting.unwrap().send(()).unwrap();
                    }
                    if claimed.is_empty() {
                        break;
                    }
                }
            }
        }
    });
    let waits = join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    claiming.abort();
    waits
}

/// Claims for all callers, when one of them has made a call.
#[derive(Default)]
struct Scheduler {
    waiting: Mutex<HashMap<CallId, oneshot::Sender<()>>>,
    wake: Notify,
}

/// Calls that come at a rate, spread as a network spreads them, and move on whether or not the store
/// keeps up: what the store costs when it has air.
async fn steady(rate: u32, seconds: u32, life: Steps) {
    let (_directory, store) = open().await;
    let caller = Caller::join(&*store, 1).await;
    let calls = u64::from(rate * seconds);
    let gap = Duration::from_secs(1) / rate;
    let mut steps: Vec<(Duration, Option<Change>)> = Vec::new();
    for number in 0..calls {
        // Golden-ratio steps spread the changes of calls without a pattern.
        let begin = gap * u32::try_from(number).unwrap();
        for (step, change) in (0..).zip(life.of(&mut caller.call(number, at(0)))) {
            let spread = Duration::from_micros((number * 6_180 + step * 3_819) % 10_000);
            if step == 1 {
                steps.push((begin + Duration::from_millis(18), None));
            }
            steps.push((
                begin + Duration::from_millis(20) * u32::try_from(step).unwrap() + spread / 2,
                Some(change),
            ));
        }
    }
    steps.sort_by_key(|(when, _)| *when);
    let (sender, mut answers) = mpsc::unbounded_channel();
    let before = processor();
    let wake = Arc::new(Notify::new());
    let claiming = tokio::spawn({
        let (store, wake) = (Arc::clone(&store), Arc::clone(&wake));
        async move {
            loop {
                wake.notified().await;
                store.claim_due(at(1), "n1", Wanted::any(64)).await.unwrap();
            }
        }
    });
    let driver = std::thread::spawn({
        let store = Arc::clone(&store);
        move || {
            let began = Instant::now();
            for (when, change) in steps {
                std::thread::sleep(when.saturating_sub(began.elapsed()));
                let asked = Instant::now();
                match change {
                    Some(change) => sender.send((asked, store.commit(change))).ok(),
                    None => {
                        wake.notify_one();
                        None
                    }
                };
            }
        }
    });
    let mut waits = Vec::new();
    while let Some((asked, answer)) = answers.recv().await {
        answer.await.unwrap();
        waits.push(asked.elapsed());
    }
    let used = processor() - before;
    driver.join().unwrap();
    claiming.abort();
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    let calls = calls as f64;
    println!(
        "{rate:>5} calls/s, {life:?}: {:>7.1} us of processor per call; an answer comes after p50 {:>6.0?} p99 {:>6.0?}",
        used / calls * 1e6,
        median(&mut waits, 0.5),
        median(&mut waits, 0.99),
    );
}

/// Claims of 50 calls and their journal, with ever more calls pending.
async fn backlog() {
    let (_directory, store) = open().await;
    let caller = Caller::join(&*store, 1).await;
    let mut made: u64 = 0;
    for pending in [1_000_u64, 10_000, 100_000, 300_000] {
        while made < pending {
            let commits =
                (made..pending.min(made + 2_000)).map(|number| store.commit(caller.call(number, at(0)).created()));
            made = pending.min(made + 2_000);
            for commit in join_all(commits).await {
                commit.unwrap();
            }
        }
        let (before, began) = (processor(), Instant::now());
        let mut claimed = 0;
        for _ in 0..20 {
            claimed += store.claim_due(at(1), "n1", Wanted::any(50)).await.unwrap().calls.len();
        }
        let (used, took) = (processor() - before, began.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
        let each = claimed as f64;
        println!(
            "{pending:>8} pending: {:>6.1} us of processor and {:>6.1} us per claimed call, {claimed} claimed",
            used / each * 1e6,
            took / each * 1e6
        );
        store.recover().await.unwrap();
    }
}

/// Only creates, as a campaign is handed over.
async fn creates(callers: u64, calls: u64) {
    let (_directory, store) = open().await;
    let caller = Caller::join(&*store, 1).await;
    let (before, began) = (processor(), Instant::now());
    let tasks = (0..callers).map(|task| {
        let (store, caller) = (Arc::clone(&store), caller.clone());
        tokio::spawn(async move {
            for number in (task..calls).step_by(usize::try_from(callers).unwrap()) {
                let created = caller.call(number, at(0)).created();
                store
                    .commit(Change {
                        job: Job::Add,
                        ..created
                    })
                    .await
                    .unwrap();
            }
        })
    });
    join_all(tasks).await.into_iter().for_each(Result::unwrap);
    let (used, took) = (processor() - before, began.elapsed().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    let calls = calls as f64;
    println!(
        "{callers:>5} callers: {:>7.0} creates/s {:>6.1} us of processor each",
        calls / took,
        used / calls * 1e6
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let on = |work: BoxFuture<'static, ()>| runtime.block_on(async { tokio::spawn(work).await.unwrap() });
    // All of it, or what is named.
    let named = std::env::var("OUTDIAL_BENCH").ok();
    let wanted = |name: &str| named.as_ref().is_none_or(|named| named == name);
    if wanted("lives") {
        println!("whole lives");
        making(20_000);
        for (callers, calls) in [(1, 1_000), (50, 10_000), (500, 20_000)] {
            for steps in [Steps::Five, Steps::Three] {
                on(Box::pin(lives(callers, calls, steps)));
            }
        }
    }
    if wanted("rate") {
        println!("calls at a rate");
        for rate in [100, 300, 1_000, 2_000] {
            for life in [Steps::Five, Steps::Three] {
                on(Box::pin(steady(rate, 3, life)));
            }
        }
    }
    if wanted("creates") {
        println!("creates");
        for callers in [1, 50, 500] {
            on(Box::pin(creates(callers, if callers == 1 { 3_000 } else { 30_000 })));
        }
    }
    if wanted("claims") {
        println!("claims");
        on(Box::pin(backlog()));
    }
}
