//! The fault that writes the journal of a leg only when its request has left.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use outdial_domain::CallId;

use super::armed::Fault;
use crate::{Engine, ports::Change, saving};

/// How long after the request the journal is written: a crash is likely to find a leg in between.
const TOO_LATE: Duration = Duration::from_millis(500);

static KEPT_BACK: Mutex<Option<HashMap<CallId, Change>>> = Mutex::new(None);

/// Whether this entry of the journal is kept back on purpose, to be written when the request has left.
pub(crate) fn keeps_back(change: &Change) -> bool {
    let keeps = Fault::asked() == Some(&Fault::JournalAfterSend);
    if keeps {
        let mut kept = KEPT_BACK.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert_default().insert(change.call.id, change.clone());
    }
    keeps
}

/// Writes what was kept back.
pub(crate) async fn write_late(engine: &Engine, call: CallId) {
    let kept = {
        let mut kept = KEPT_BACK.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_mut().and_then(|kept| kept.remove(&call))
    };
    if let Some(change) = kept {
        tokio::time::sleep(TOO_LATE).await;
        saving::save(engine, change).await;
    }
}
