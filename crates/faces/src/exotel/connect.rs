//! `POST Calls/connect`: rings one number, and when it has answered, another one or a flow of ours.

use std::time::Duration;

use outdial_domain::{Address, Channels, EventFilter};
use outdial_engine::verbs::{self, Action, PlaceCall, PlaceCallError, WebhookOfCall};
use outdial_exotel::{
    Answer as _, Fields, Request as _, RestException,
    call::{CallEvent, CallStatus, CallbackType, Connect, LONGEST_RING, LONGEST_TALK},
};
use outdial_flow::{Dial, Flow, Instruction, Record};

use super::{Asker, Service, failed, invalid, kept::Kept, not_available, show};

/// Takes a request for a call.
pub(super) async fn call(service: &Service, asker: &Asker<'_>, fields: &Fields) -> Result<String, RestException> {
    let mut asked = Connect::from_request(fields).map_err(|error| invalid(&error))?;
    // The first client gives the address of a flow as the second number, unless it begins as it once did.
    if asked.url.is_none() && asked.flow_id().is_some() {
        asked.url = asked.to.take();
    }
    for number in [&mut asked.from, &mut asked.caller_id].into_iter().chain(&mut asked.to) {
        with_its_plus(number);
    }
    asked.time_limit = asked.time_limit.map(|seconds| seconds.clamp(1, LONGEST_TALK));
    asked.time_out = asked.time_out.map(|seconds| seconds.clamp(1, LONGEST_RING));
    asked.check().map_err(|error| invalid(&error))?;
    for (what, given) in [
        ("WaitUrl", &asked.wait_url),
        ("StartPlaybackValueNew", &asked.start_playback_value),
        ("StreamUrl", &asked.stream_url),
    ] {
        if given.is_some() {
            return Err(not_available(what));
        }
    }
    if asked.record == Some(true) && asked.recording_format.is_some() {
        return Err(not_available("RecordingFormat"));
    }
    let request = wanted(service, asker, &asked)?;
    let placed = verbs::place_call(&service.engine, &asker.actor, request).await;
    let placed = placed.map_err(refusal)?;
    let mut answer = show::shown(service, asker, &placed).await?;
    // The service says so right away, and its first clients show it.
    answer.call.status = Some(CallStatus::InProgress);
    Ok(answer.print(asker.format))
}

fn wanted(service: &Service, asker: &Asker<'_>, asked: &Connect) -> Result<PlaceCall, RestException> {
    let address = |field: &str, number: &str| address(field, &asker.account.complete(number));
    let first = address("From", &asked.from)?;
    let shown = address("CallerId", &asked.caller_id)?;
    let seconds = |seconds: Option<u32>| seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let (ring, talk) = (seconds(asked.time_out), seconds(asked.time_limit));
    let record = asked.record.unwrap_or(false).then(|| Record {
        channels: match asked.recording_channels.as_deref() {
            Some("dual") => Channels::Separate,
            _ => Channels::Mono,
        },
        ..Record::default()
    });
    let mut steps: Vec<Instruction> = record.clone().map(Instruction::Record).into_iter().collect();
    let mut stored = None;
    let second = match &asked.url {
        Some(_) => {
            let name = asked.flow_id().ok_or_else(|| {
                RestException::new(
                    400,
                    "Invalid Parameters: Url is not the address of a flow: …/exoml/start/NAME",
                )
                .code(34001)
            })?;
            let flow = service.engine.settings.flows.get(name).ok_or_else(|| {
                RestException::new(400, "Invalid Parameters: Url names a flow that there is not").code(34001)
            })?;
            steps.extend(flow.steps.iter().cloned());
            // By its name it may do what only the operator's flows may.
            stored = Some(name.to_owned()).filter(|_| record.is_none());
            None
        }
        None => asked.to.as_deref(),
    };
    if let Some(second) = second {
        steps.push(Instruction::Dial(Box::new(Dial {
            ring,
            max: talk,
            ..Dial::to(address("To", second)?)
        })));
    }
    let kept = Kept {
        from: asked.from.clone(),
        to: second.unwrap_or(&asked.caller_id).to_owned(),
        caller_id: asked.caller_id.clone(),
        two: second.is_some(),
        custom_field: asked.custom_field.clone(),
        events: !asked.events().is_empty(),
        json: asked.status_callback_content_type == Some(CallbackType::Json),
        record: record.is_some(),
    };
    Ok(PlaceCall {
        from: Some(shown),
        ring,
        // With a second number it counts from that one's answer.
        talk: talk.filter(|_| second.is_none()),
        tag: asked.custom_field.clone().map(shortened),
        webhook: asked.status_callback.clone().map(|url| WebhookOfCall {
            url: Some(url),
            events: events(asked),
            secret: None,
        }),
        kept: Some(kept.named()),
        ..PlaceCall::new(first, stored.map_or(Action::Flow(Flow { steps }), Action::Stored))
    })
}

