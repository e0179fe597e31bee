//! Changes a call until it is dialled.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{Address, Call, CallId, CallState, EventKind, Hours, Outcome, Plan, Priority, Retry};

use outdial_flow::Flow;

use super::{Action, Actor, CallError, Edit, PlaceCall, PlaceCallError, WebhookOfCall, get_call, place_call::check};
use crate::{
    Engine,
    ports::{CallDetails, Change, Job, StoreError},
};

/// What to change of a call; what is not given stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ChangeCall {
    /// Only if the call has had so many events so far, which is its version.
    pub version: Option<u32>,
    /// Whom to ring.
    pub to: Option<Address>,
    /// What to do after the answer.
    pub action: Option<Action>,
    /// The caller id to show.
    pub from: Edit<Address>,
    /// The name of the only trunk to use.
    pub via: Edit<String>,
    /// Not before this time; cleared, as soon as it may.
    pub due: Edit<Timestamp>,
    /// How urgent it is.
    pub priority: Edit<Priority>,
    /// Not at this time or later.
    pub expires: Edit<Timestamp>,
    /// When the phone may be rung.
    pub hours: Edit<Hours>,
    /// When it is tried again. What was tried so far counts under the new rules, too.
    pub retry: Edit<Retry>,
    /// How long the phone rings.
    pub ring: Edit<Duration>,
    /// How long the call may last.
    pub talk: Edit<Duration>,
    /// Free text, echoed everywhere.
    pub tag: Edit<String>,
}

/// Why a call was not changed. Nothing was saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeCallError {
    /// There is no such call, or the store failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An attempt is under way, or the call has ended.
    #[error("it is too late to change this call: it is {0}")]
    TooLate(CallState),
    /// It has had other events than the request knows of.
    #[error("the call has version {0} by now: read it again, and change it with that version")]
    OtherVersion(u32),
    /// What it would become cannot be accepted.
    #[error(transparent)]
    Refused(#[from] PlaceCallError),
}

impl From<StoreError> for ChangeCallError {
    fn from(error: StoreError) -> Self {
        Self::Call(error.into())
    }
}

/// Changes a call until it is dialled, also between its attempts. When this returns, the change is on disk,
/// and whoever had taken the call to dial it as it was does not.
///
/// # Errors
///
/// [`ChangeCallError`] says why it was not changed.
pub async fn change_call(
    engine: &Engine,
    actor: &Actor,
    id: CallId,
    change: ChangeCall,
) -> Result<CallDetails, ChangeCallError> {
    loop {
        let mut details = get_call(engine, actor, id).await?;
        let since = details.call.events;
        match details.call.state {
            CallState::Scheduled | CallState::Queued => {}
            state @ (CallState::Active | CallState::Ended) => return Err(ChangeCallError::TooLate(state)),
        }
        if change.version.is_some_and(|version| version != since) {
            return Err(ChangeCallError::OtherVersion(since));
        }
        let now = engine.ids.now();
        let request = merge(&details.call.plan, &details.flow, change.clone(), now);
        let (mut plan, flow) = check(engine, actor, request, now).await?;
        plan.due = plan.due.max(quiet(&details).unwrap_or(plan.due));
        let fields = differences(&details, &plan, change.action.is_some());
        if fields.is_empty() {
            return Ok(details);
        }
        change_to(&mut details.call, plan, now);
        details.flow = flow;
        let changed = EventKind::Changed {
            by: actor.name.clone(),
            fields: fields.into_iter().map(str::to_owned).collect(),
            due: details.call.plan.due,
        };
        let events = vec![engine.record(&mut details.call, changed)];
        let saved = engine.store.commit(Change {
            call: details.call.clone(),
            since: Some(since),
            flow: Some(details.flow.clone()),
            attempt: None,
            legs: Vec::new(),
            events,
            traces: Vec::new(),
            job: Job::Add,
            answer: None,
        });
        engine.inner().due.notify_one();
        match saved.await {
            Ok(()) => return Ok(details),
            // It was journalled, ended or changed in this very moment: look again.
            Err(StoreError::Stale(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The request that a plan would be by now.
pub(super) fn merge(plan: &Plan, flow: &Flow, change: ChangeCall, now: Timestamp) -> PlaceCall {
    let plan = plan.clone();
    let made = plan.retry.made.clone();
    PlaceCall {
        to: change.to.unwrap_or(plan.to),
        action: change.action.unwrap_or_else(|| Action::Flow(flow.clone())),
        from: change.from.of(plan.from),
        via: change.via.of(plan.via),
        due: change.due.of(plan.due.max(now)),
        priority: change.priority.of(plan.priority).unwrap_or_default(),
        expires: change.expires.of(plan.expires),
        hours: change.hours.of(plan.hours),
        retry: Retry {
            made,
            ..change.retry.of(plan.retry).unwrap_or_default()
        },
        ring: change.ring.of(plan.ring),
        talk: change.talk.of(plan.talk),
        tag: change.tag.of(plan.tag),
        reference: plan.reference,
        webhook: plan.webhook.map(WebhookOfCall::from),
        led: false,
        kept: None,
    }
}

/// When the phone of an attempt that became `unknown` is quiet: no change makes it ring again before.
fn quiet(details: &CallDetails) -> Option<Timestamp> {
    let last = details.legs.last()?;
    let ending = last.progress.ending.as_ref()?;
    (ending.outcome == Outcome::Unknown).then(|| details.call.plan.quiet_after(last))
}

fn differences(details: &CallDetails, new: &Plan, flow: bool) -> Vec<&'static str> {
    let old = &details.call.plan;
    let all = [
        ("to", old.to != new.to),
        ("from", old.from != new.from),
        ("via", old.via != new.via),
        ("flow", flow),
        ("due", old.due != new.due),
        ("priority", old.priority != new.priority),
        ("expires", old.expires != new.expires),
        ("hours", old.hours != new.hours),
        ("retry", old.retry != new.retry),
        ("ring", old.ring != new.ring),
        ("max", old.talk != new.talk),
        ("tag", old.tag != new.tag),
    ];
    all.into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name)
        .collect()
}

fn change_to(call: &mut Call, plan: Plan, now: Timestamp) {
    call.state = if plan.due > now {
        CallState::Scheduled
    } else {
        CallState::Queued
    };
    call.plan = plan;
}
