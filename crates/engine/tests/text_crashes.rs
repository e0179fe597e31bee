//! Random texts, networks, receipts, crashes and lost answers, against a simple model of what may be sent. A crash
//! drops everything but the store, at any moment, and a new engine starts on it; the networks live on.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod text_model;

use proptest::prelude::*;

use text_model::{history::History, life::lives};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever dies and whenever: no part is submitted more often than its plan allows, what a network was heard to
    /// say is written down, every text ends once, and none is forgotten.
    #[test]
    fn no_crash_makes_a_text_too_many_or_too_few(lives in lives()) {
        let mut history = History::new();
        for life in &lives {
            history.live(life);
        }
        history.live_to_the_end();
        history.check();
    }
}
