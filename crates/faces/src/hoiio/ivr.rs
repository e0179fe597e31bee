//! Calls that are told what to do block by block: a block runs, its receiver is told, and the next request says
//! what follows. Between blocks the call is silent.
//!
//! Each block is a flow of its own that ends in the silence. When the silence begins, the block is over; that is how
//! the next request and the notification know. What each block was is in the note on the call.

use std::time::Duration;

use outdial_domain::{CallId, CallState, EventFilter, EventKind, RoomName, digit::Digit};
use outdial_engine::{
    Order,
    ports::CallDetails,
    verbs::{self, Action, CallError, ControlError, PlaceCall, PlaceCallError, WebhookOfCall},
};
use outdial_flow::{CallerId, Conference, Dial, Flow, Gather, Instruction, OnFailure, Prompt, Say};
use outdial_hoiio::{
    Status,
    ivr::{self, Dialled, Transferred},
};
use serde::{Deserialize, Serialize};

use super::{
    Asker, Service,
    kept::Kept,
    record::MONITOR,
    voice::{address, failed, refusal, shortened},
};

/// The silence between blocks: longer than a call may last usually, and a length that nothing else has.
pub(super) const SILENCE: Duration = Duration::from_secs(14_399);
/// How long a gather waits for a key, and how often it asks, when the request does not say.
const USUAL_TIMEOUT: u32 = 15;
/// The longest that a gather may wait, in seconds, and the most times that it may ask.
const LONGEST_TIMEOUT: u32 = 3_600;
const MOST_ATTEMPTS: u32 = 100;

/// One block, as it stands in the note on its call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Block {
    /// What it is: `dial`, `play`, `gather`, `record`, `monitor`, `transfer`, `hangup`.
    pub(super) kind: String,
    /// Who is told when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) notify_url: Option<String>,
    /// Who is told when its recording is complete, of one that records the rest of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) monitor_notify_url: Option<String>,
    /// The text that came with the request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) tag: String,
    /// How many events the call had when it was asked for.
    pub(super) since: u32,
}

/// What a request says of the block that it asks for.
pub(super) struct Ask {
    pub(super) kind: &'static str,
    pub(super) notify_url: Option<String>,
    pub(super) monitor_notify_url: Option<String>,
    pub(super) tag: Option<String>,
}

impl Ask {
    fn new(kind: &'static str, notify_url: Option<String>, tag: Option<String>) -> Self {
        Self {
            kind,
            notify_url,
            monitor_notify_url: None,
            tag,
        }
    }
}

/// Whether this says that a block is over and the silence begins.
pub(super) fn is_silence(kind: &EventKind) -> bool {
    matches!(kind, EventKind::InstructionStarted { what, .. } if *what == format!("pause {SILENCE:?}"))
}

/// The name of a session.
pub(super) fn session(call: CallId) -> String {
    format!("S-{}", call.uuid().simple())
}

/// Rings a number, and waits for what is to follow.
pub(super) async fn dial(service: &Service, asker: &Asker<'_>, asked: ivr::Dial) -> Result<Dialled, Status> {
    let dest = address("dest", &asked.dest)?;
    let from = asked.caller_id.as_deref().map(|number| address("caller_id", number));
    may_notify(service, asked.notify_url.as_deref())?;
    let kept = Kept {
        app_id: asker.app.app_id.clone(),
        tag: asked.tag.clone().unwrap_or_default(),
        blocks: vec![Block {
            kind: "dial".to_owned(),
            notify_url: asked.notify_url.clone(),
            monitor_notify_url: None,
            tag: asked.tag.clone().unwrap_or_default(),
            since: 0,
        }],
        ..Kept::default()
    };
    let request = PlaceCall {
        from: from.transpose()?,
        talk: asked.max_duration.map(|seconds| Duration::from_secs(seconds.into())),
        tag: shortened(asked.tag),
        webhook: Some(WebhookOfCall {
            // Where it names nobody, a later block may.
            url: asked.notify_url,
            events: EventFilter::of(&["instruction_started", "recording_finished", "ended"]),
            secret: None,
        }),
        led: true,
        kept: Some(kept.named()),
        ..PlaceCall::new(dest, Action::Flow(then_silence(said(asked.msg.as_deref())?)))
    };
    let call = verbs::place_call(&service.engine, &asker.actor, request).await;
    let call = call.map_err(|error| match refusal(&error, "dest", None) {
        Status::MaxDurationInvalid => Status::InvalidMaxDuration,
        status => status,
    })?;
    let txn_ref = call.face.map(|face| face.reference).unwrap_or_default();
    Ok(Dialled::new(session(call.id), txn_ref))
}

/// Says a text.
pub(super) async fn play(service: &Service, asker: &Asker<'_>, asked: ivr::Play) -> Result<(), Status> {
    let steps = said(Some(&asked.msg))?;
    let block = Ask::new("play", asked.notify_url, asked.tag);
    next(service, asker, &asked.session, block, |_| Ok(then_silence(steps))).await
}

