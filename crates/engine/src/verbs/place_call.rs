//! Takes a request to call somebody: checks it, saves it, and wakes the scheduler.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;
use outdial_domain::{Address, Call, CallId, EventKind, NumberUse, Plan, Priority, Scope};
use outdial_flow::{Flow, Problem, Prompt};

use super::{Actor, Once};
use crate::{
    Engine,
    ports::{Change, Job, StoreError},
    routing::{self, NoRoute},
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
    /// Not before this time; now when none is given, or when it is past.
    pub due: Option<Timestamp>,
    /// How urgent it is.
    pub priority: Priority,
    /// How long the phone rings.
    pub ring: Option<Duration>,
    /// How long the call may last.
    pub talk: Option<Duration>,
    /// Free text, echoed everywhere.
    pub tag: Option<String>,
    /// The caller's own name for the call.
    pub reference: Option<String>,
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
        "the caller id {0} is not a number of this account: add it as a `[[number]]`, or use a key with the scope `any_caller_id`"
    )]
    ForeignCallerId(String),
    /// There is no way to this destination.
    #[error(transparent)]
    NoRoute(#[from] NoRoute),
    /// The engine is stopping.
    #[error("the server is stopping: try again when it has started")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn fields(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("`{}`", problem.field))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How far in the future a call may lie.
const FURTHEST: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 366);

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
    let (plan, flow) = check(engine, actor, request, now).await?;
    routing::route(&plan, &flow, &engine.settings, &engine.carriers)?;

    let mut call = Call::new(engine.ids.make(CallId::new), actor.account, plan, now);
    let created = EventKind::Created {
        to: call.plan.to.to_string(),
        from: call.plan.from.as_ref().map(Address::to_string),
        due: call.plan.due,
        face: actor.face.to_owned(),
    };
    let events = vec![engine.record(&mut call, created)];
    let answer = once.map(|answer| answer(&call));
    let saved = engine.store.commit(Change {
        call: call.clone(),
        since: None,
        flow: Some(flow),
        attempt: None,
        leg: None,
        events,
        trace: Vec::new(),
        job: Job::Add,
        answer,
    });
    // The change has its place in line before the scheduler looks, so the call is found even when
    // whoever asked goes away while it is saved.
    engine.inner().due.notify_one();
    saved.await?;
    metrics::counter!("outdial_calls_created_total", "face" => actor.face).increment(1);
    Ok(call)
}

/// Turns the request into a plan and a flow, or lists everything that is wrong with it.
async fn check(
    engine: &Engine,
    actor: &Actor,
    request: PlaceCall,
    now: Timestamp,
) -> Result<(Plan, Flow), PlaceCallError> {
    let limits = engine.settings.limits;
    let mut problems = Vec::new();
    let mut bounded = |field: &str, given: Option<Duration>, default: Duration, longest: Duration| {
        let wanted = given.unwrap_or(default);
        if wanted.is_zero() || wanted > longest {
            let message = format!("give more than 0 and at most {} s", longest.as_secs());
            problems.push(Problem {
                field: field.to_owned(),
                code: "out_of_range",
                message,
            });
        }
        wanted
    };
    let ring = bounded("ring", request.ring, limits.ring, limits.longest_ring);
    let talk = bounded("max", request.talk, limits.talk, limits.longest_talk);
    let due = request.due.unwrap_or(now).max(now);
    if due.duration_since(now) > FURTHEST {
        let message = "give a time within the next 366 days".to_owned();
        problems.push(Problem {
            field: "at".to_owned(),
            code: "out_of_range",
            message,
        });
    }
    if request.tag.as_ref().is_some_and(|tag| tag.len() > Plan::LONGEST_TAG) {
        let message = format!("give at most {} bytes", Plan::LONGEST_TAG);
        problems.push(Problem {
            field: "tag".to_owned(),
            code: "too_long",
            message,
        });
    }
    if request
        .reference
        .as_ref()
        .is_some_and(|name| name.len() > Plan::LONGEST_REFERENCE)
    {
        let message = format!("give at most {} bytes", Plan::LONGEST_REFERENCE);
        problems.push(Problem {
            field: "reference".to_owned(),
            code: "too_long",
            message,
        });
    }
    let flow = match request.action {
        Action::Flow(flow) => flow,
        Action::Stored(name) => engine.settings.flows.get(&name).cloned().unwrap_or_else(|| {
            let known: Vec<&str> = engine.settings.flows.keys().map(String::as_str).collect();
            let message = format!("there is no flow `{name}`; configured are: {}", known.join(", "));
            problems.push(Problem {
                field: "flow".to_owned(),
                code: "invalid",
                message,
            });
            Flow::default()
        }),
    };
    problems.extend(missing_audio(engine, actor, &flow).await?);
    if !problems.is_empty() {
        return Err(PlaceCallError::Invalid(problems));
    }
    if let Some(from) = &request.from
        && !actor.scopes.contains(&Scope::AnyCallerId)
        && !engine.settings.numbers.iter().any(|number| {
            number.account == actor.account_name
                && number.address.destination() == from.destination()
                && number.uses.contains(&NumberUse::CallerId)
        })
    {
        return Err(PlaceCallError::ForeignCallerId(from.to_string()));
    }
    let plan = Plan {
        to: request.to,
        from: request.from,
        via: request.via,
        due,
        priority: request.priority,
        ring,
        talk,
        tag: request.tag,
        reference: request.reference,
    };
    Ok((plan, flow))
}

async fn missing_audio(engine: &Engine, actor: &Actor, flow: &Flow) -> Result<Vec<Problem>, StoreError> {
    let wanted: HashSet<_> = flow
        .prompts()
        .into_iter()
        .filter_map(|prompt| match prompt {
            Prompt::Play(audio) => Some(audio.audio),
            Prompt::Say(_) => None,
        })
        .collect();
    let mut problems = Vec::new();
    for id in wanted {
        if engine.store.audio(actor.account, id).await?.is_none() {
            let message = format!("there is no audio {id} in this account: upload it first");
            problems.push(Problem {
                field: "play".to_owned(),
                code: "invalid",
                message,
            });
        }
    }
    Ok(problems)
}
