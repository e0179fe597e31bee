//! The journal: a leg is on disk before its first byte leaves.

use outdial_domain::{AttemptId, Call, EventKind, LegId, LiveCall, call::Way};

use crate::{
    Engine, fault,
    ports::{Change, Job},
    routing::Route,
    saving::{Saved, save},
};

/// Writes the next attempt and its leg to the journal. While the disk fails nothing is dialled, and
/// the call keeps its place. `None` when somebody else changed the call or took it over, or the engine
/// stops.
pub(super) async fn journal(engine: &Engine, run: &str, call: Call, route: &Route) -> Option<LiveCall> {
    let since = call.events;
    let way = Way {
        trunk: route.name().to_owned(),
        target: call.plan.to.to_string(),
        shows: call.plan.from.as_ref().map(ToString::to_string),
        node: run.to_owned(),
    };
    let routed = EventKind::Routed {
        trunk: way.trunk.clone(),
        target: way.target.clone(),
        passed_over: route.passed_over.clone(),
    };
    let (attempt, leg) = (engine.ids.make(AttemptId::new), engine.ids.make(LegId::new));
    let mut live = LiveCall::journal(call, attempt, leg, way, engine.ids.now());
    let journalled = live.journalled(&live.leg);
    let events = [routed, journalled].map(|kind| engine.record(&mut live.call, kind));
    let change = Change {
        call: live.call.clone(),
        since: Some(since),
        flow: None,
        attempt: Some(live.attempt.clone()),
        legs: vec![live.leg.clone()],
        events: events.to_vec(),
        traces: Vec::new(),
        job: Job::Remove,
        answer: None,
    };
    if fault::keeps_back(&change) {
        return Some(live);
    }
    match save(engine, change).await {
        Saved::Done => Some(live),
        Saved::Stale | Saved::Stopping => None,
    }
}
