//! What was tried, and what was found.

use std::{collections::BTreeMap, fmt, sync::atomic::Ordering, time::Duration};

use super::{
    Trial,
    accounts::Whole,
    ground::Ground,
    promise::{Broken, Promise},
    receiver::Receiver,
    rings::Rings,
};

/// So many broken promises are told in full.
const TOLD: usize = 12;

#[derive(Debug)]
pub struct Report {
    trial: Trial,
    pub broken: Vec<Broken>,
    took: Duration,
    calls: usize,
    /// How many attempts ended in each way.
    attempts: BTreeMap<String, usize>,
    /// How many calls were rung so often.
    rung: BTreeMap<usize, usize>,
    disturbances: BTreeMap<String, usize>,
    requests: u64,
    notifications: u64,
    events: usize,
}

impl Report {
    pub fn new(
        trial: &Trial,
        ground: &Ground,
        calls: &BTreeMap<usize, Whole>,
        rings: &Rings,
        receiver: &Receiver,
        took: Duration,
    ) -> Self {
        let mut attempts = BTreeMap::new();
        for attempt in calls
            .values()
            .filter_map(|whole| whole.call["attempts"].as_array())
            .flatten()
        {
            let outcome = attempt["ending"]["outcome"].as_str().unwrap_or("none");
            *attempts.entry(outcome.to_owned()).or_default() += 1;
        }
        let mut rung = BTreeMap::new();
        for times in rings.numbers.values().copied() {
            *rung.entry(times).or_default() += 1;
        }
        let mut disturbances = BTreeMap::new();
        for disturbance in ground.disturbances() {
            let (what, _) = disturbance.what.split_once(':').unwrap_or((&disturbance.what, ""));
            *disturbances.entry(what.to_owned()).or_default() += 1;
        }
        let notifications = receiver.told().borrow().notifications;
        Self {
            trial: trial.clone(),
            broken: ground.broken(),
            took,
            calls: calls.len(),
            attempts,
            rung,
            disturbances,
            requests: ground.asked.load(Ordering::Relaxed),
            notifications,
            events: calls.values().map(|whole| whole.events.len()).sum(),
        }
    }

    /// How many attempts ended as `unknown`.
    pub fn unknown(&self) -> usize {
        self.attempts.get("unknown").copied().unwrap_or(0)
    }

    /// Whether a promise was broken.
    pub fn breaks(&self, promise: Promise) -> bool {
        self.broken.iter().any(|broken| broken.promise == promise)
    }

    /// Fails unless every promise was kept.
    pub fn assert_kept(&self) {
        assert!(self.broken.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trial, took, .. } = self;
        writeln!(
            f,
            "torture of {:?}, seed {}, {:.0} s",
            trial.engine,
            trial.seed,
            took.as_secs_f32()
        )?;
        writeln!(f, "  {} calls, {} requests", self.calls, self.requests)?;
        writeln!(f, "  disturbances: {:?}", self.disturbances)?;
        writeln!(f, "  attempts: {:?}", self.attempts)?;
        writeln!(f, "  phones rung so many times: {:?}", self.rung)?;
        writeln!(f, "  {} notifications of {} events", self.notifications, self.events)?;
        if self.broken.is_empty() {
            return write!(f, "  every promise was kept");
        }
        let mut promises: BTreeMap<Promise, usize> = BTreeMap::new();
        for broken in &self.broken {
            *promises.entry(broken.promise).or_default() += 1;
        }
        for (promise, times) in promises {
            writeln!(f, "  BROKEN {times} times: {promise}")?;
        }
        for broken in self.broken.iter().take(TOLD) {
            writeln!(f, "    {}: {}", broken.promise, broken.how)?;
        }
        write!(f, "  try it again with --seed {}", trial.seed)
    }
}
