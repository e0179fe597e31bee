//! Limits that several nodes keep together, in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use outdial_engine::{
    pacing::{
        bucket::{Bucket, Nanos},
        limits::{Key, Ledger, Usage},
    },
    ports::{Count, Counted},
};

/// How far the limits are used up, and by whom.
#[derive(Debug, Default)]
pub(super) struct Limits {
    buckets: BTreeMap<Key, Bucket>,
    /// How many live calls of each run count against each limit.
    live: BTreeMap<(String, Key), u32>,
}

impl Limits {
    pub(super) fn count(&mut self, count: Count, since_start: Duration) -> Counted {
        let now = Nanos::try_from(since_start.as_nanos()).unwrap_or(Nanos::MAX);
        let Count {
            run,
            whole,
            live,
            calls,
        } = count;
        if whole {
            self.live.retain(|(whose, _), _| *whose != run);
        }
        let mut keys: BTreeSet<Key> = calls.iter().flatten().map(|want| want.key.clone()).collect();
        for (key, calls) in live {
            keys.insert(key.clone());
            self.live.insert((run.clone(), key), calls);
        }
        let mut ledger = Ledger::with(keys.iter().map(|key| {
            let usage = Usage {
                bucket: self.buckets.get(key).copied().unwrap_or_default(),
                in_use: self.in_use(key),
            };
            (key.clone(), usage)
        }));
        let verdicts = calls
            .iter()
            .map(|wants| {
                let verdict = ledger.admit(wants.iter(), now);
                let places = wants.iter().filter(|want| want.limit.at_once.is_some());
                for want in places.filter(|_| verdict.is_ok()) {
                    *self.live.entry((run.clone(), want.key.clone())).or_default() += 1;
                }
                verdict
            })
            .collect();
        let used: Vec<(Key, Usage)> = keys.into_iter().map(|key| (key.clone(), ledger.usage(&key))).collect();
        self.buckets
            .extend(used.iter().map(|(key, usage)| (key.clone(), usage.bucket)));
        Counted { now, verdicts, used }
    }

    /// Forgets what runs had that are gone.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&str) -> bool) {
        self.live.retain(|(run, _), _| !is_gone(run));
    }

    fn in_use(&self, key: &Key) -> u32 {
        let counts = self.live.iter().filter(|((_, of), _)| of == key);
        counts.map(|(_, calls)| *calls).sum()
    }
}
