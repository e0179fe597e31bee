//! `callreqHandler.jsp`: a request for a call, or for a text.

use std::{fmt::Display, path::Path, time::Duration};

use axum::http::StatusCode;
use jiff::Timestamp;
use outdial_domain::{Address, AudioId, Call, Factor, Outcome, Retry, RetryRule};
use outdial_engine::verbs::{self, Action, FaceReference, KeptByFace, PlaceCall, PlaceCallError};
use outdial_flow::{Flow, Problem, Say};
use outdial_voicent::{Accepted, CallRequest, Content, Form, Invalid, ReqId, Vcast, base_name, is_vcast};

use super::{Gateway, Refusal, kept::Kept, text};
use crate::{shelf::NotPlayed, tag::shortened};

/// How long after an attempt that nobody answered the next one follows.
const PAUSE: Duration = Duration::from_secs(60);
/// After what the gateway tries again.
const NOBODY_ANSWERED: &[Outcome] = &[
    Outcome::Busy,
    Outcome::NoAnswer,
    Outcome::Rejected,
    Outcome::Congestion,
    Outcome::Failed,
];
/// How many names are tried.
const MOST_NAMES: usize = 10_000;

/// Takes a request, and says by which name what comes of it can be asked for.
pub(super) async fn place(gateway: &Gateway, form: &Form) -> Result<String, Refusal> {
    let asked = CallRequest::from_form(form).map_err(|error| invalid(&error))?;
    asked.check().map_err(|error| invalid(&error))?;
    let action = match work(gateway, &asked.content).await? {
        Work::Call(action) => action,
        Work::Text(body) => {
            let (name, due) = text::send(gateway, &asked, body).await?;
            return Ok(Accepted::Yes(name).print(&due.to_zoned(gateway.config.zone.clone())));
        }
    };
    let request = wanted(gateway, &asked, action)?;
    let now = gateway.engine.ids.now();
    let due = request.due.unwrap_or(now).max(now);
    let kept = Kept {
        due,
        self_delete: asked.self_delete,
    };
    let call = named(gateway, request, &kept, now).await?;
    let name = call.face.map(|face| face.reference).unwrap_or_default();
    let accepted = ReqId::new(name).map(Accepted::Yes).map_err(|error| invalid(&error))?;
    Ok(accepted.print(&due.to_zoned(gateway.config.zone.clone())))
}

/// Places a call by the first free name. One that this gateway has not given may still be taken: by a run before, or
/// by another node.
async fn named(gateway: &Gateway, request: PlaceCall, kept: &Kept, now: Timestamp) -> Result<Call, Refusal> {
    for _ in 0..MOST_NAMES {
        let request = PlaceCall {
            kept: Some(KeptByFace {
                reference: FaceReference::Given(gateway.names.next(now).to_string()),
                kept: kept.print(),
            }),
            ..request.clone()
        };
        match verbs::place_call(&gateway.engine, &gateway.actor, request).await {
            Err(PlaceCallError::NameTaken) => {}
            Err(error) => return Err(refusal(error)),
            Ok(call) => return Ok(call),
        }
    }
    Err(Refusal::told("too many requests at once: send it again"))
}

fn wanted(gateway: &Gateway, asked: &CallRequest, action: Action) -> Result<PlaceCall, Refusal> {
    let address =
        |field: &str, text: &str| Address::parse(text).map_err(|error| Refusal::told(format!("{field}: {error}")));
    if asked.detection.is_some_and(|mode| mode > 0) {
        return Err(Refusal::not_available("the detection of answering machines"));
    }
    if asked.exit_url.is_some() {
        return Err(Refusal::not_available("VoiceXML"));
    }
    let to = address("phoneno", &asked.phone)?;
    if !gateway.engine.settings.policy.is_for_programs(&to) {
        return Err(Refusal::told(
            "phoneno: give a number; a SIP URI is dialled only where `policy.open` has its host",
        ));
    }
    let due = in_minutes(gateway.engine.ids.now(), asked.call_time.unwrap_or(0));
    Ok(PlaceCall {
        from: asked
            .caller_id
            .as_deref()
            .map(|number| address("callerid", number))
            .transpose()?,
        due: asked.call_time.map(|_| due),
        expires: Some(last(asked, gateway.engine.ids.now())),
        retry: Retry {
            rules: vec![RetryRule {
                on: NOBODY_ANSWERED.to_vec(),
                times: Retry::MOST_TIMES,
                delay: PAUSE,
                factor: Factor::ONE,
                longest: PAUSE,
                to: Vec::new(),
                via: Vec::new(),
            }],
            ..Retry::default()
        },
        tag: shortened(&asked.info),
        ..PlaceCall::new(to, action)
    })
}

