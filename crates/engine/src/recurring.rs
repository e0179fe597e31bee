//! Makes the calls of schedules when their time has come.
//!
//! An occurrence is decided in one change of its schedule, which only one node can make, and then becomes a
//! call whose id follows from both. A node that dies in between leaves a decided occurrence, which the next
//! one makes, or finds made.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{Address, Call, EventKind};

use crate::{
    Engine,
    ports::{Change, Job, StoreError, StoredSchedule},
};

/// How many schedules are looked at in one go.
const BATCH: usize = 100;
/// How long to sleep at most: another node may have changed a schedule, or a clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

/// Runs until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let stopping = engine.inner().stopping.clone();
    loop {
        let wait = match make_due(&engine).await {
            Ok(next) => until(next, engine.ids.now()),
            Err(error) => {
                tracing::error!(%error, "cannot look at the schedules");
                LONGEST_SLEEP
            }
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = engine.inner().schedules.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn until(next: Option<Timestamp>, now: Timestamp) -> Duration {
    let wait = next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or_default());
    wait.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
}

/// Makes what is due, and says when the next schedule wants to be looked at.
async fn make_due(engine: &Engine) -> Result<Option<Timestamp>, StoreError> {
    loop {
        let due = engine.store.due_schedules(engine.ids.now(), BATCH).await?;
        let all = due.len() < BATCH;
        for stored in due {
            if engine.inner().stopping.is_cancelled() {
                return Ok(None);
            }
            make(engine, stored).await?;
        }
        if all {
            return engine.store.next_schedule().await;
        }
    }
}

/// Decides and makes the occurrence of one schedule, unless another node is at it.
async fn make(engine: &Engine, mut stored: StoredSchedule) -> Result<(), StoreError> {
    if stored.schedule.decided.is_none() {
        if !stored.schedule.decide(engine.ids.now()) {
            return Ok(());
        }
        stored.schedule.version += 1;
        if !engine.store.change_schedule(stored.clone()).await? {
            return Ok(());
        }
    }
    let Some(occurrence) = stored.schedule.decided else {
        let missed = stored.schedule.missed;
        tracing::warn!(id = %stored.schedule.id, ?missed, "an occurrence came too late, and was left out");
        return Ok(());
    };
    place(engine, &stored, occurrence).await?;
    stored.schedule.made();
    stored.schedule.version += 1;
    // When somebody changed it meanwhile, the occurrence is found again, and its call is there already.
    engine.store.change_schedule(stored).await?;
    Ok(())
}

/// Makes the call of an occurrence, unless it is there.
async fn place(engine: &Engine, stored: &StoredSchedule, occurrence: Timestamp) -> Result<(), StoreError> {
    let schedule = &stored.schedule;
    let now = engine.ids.now();
    let mut plan = schedule.plan_of(occurrence);
    // A call without an opening is made all the same: it says why it was not dialled.
    plan.due = plan.opening(plan.due).ok().flatten().unwrap_or(plan.due);
    let mut call = Call::new(schedule.call_id(occurrence), schedule.account, plan, now);
    let created = EventKind::Created {
        to: call.plan.to.to_string(),
        from: call.plan.from.as_ref().map(Address::to_string),
        due: call.plan.due,
        face: "schedule".to_owned(),
    };
    let events = vec![engine.record(&mut call, created)];
    let saved = engine.store.commit(Change {
        call,
        since: None,
        flow: Some(stored.flow.clone()),
        attempt: None,
        legs: Vec::new(),
        events,
        traces: Vec::new(),
        job: Job::Add,
        answer: None,
    });
    engine.inner().due.notify_one();
    match saved.await {
        Ok(()) => {
            metrics::counter!("outdial_calls_created_total", "face" => "schedule").increment(1);
            Ok(())
        }
        // It was made before a crash, or by another node.
        Err(StoreError::Stale(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