/// Of what the receiver is told: the end, unless it asked for something else.
fn events(asked: &Connect) -> EventFilter {
    let wanted = asked.events();
    let mut words: Vec<&'static str> = Vec::new();
    if wanted.contains(&CallEvent::Answered) {
        words.push("answered");
    }
    if wanted.is_empty() || wanted.contains(&CallEvent::Terminal) {
        words.push("ended");
    }
    EventFilter::of(&words)
}

/// A plus that was not escaped arrives as a blank.
fn with_its_plus(number: &mut String) {
    if number.starts_with(' ') {
        number.replace_range(..1, "+");
    }
}

/// A text as a tag of ours, which counts bytes.
pub(super) fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(outdial_domain::Plan::LONGEST_TAG));
    text
}

fn address(field: &str, number: &str) -> Result<Address, RestException> {
    Address::parse(number)
        .map_err(|error| RestException::new(400, format!("Invalid Parameters: {field}: {error}")).code(34001))
}

/// The names that the service's form has for ours.
const FIELDS: &[(&str, &str)] = &[
    ("to", "From"),
    ("dial.to", "To"),
    ("dial.from", "CallerId"),
    ("from", "CallerId"),
    ("ring", "TimeOut"),
    ("dial.ring", "TimeOut"),
    ("max", "TimeLimit"),
    ("dial.max", "TimeLimit"),
    ("webhook.url", "StatusCallback"),
    ("tag", "CustomField"),
];

fn refusal(error: PlaceCallError) -> RestException {
    match error {
        PlaceCallError::Invalid(problems) => {
            let told = problems.iter().map(|problem| {
                // What is wrong with the second number stands where its step is.
                let at = problem.field.find(".dial.").map_or(0, |at| at + 1);
                let theirs = FIELDS.iter().find(|(ours, _)| *ours == &problem.field[at..]);
                format!(
                    "{}: {}",
                    theirs.map_or(problem.field.as_str(), |(_, theirs)| theirs),
                    problem.message
                )
            });
            let told = told.collect::<Vec<_>>().join("; ");
            RestException::new(400, format!("Invalid Parameters: {told}")).code(34001)
        }
        PlaceCallError::ForeignCallerId { .. } => {
            RestException::new(400, "Invalid Parameters: CallerId is not a number of this account").code(34001)
        }
        PlaceCallError::NoRoute(no_route) | PlaceCallError::NoRouteTo { reason: no_route, .. } => {
            RestException::new(400, format!("Invalid Parameters: {no_route}")).code(34001)
        }
        PlaceCallError::HandOverNotAllowed => RestException::new(403, "The flow is not permitted").code(40003),
        PlaceCallError::Stopping => RestException::new(503, "The server is stopping").code(40405),
        error @ (PlaceCallError::NameTaken | PlaceCallError::Store(_)) => failed(&error),
    }
}
