//! What is due and not dialled yet, as the store had it a moment ago.
//!
//! Whoever asks for a place in the queue may ask again and again, and many may ask at once. So the store lists each
//! lane at most once in a while, for all of them.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

use crate::ports::{Backlog, Lane, Placing, Store, StoreError};

/// So long an answer of the store holds.
const HOLDS: Duration = Duration::from_secs(1);
/// Of so many lanes answers are kept; each may list ten thousand calls.
const LANES: usize = 32;

/// What the store said last of each lane.
#[derive(Debug, Default)]
pub(crate) struct Backlogs(Mutex<HashMap<Lane, Asked>>);

#[derive(Debug)]
struct Asked {
    at: Instant,
    answer: Answer,
}

/// Filled by the first that asks; the others wait for it.
type Answer = Arc<OnceCell<Arc<Backlog>>>;

impl Backlogs {
    /// What waits in a lane and in the others, not older than a second.
    pub(crate) async fn of(&self, store: &dyn Store, placing: Placing) -> Result<Arc<Backlog>, StoreError> {
        let answer = self.answer(placing.lane, Instant::now());
        let asked = answer.get_or_try_init(async || store.backlog(placing).await.map(Arc::new));
        asked.await.cloned()
    }

    fn answer(&self, lane: Lane, now: Instant) -> Answer {
        // A map of answers is whole after every single operation on it.
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, asked| now.duration_since(asked.at) < HOLDS);
        let is_full = lanes.len() >= LANES;
        match lanes.entry(lane) {
            Entry::Occupied(asked) => Arc::clone(&asked.get().answer),
            Entry::Vacant(_) if is_full => Answer::default(),
            Entry::Vacant(lane) => {
                let answer = Answer::default();
                Arc::clone(&lane.insert(Asked { at: now, answer }).answer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use outdial_domain::{AccountId, Priority};

    use super::*;
    use crate::ports::Work;

    fn lane(number: usize) -> Lane {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&number.to_be_bytes());
        Lane {
            account: AccountId::new(Timestamp::UNIX_EPOCH, random),
            work: Work::Calls,
            priority: Priority::Normal,
        }
    }

    #[test]
    fn an_answer_holds_for_a_second_and_only_so_many_are_kept() {
        let (backlogs, begun) = (Backlogs::default(), Instant::now());
        let is_kept = |one: &Answer, lane, after| Arc::ptr_eq(one, &backlogs.answer(lane, begun + after));
        let first = backlogs.answer(lane(0), begun);
        assert!(is_kept(&first, lane(0), HOLDS - Duration::from_millis(1)));
        assert!(!is_kept(&first, lane(0), HOLDS), "it is asked again");
        for number in 0..2 * LANES {
            backlogs.answer(lane(number), begun + HOLDS);
        }
        assert_eq!(backlogs.0.lock().unwrap().len(), LANES);
        backlogs.answer(lane(0), begun + 2 * HOLDS);
        assert_eq!(backlogs.0.lock().unwrap().len(), 1, "what is old goes");
    }
}