/// From when on nothing is tried any more. It counts from now, as clients mean it who want to be told at once;
/// of a call that is planned for later than that, it counts from that time.
pub(super) fn last(asked: &CallRequest, now: Timestamp) -> Timestamp {
    let minutes = asked.first_occurrence.max(1);
    let until = match asked.call_time {
        Some(due) if due >= minutes => due.saturating_add(minutes),
        Some(_) | None => minutes,
    };
    in_minutes(now, until)
}

pub(super) fn in_minutes(now: Timestamp, minutes: u32) -> Timestamp {
    now.saturating_add(Duration::from_secs(u64::from(minutes) * 60))
        .unwrap_or(Timestamp::MAX)
}

/// What a request asks for.
enum Work<'a> {
    Call(Action),
    Text(&'a str),
}

async fn work<'a>(gateway: &Gateway, content: &'a Content) -> Result<Work<'a>, Refusal> {
    let action = match content {
        Content::Sms(body) => return Ok(Work::Text(body)),
        Content::Text(text) if text.len() > Say::LONGEST => Err(Refusal::told(format!(
            "txt: the text may have at most {} bytes",
            Say::LONGEST
        ))),
        Content::Text(text) => Ok(Action::Flow(Flow::say(text))),
        Content::Audio(file) => Ok(Action::Flow(Flow::play(audio(gateway, file).await?))),
        Content::App(name) => Ok(Action::Stored(name.clone())),
        Content::VoiceXml(_) => Err(Refusal::not_available("VoiceXML")),
        Content::Program { path, arguments } if is_vcast(path) => {
            Vcast::read(arguments).map_err(|error| invalid(&error))?;
            Err(Refusal::not_available("calling until somebody confirms"))
        }
        Content::Program { path, .. } => {
            tracing::warn!(program = %shortened(path).unwrap_or_default(), "a request to run a program was refused");
            Err(Refusal::told("startexec: no program is run here"))
        }
    };
    action.map(Work::Call)
}

/// The upload that a file is. Only the last part of what was named counts.
async fn audio(gateway: &Gateway, named: &str) -> Result<AudioId, Refusal> {
    let Some(shelf) = &gateway.audio else {
        return Err(Refusal::told(
            "audiofile: there is no directory of files here: set `faces.voicent.audio`",
        ));
    };
    let missing = || Refusal::told("audiofile: there is no file of this name in the directory of this gateway");
    let name = base_name(named).ok_or_else(missing)?;
    let found = shelf.find(&gateway.engine, &gateway.actor, Path::new(&name)).await;
    found.map_err(|error| match error {
        NotPlayed::Missing => missing(),
        NotPlayed::Wrong(why) => Refusal::told(format!("audiofile: {why}")),
        NotPlayed::Failed(why) => failed(&why),
    })
}

pub(super) fn invalid(invalid: &Invalid) -> Refusal {
    Refusal::told(invalid.to_string())
}

/// The names that the gateway's form has for ours.
const FIELDS: &[(&str, &str)] = &[
    ("to", "phoneno"),
    ("from", "callerid"),
    ("at", "calltime"),
    ("expires", "firstocc"),
    ("validity", "firstocc"),
    ("body", "txt"),
    ("flow", "startapp"),
    ("play", "audiofile"),
    ("say", "txt"),
    ("tag", "info"),
];

/// What is wrong with a request, by the names of the gateway's form.
pub(super) fn told(problems: &[Problem]) -> Refusal {
    let told = problems.iter().map(|problem| {
        let theirs = FIELDS.iter().find(|(ours, _)| *ours == problem.field);
        let field = theirs.map_or(problem.field.as_str(), |(_, theirs)| theirs);
        format!("{field}: {}", problem.message)
    });
    Refusal::told(told.collect::<Vec<_>>().join("; "))
}

pub(super) fn foreign_number() -> Refusal {
    Refusal::told(
        "callerid: this is not a number of the account: add it as a `number` of the configuration, or set \
         `faces.voicent.any_caller_id`",
    )
}

pub(super) fn stopping() -> Refusal {
    Refusal::with(
        StatusCode::SERVICE_UNAVAILABLE,
        "the server is stopping: send it again later",
    )
}

fn refusal(error: PlaceCallError) -> Refusal {
    match error {
        PlaceCallError::Invalid(problems) => told(&problems),
        PlaceCallError::ForeignCallerId { .. } => foreign_number(),
        PlaceCallError::NoRoute(no_route) | PlaceCallError::NoRouteTo { reason: no_route, .. } => {
            Refusal::told(format!("phoneno: {no_route}"))
        }
        PlaceCallError::Stopping => stopping(),
        error @ (PlaceCallError::HandOverNotAllowed | PlaceCallError::NameTaken) => Refusal::told(error.to_string()),
        PlaceCallError::Store(error) => failed(&error),
    }
}

/// Something failed here; what, is for the log alone.
pub(super) fn failed(error: &dyn Display) -> Refusal {
    tracing::error!(%error, "a request of a gateway's client could not be answered");
    Refusal::with(
        StatusCode::SERVICE_UNAVAILABLE,
        "the server cannot do it at the moment: send it again later",
    )
}
