//! The legs under way, by the name they have on the wire.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use outdial_domain::LegId;
use rsipstack::transaction::Transaction;
use tokio::sync::mpsc;

use crate::trace::Trace;

const DOMAIN: &str = "@outdial";

/// The Call-ID of a leg.
pub(crate) fn call_id(leg: LegId) -> String {
    format!("{leg}{DOMAIN}")
}

/// The leg that a Call-ID belongs to, if it can be one of ours.
pub(crate) fn leg_of(call_id: &str) -> Option<LegId> {
    call_id.trim().strip_suffix(DOMAIN)?.parse().ok()
}

/// Where messages of a leg go to.
#[derive(Debug)]
pub(crate) struct Line {
    /// What went over the wire.
    pub(crate) trace: Mutex<Trace>,
    /// Requests of the far side.
    pub(crate) requests: mpsc::Sender<Box<Transaction>>,
}

/// All legs under way.
#[derive(Debug, Default)]
pub(crate) struct Legs {
    lines: Mutex<HashMap<LegId, Arc<Line>>>,
}

impl Legs {
    /// Enters a leg; `false` if it is there already.
    pub(crate) fn enter(&self, leg: LegId, line: Arc<Line>) -> bool {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.contains_key(&leg) {
            return false;
        }
        lines.insert(leg, line);
        true
    }

    /// Forgets a leg.
    pub(crate) fn leave(&self, leg: LegId) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).remove(&leg);
    }

    /// The line of the leg with this Call-ID.
    pub(crate) fn line(&self, call_id: &str) -> Option<Arc<Line>> {
        let leg = leg_of(call_id)?;
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&leg)
            .cloned()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trace")
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_call_id_names_its_leg_and_no_other_text_does() {
        let leg = LegId::new(Timestamp::UNIX_EPOCH, [7; 10]);
        assert_eq!(leg_of(&call_id(leg)), Some(leg));
        assert_eq!(leg_of("leg_1@outdial"), None);
        assert_eq!(leg_of("a84b4c76e66710@pc33.atlanta.com"), None);
        assert_eq!(leg_of(""), None);
    }
}
