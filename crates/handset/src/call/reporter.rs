use std::sync::{Arc, Mutex, PoisonError};

use outdial_media::digit::Digit;

use crate::event::{EventKind, HeardWay};
use crate::journal::Journal;

/// Tells what happens to one call. Shared by all who take part in it.
#[derive(Debug, Clone)]
pub(crate) struct Reporter(Arc<Told>);

#[derive(Debug)]
struct Told {
    journal: Arc<Journal>,
    number: String,
    call_id: String,
    from: String,
    ring: u64,
    digits: Mutex<String>,
}

impl Reporter {
    pub(crate) fn new(journal: Arc<Journal>, number: String, call_id: String, from: String, ring: u64) -> Self {
        Self(Arc::new(Told {
            journal,
            number,
            call_id,
            from,
            ring,
            digits: Mutex::default(),
        }))
    }

    pub(crate) fn tell(&self, kind: EventKind) {
        self.0.journal.tell(&self.0.number, &self.0.call_id, self.0.ring, kind);
    }

    pub(crate) fn digit(&self, digit: Digit, way: HeardWay) {
        let digit = digit.as_char();
        self.0.digits.lock().unwrap_or_else(PoisonError::into_inner).push(digit);
        self.tell(EventKind::Digit { digit, way });
    }

    pub(crate) fn digits(&self) -> String {
        self.0.digits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn number(&self) -> &str {
        &self.0.number
    }

    pub(crate) fn call_id(&self) -> &str {
        &self.0.call_id
    }

    pub(crate) fn from(&self) -> &str {
        &self.0.from
    }

    pub(crate) fn ring(&self) -> u64 {
        self.0.ring
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }
}
