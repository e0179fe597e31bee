//! Where a call that is due stands in the queue, and until about when.

use jiff::Timestamp;
use outdial_domain::{CallState, Direction};

use crate::{
    Engine,
    pacing::{estimate::Asked, limits::Want, rules},
    ports::{CallDetails, Lane, Placing, StoreError},
    routing,
};

/// Where a call that is due stands in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceInQueue {
    /// Its place among those that wait for the same, on all nodes and in the store: 1 is next.
    pub place: usize,
    /// Whether there may be more before it: where very many wait, not all are counted. It is dialled at `eta`
    /// at the earliest then.
    pub or_more: bool,
    /// About when it will be dialled; `None` while there is nothing yet to reckon with.
    pub eta: Option<Timestamp>,
    /// What it waits for, in words; `None` when nothing is known to hold it up.
    pub because: Option<String>,
}

/// So many calls that wait are counted, and no more.
const COUNTED: usize = 10_000;

/// Where a call stands in the queue. `None` unless its time has come and it is not dialled yet.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn place_in_queue(engine: &Engine, details: &CallDetails) -> Result<Option<PlaceInQueue>, StoreError> {
    let call = &details.call;
    let now = engine.ids.now();
    let waits = matches!(call.state, CallState::Scheduled | CallState::Queued) && call.plan.due <= now;
    if !waits || call.direction != Direction::Outgoing {
        return Ok(None);
    }
    let Ok(route) = routing::route(&call.plan, &details.flow, &engine.settings, &engine.carriers) else {
        // A call without a way will be refused; it waits for nothing.
        return Ok(None);
    };
    let inner = engine.inner();
    let allowed = inner.allowed.of(engine, call.account).await;
    let wants = rules::wants(&engine.settings, call.account, allowed, &call.plan, &route);
    let all: Vec<&Want> = wants.common.iter().chain(&wants.number).collect();
    let lane = Lane::of(call);
    let placing = Placing {
        lane,
        now,
        most: COUNTED,
    };
    let backlog = inner.backlogs.of(engine.store.as_ref(), placing).await?;
    let asked = Asked {
        subject: call.id.into(),
        due: call.plan.due.as_microsecond(),
        lane,
        before: backlog.before(call.plan.due, call.id),
        wants: &all,
    };
    let estimate = inner.admission.estimate(asked, &backlog.lanes);
    let wait = estimate.wait.and_then(|wait| u64::try_from(wait).ok());
    Ok(Some(PlaceInQueue {
        place: estimate.place,
        or_more: estimate.or_more,
        eta: wait.map(|wait| now + std::time::Duration::from_nanos(wait)),
        because: estimate.because.map(|want| want.in_words()),
    }))
}