/// Waits for keys.
pub(super) async fn gather(service: &Service, asker: &Asker<'_>, asked: ivr::Gather) -> Result<(), Status> {
    let timeout = asked.timeout.unwrap_or(USUAL_TIMEOUT);
    if !(1..=LONGEST_TIMEOUT).contains(&timeout) {
        return Err(Status::InvalidTimeout);
    }
    let attempts = asked.attempts.unwrap_or(1);
    let tries = u8::try_from(attempts)
        .ok()
        .filter(|_| (1..=MOST_ATTEMPTS).contains(&attempts));
    let tries = tries.ok_or(Status::InvalidAttempts)?;
    // None means as many as come.
    let most = u8::try_from(asked.max_digits.unwrap_or(0)).map_err(|_| Status::InvalidMaxDigits)?;
    let prompts = said(asked.msg.as_deref())?.into_iter().filter_map(|step| match step {
        Instruction::Say(say) => Some(Prompt::Say(say)),
        _ => None,
    });
    let prompts: Vec<Prompt> = prompts.collect();
    let block = Ask::new("gather", Some(asked.notify_url), asked.tag);
    next(service, asker, &asked.session, block, |name| {
        Ok(then_silence(vec![Instruction::Gather(Gather {
            name: name.to_owned(),
            private: false,
            prompts,
            fewest: 1,
            most: if most == 0 { u8::MAX } else { most },
            finish: Digit::from_char('#'),
            timeout: Duration::from_secs(timeout.into()),
            tries,
            on: Default::default(),
            otherwise: Vec::new(),
            // Whoever presses nothing is hung up, as by the service.
            no_input: vec![Instruction::HangUp],
        })]))
    })
    .await
}

/// Connects the call with another number, or brings it into a room.
pub(super) async fn transfer(
    service: &Service,
    asker: &Asker<'_>,
    asked: ivr::Transfer,
) -> Result<Transferred, Status> {
    let mut steps = said(asked.msg.as_deref())?;
    let mut answer = Transferred::new();
    match asked.room() {
        Some(name) => {
            // One without a name is made up, as for a conference.
            let name = if name.is_empty() {
                asked.session.replace("S-", "room-")
            } else {
                name.to_owned()
            };
            let room: RoomName = name.parse().map_err(|_| Status::InvalidRoom)?;
            steps.push(Instruction::Conference(Conference {
                most: service.config.most_in_a_room,
                ..Conference::of(room)
            }));
            answer = answer.room(name);
        }
        None => steps.push(Instruction::Dial(Box::new(Dial {
            from: match asked.caller_id.as_deref() {
                Some("private") => Some(CallerId::Private),
                Some(number) => Some(CallerId::Number(address("caller_id", number)?)),
                None => None,
            },
            on_failure: match asked.on_failure {
                Some(ivr::OnFailure::Continue) => OnFailure::Next,
                Some(ivr::OnFailure::Hangup) | None => OnFailure::HangUp,
            },
            ..Dial::to(address("dest", &asked.dest)?)
        }))),
    }
    let goes_on = asked.on_failure == Some(ivr::OnFailure::Continue);
    let flow = if goes_on { then_silence(steps) } else { Flow { steps } };
    let block = Ask::new("transfer", asked.notify_url, asked.tag);
    next(service, asker, &asked.session, block, |_| Ok(flow)).await?;
    Ok(answer)
}

/// Puts the far side on hold, or takes it back.
pub(super) async fn hold(
    service: &Service,
    asker: &Asker<'_>,
    session: &str,
    msg: Option<&str>,
    held: bool,
) -> Result<(), Status> {
    if msg.is_some() {
        return Err(Status::MsgCannotConvertText);
    }
    let details = find(service, asker, session).await?;
    is_ready(service, asker, &details).await?;
    obeyed(verbs::control_call(&service.engine, &asker.actor, details.call.id, Order::Hold(held), None).await)
}

/// Ends the call, after a text where there is one.
pub(super) async fn hang_up(service: &Service, asker: &Asker<'_>, asked: ivr::Hangup) -> Result<(), Status> {
    let mut steps = said(asked.msg.as_deref())?;
    let block = Ask::new("hangup", asked.notify_url, asked.tag);
    if asked.force.is_none() {
        steps.push(Instruction::HangUp);
        return next(service, asker, &asked.session, block, |_| Ok(Flow { steps })).await;
    }
    let details = find(service, asker, &asked.session).await?;
    note(service, asker, &details, block).await?;
    match verbs::hang_up(&service.engine, &asker.actor, details.call.id).await {
        Ok(_) => Ok(()),
        Err(CallError::NotFound) => Err(Status::InvalidSession),
        Err(CallError::GoesOn(_)) => Err(Status::CallServiceNotAvailable),
        Err(error) => Err(failed(&error)),
    }
}

