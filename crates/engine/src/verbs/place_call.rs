//! Takes a request to call somebody: checks it, saves it, and wakes the scheduler.

mod check;

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{Address, Call, CallId, EventKind, FaceRecord, Hours, Priority, Retry};
use outdial_flow::{Flow, Problem};

pub(super) use check::{check, check_flow};

use super::{Actor, Once, WebhookOfCall};
use crate::{
    Engine, fault,
    ports::{Change, Job, StoreError},
    routing::NoRoute,
};

/// A request to call somebody.
#[derive(Debug, Clone)]
pub struct PlaceCall {
    /// Whom to ring.
    pub to: Address,
    /// What to do after the answer.
    pub action: Action,
    /// The caller id to show.
    pub from: Option<Address>,
    /// The name of the only trunk to use.
    pub via: Option<String>,
    /// Not before this time; now when none is given, or when it is just past.
    pub due: Option<Timestamp>,
    /// How urgent it is.
    pub priority: Priority,
    /// Not at this time or later.
    pub expires: Option<Timestamp>,
    /// When the phone may be rung; always, when there are none.
    pub hours: Option<Hours>,
    /// When it is tried again.
    pub retry: Retry,
    /// How long the phone rings.
    pub ring: Option<Duration>,
    /// How long the call may last.
    pub talk: Option<Duration>,
    /// Free text, echoed everywhere.
    pub tag: Option<String>,
    /// The caller's own name for the call.
    pub reference: Option<String>,
    /// Who is told of what happens to the call, besides the account's webhooks.
    pub webhook: Option<WebhookOfCall>,
    /// Whether it is told what to do while it goes on, so that only a way will do whose carrier leaves it to us.
    pub led: bool,
    /// What the face that asks keeps of the call, where it has names of its own for calls.
    pub kept: Option<KeptByFace>,
}

/// What a face keeps of a call that it asks for; see [`FaceRecord`].
#[derive(Debug, Clone)]
pub struct KeptByFace {
    /// What it calls the call by.
    pub reference: FaceReference,
    /// What else it needs to answer for the call, in a form of its own.
    pub kept: String,
}

/// How a face names a call.
#[derive(Debug, Clone)]
pub enum FaceReference {
    /// By this text.
    Given(String),
    /// By a text that follows from the call's id, and so is unique with it.
    FromId(fn(CallId) -> String),
}

impl KeptByFace {
    /// The record of a call of this id, as the face of this name keeps it.
    pub(super) fn record(self, face: &str, id: CallId) -> FaceRecord {
        FaceRecord {
            face: face.to_owned(),
            reference: match self.reference {
                FaceReference::Given(text) => text,
                FaceReference::FromId(name) => name(id),
            },
            kept: self.kept,
        }
    }
}

impl PlaceCall {
    /// A request that says nothing but whom to ring and what to do then.
    #[must_use]
    pub fn new(to: Address, action: Action) -> Self {
        Self {
            to,
            action,
            from: None,
            via: None,
            due: None,
            priority: Priority::default(),
            expires: None,
            hours: None,
            retry: Retry::default(),
            ring: None,
            talk: None,
            tag: None,
            reference: None,
            webhook: None,
            led: false,
            kept: None,
        }
    }
}

/// What to do after the answer.
#[derive(Debug, Clone)]
pub enum Action {
    /// This flow.
    Flow(Flow),
    /// The flow of this name in the configuration.
    Stored(String),
}

/// Why a request was not taken. Nothing was saved, and no phone will ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceCallError {
    /// Some fields are not acceptable; all of them are listed.
    #[error("{} of the request cannot be accepted", fields(.0))]
    Invalid(Vec<Problem>),
    /// The caller id is not one of the account's numbers.
    #[error(
        "the caller id {number} is not a number of this account: add it as a `[[number]]`, or use a key with the scope `any_caller_id`"
    )]
    ForeignCallerId {
        /// The caller id, or what it is, in words.
        number: String,
        /// The field that asks for it.
        field: String,
    },
    /// The flow of the request hands the call over to a switch, and the key may not do so.
    #[error(
        "`hand_over` does whatever the switch can do: use a key with the scope `hand_over`, or name a flow of the configuration"
    )]
    HandOverNotAllowed,
    /// There is no way to this destination.
    #[error(transparent)]
    NoRoute(#[from] NoRoute),
    /// There is no way to one of several whom the request would ring.
    #[error("{reason}")]
    NoRouteTo {
        /// The field that names it, or that stands in its way.
        field: String,
        /// Why there is none.
        reason: NoRoute,
    },
    /// The face has another call of this name.
    #[error("another call has this name already: choose another")]
    NameTaken,
    /// The engine is stopping.
    #[error("the server is stopping: try again when it has started")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PlaceCallError {
    /// The same for a destination that this field names, and a caller id that this one asks for.
    pub(super) fn no_route_to(field: &str, from: &str, reason: NoRoute) -> Self {
        let field = reason.blames(field, from).to_owned();
        Self::NoRouteTo { field, reason }
    }
}

fn fields(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("`{}`", problem.field))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Takes a request to call somebody. When this returns, the call is on disk.
///
/// # Errors
///
/// [`PlaceCallError`] says why it was not taken.
pub async fn place_call(engine: &Engine, actor: &Actor, request: PlaceCall) -> Result<Call, PlaceCallError> {
    place_call_once(engine, actor, request, None).await
}

/// The same for a request that may come again: its answer is saved with the call.
///
/// # Errors
///
/// [`PlaceCallError`] says why it was not taken; [`StoreError::Repeated`] in it says that it was taken before.
pub async fn place_call_once(
    engine: &Engine,
    actor: &Actor,
    request: PlaceCall,
    once: Option<Once<Call>>,
) -> Result<Call, PlaceCallError> {
    if engine.inner().stopping.is_cancelled() {
        return Err(PlaceCallError::Stopping);
    }
    let now = engine.ids.now();
    let kept = request.kept.clone();
    let (plan, flow) = check(engine, actor, request, now).await?;

    let mut call = Call::new(engine.ids.make(CallId::new), actor.account, plan, now);
    call.face = kept.map(|kept| kept.record(actor.face, call.id));
    let created = EventKind::Created {
        to: call.plan.to.to_string(),
        from: call.plan.from.as_ref().map(Address::to_string),
        due: call.plan.due,
        face: actor.face.to_owned(),
    };
    let events = vec![engine.record(&mut call, created)];
    let answer = once.map(|answer| answer(&call));
    fault::point("before_create");
    let saved = engine.store.commit(Change {
        call: call.clone(),
        since: None,
        flow: Some(flow),
        attempt: None,
        legs: Vec::new(),
        events,
        traces: Vec::new(),
        job: Job::Add,
        answer,
    });
    // The change has its place in line before the scheduler looks, so the call is found even when
    // whoever asked goes away while it is saved.
    engine.inner().due.notify_one();
    match saved.await {
        // The store may have tried twice, and found what it had saved itself.
        Err(StoreError::Stale(_)) if call.face.is_some() => {
            if engine.store.call(actor.account, call.id).await?.is_none() {
                return Err(PlaceCallError::NameTaken);
            }
        }
        done => done?,
    }
    fault::point("after_create");
    metrics::counter!("outdial_calls_created_total", "face" => actor.face).increment(1);
    Ok(call)
}
