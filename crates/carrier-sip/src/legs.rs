//! The legs under way, by the name they have on the wire.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use outdial_domain::LegId;
use rsipstack::transaction::Transaction;
use tokio::sync::mpsc;

use crate::{bucket::Bucket, trace::Trace};

/// The most places that one leg has to do with.
const PLACES: usize = 32;

const DOMAIN: &str = "@outdial";

/// The Call-ID of a leg.
pub(crate) fn call_id(leg: LegId) -> String {
    format!("{leg}{DOMAIN}")
}

/// Where messages of a leg go to.
#[derive(Debug)]
pub(crate) struct Line {
    /// What went over the wire.
    pub(crate) trace: Mutex<Trace>,
    /// Requests of the far side.
    pub(crate) requests: mpsc::Sender<Box<Transaction>>,
    /// The requests of the far side that are taken per second.
    pub(crate) asking: Mutex<Bucket>,
    /// The provisional answers that are.
    pub(crate) ringing: Mutex<Bucket>,
    /// Where messages of the leg have come from or gone to.
    pub(crate) places: Mutex<Vec<IpAddr>>,
}

impl Line {
    /// Whether one more request fits into this second.
    pub(crate) fn may_ask(&self, now: Instant) -> bool {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }

    /// Whether one more provisional answer does.
    pub(crate) fn may_ring(&self, now: Instant) -> bool {
        self.ringing.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }

    /// Notes where a message has gone to.
    pub(crate) fn note(&self, place: IpAddr) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() < PLACES && !places.contains(&place) {
            places.push(place);
        }
    }

    /// Whether a message has gone there.
    pub(crate) fn knows(&self, place: IpAddr) -> bool {
        self.places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&place)
    }
}

/// All legs under way.
#[derive(Debug, Default)]
pub(crate) struct Legs {
    lines: Mutex<HashMap<String, Arc<Line>>>,
}

impl Legs {
    /// Enters the leg with this Call-ID; `false` if there is one already.
    pub(crate) fn enter(&self, call_id: &str, line: Arc<Line>) -> bool {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.contains_key(call_id) {
            return false;
        }
        lines.insert(call_id.to_owned(), line);
        true
    }

    /// Forgets a leg.
    pub(crate) fn leave(&self, call_id: &str) {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(call_id);
    }

    /// The line of the leg with this Call-ID.
    pub(crate) fn line(&self, call_id: &str) -> Option<Arc<Line>> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(call_id.trim())
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