/// What a message is made of: plain words. Its markup is not available.
pub(super) fn said(msg: Option<&str>) -> Result<Vec<Instruction>, Status> {
    let Some(text) = msg.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(Vec::new());
    };
    if text.starts_with('<') {
        return Err(Status::MsgCannotConvertText);
    }
    Ok(vec![Instruction::Say(Say {
        text: text.to_owned(),
        voice: None,
        language: None,
    })])
}

pub(super) fn then_silence(mut steps: Vec<Instruction>) -> Flow {
    steps.push(Instruction::Pause(SILENCE));
    Flow { steps }
}

/// The call of a session of this application's account.
async fn find(service: &Service, asker: &Asker<'_>, session: &str) -> Result<CallDetails, Status> {
    let id = session
        .strip_prefix("S-")
        .and_then(|hex| format!("call_{hex}").parse::<CallId>().ok());
    let details = verbs::get_call(&service.engine, &asker.actor, id.ok_or(Status::InvalidSession)?).await;
    let details = details.map_err(|error| match error {
        CallError::NotFound => Status::InvalidSession,
        error => failed(&error),
    })?;
    if Kept::of(&details.call).blocks.is_empty() {
        return Err(Status::InvalidSession);
    }
    if details.call.state == CallState::Ended {
        return Err(Status::SessionEnded);
    }
    Ok(details)
}

/// Whether the block before is over: the silence is the last thing that began.
async fn is_ready(service: &Service, asker: &Asker<'_>, details: &CallDetails) -> Result<(), Status> {
    let events = verbs::list_events(&service.engine, &asker.actor, details.call.id).await;
    let events = events.map_err(|error| failed(&error))?;
    let mut last = events.iter().rev().map(|stored| &stored.event);
    let last = last.find(|event| matches!(event.kind, EventKind::InstructionStarted { .. }));
    let asked = Kept::of(&details.call).blocks.last().map_or(0, |block| block.since);
    match last {
        Some(event) if is_silence(&event.kind) && event.sequence > asked => Ok(()),
        _ => Err(Status::SessionNotReady),
    }
}

/// Begins a block, where the one before is over. The flow gets the name of the block.
pub(super) async fn next(
    service: &Service,
    asker: &Asker<'_>,
    session: &str,
    block: Ask,
    flow: impl FnOnce(&str) -> Result<Flow, Status>,
) -> Result<(), Status> {
    // Of two requests at once, one finds the other's block under way.
    let _one_by_one = service.blocks.lock().await;
    let details = find(service, asker, session).await?;
    is_ready(service, asker, &details).await?;
    let before = Kept::of(&details.call);
    let monitors = |kind: &str| kind == MONITOR;
    if monitors(block.kind) && before.blocks.iter().any(|block| monitors(&block.kind)) {
        return Err(Status::MonitorInProgress);
    }
    let flow = flow(&name_of(before.blocks.len()))?;
    note(service, asker, &details, block).await?;
    let order = Order::Redirect(flow);
    let done = verbs::control_call(&service.engine, &asker.actor, details.call.id, order, None).await;
    let done = obeyed(done);
    if done.is_err() {
        let kept = verbs::keep_by_face(&service.engine, &asker.actor, details.call.id, before.print()).await;
        kept.map_err(|error| failed(&error))?;
    }
    done
}

/// The name under which a block's digits and its recording are kept.
pub(super) fn name_of(block: usize) -> String {
    format!("block {block}")
}

/// Adds a block to the note on its call.
async fn note(service: &Service, asker: &Asker<'_>, details: &CallDetails, ask: Ask) -> Result<(), Status> {
    may_notify(service, ask.notify_url.as_deref())?;
    may_notify(service, ask.monitor_notify_url.as_deref())?;
    let mut kept = Kept::of(&details.call);
    kept.blocks.push(Block {
        kind: ask.kind.to_owned(),
        notify_url: ask.notify_url,
        monitor_notify_url: ask.monitor_notify_url,
        tag: ask.tag.unwrap_or_default(),
        since: details.call.events,
    });
    let written = verbs::keep_by_face(&service.engine, &asker.actor, details.call.id, kept.print()).await;
    written.map_err(|error| failed(&error))
}

/// Whether a receiver may be told.
fn may_notify(service: &Service, url: Option<&str>) -> Result<(), Status> {
    let checked = url.map(|url| service.engine.settings.outgoing.check(url));
    checked.transpose().map(drop).map_err(|_| Status::InvalidNotifyUrl)
}

/// What became of an order to a call.
fn obeyed(done: Result<String, ControlError>) -> Result<(), Status> {
    match done {
        Ok(_) => Ok(()),
        Err(ControlError::NotLive(CallState::Ended)) => Err(Status::SessionEnded),
        Err(ControlError::NotLive(_) | ControlError::NotNow(_)) => Err(Status::SessionNotReady),
        Err(ControlError::Refused(error)) => Err(refused(&error)),
        Err(ControlError::Call(error)) => Err(failed(&error)),
    }
}

fn refused(error: &PlaceCallError) -> Status {
    match refusal(error, "dest", None) {
        Status::Dest2Invalid => Status::DestInvalid,
        status => status,
    }
}
