//! Random plans, phones, crashes, lost answers and jumps of the clock, against a simple model of what may be
//! dialled. A crash drops everything but the store, at any moment, and a new engine starts on it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod model;

use proptest::prelude::*;

use model::{history::History, life::lives};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever dies and whenever: no call is dialled more often than its plan allows, nothing rings that is
    /// not in the journal, what cannot be known is unknown, and every call ends.
    #[test]
    fn no_crash_makes_a_call_too_many_or_too_few(lives in lives()) {
        let mut history = History::new();
        for life in &lives {
            history.live(life);
        }
        history.live_to_the_end();
        history.check();
    }
}
