//! Names, as the gateway gave them.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use outdial_voicent::ReqId;

/// The names of calls and texts: the milliseconds of the clock, and those after them when several come at once.
#[derive(Debug, Default)]
pub(super) struct Names(AtomicI64);

impl Names {
    /// A name that this gateway has not given since it started.
    pub(super) fn next(&self, now: Timestamp) -> ReqId {
        let now = now.as_millisecond();
        let next = |last: i64| now.max(last + 1);
        let last = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let moment = Timestamp::from_millisecond(next(last.unwrap_or_else(|last| last))).unwrap_or(Timestamp::MAX);
        ReqId::of(moment)
    }
}
