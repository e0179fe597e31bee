//! Calls between two numbers, and their end on request.

use std::{fmt::Display, time::Duration};

use outdial_domain::{Address, Destination, EventFilter, Plan};
use outdial_engine::{
    ports::CallDetails,
    routing::NoRoute,
    verbs::{self, Action, CallError, PlaceCall, PlaceCallError, WebhookOfCall},
};
use outdial_flow::{CallerId, Dial, Flow, Instruction};
use outdial_hoiio::{Placed, Status, voice};

use super::{Asker, Service, kept::Kept};

/// Rings one number, and when it has answered the other one.
pub(super) async fn call(service: &Service, asker: &Asker<'_>, asked: voice::Call) -> Result<Placed, Status> {
    let first = match &asked.dest1 {
        Some(dest1) => address("dest1", dest1)?,
        None => {
            let registered = asker.app.registered.clone();
            registered.ok_or_else(|| Status::ParamMissing("dest1".to_owned()))?
        }
    };
    let second = address("dest2", &asked.dest2)?;
    if first.destination() == second.destination() {
        return Err(Status::SameDest1Dest2);
    }
    let other = second.to_string();
    let any = asker.app.tenant.any_caller_id;
    let shown = match asked.caller_id.as_deref() {
        Some("private") => Some(CallerId::Private),
        Some(number) => Some(CallerId::Number(address("caller_id", number)?)),
        None => any.then_some(CallerId::OtherParty),
    };
    let dial = Dial {
        from: shown,
        max: asked.max_duration.map(|seconds| Duration::from_secs(seconds.into())),
        ..Dial::to(second.clone())
    };
    let kept = Kept {
        app_id: asker.app.app_id.clone(),
        dest2: Some(asked.dest2),
        tag: asked.tag.clone().unwrap_or_default(),
        ..Kept::default()
    };
    let request = PlaceCall {
        // The first one sees whom it will talk to, where that may be shown.
        from: any.then_some(second),
        tag: shortened(asked.tag),
        webhook: asked.notify_url.map(receiver),
        kept: Some(kept.named()),
        ..PlaceCall::new(
            first,
            Action::Flow(Flow {
                steps: vec![Instruction::Dial(Box::new(dial))],
            }),
        )
    };
    let call = verbs::place_call(&service.engine, &asker.actor, request).await;
    let call = call.map_err(|error| refusal(&error, "dest1", Some(&other)))?;
    Ok(Placed::new(call.face.map(|face| face.reference).unwrap_or_default()))
}

/// Ends a call as a whole, or the part of one participant.
pub(super) async fn hang_up(service: &Service, asker: &Asker<'_>, txn_ref: &str) -> Result<(), Status> {
    let call = find(service, asker, txn_ref).await?.call;
    match verbs::hang_up(&service.engine, &asker.actor, call.id).await {
        Ok(_) => Ok(()),
        Err(CallError::NotFound) => Err(Status::TxnRefInvalid),
        // The carrier that has the call does not end it.
        Err(CallError::GoesOn(_)) => Err(Status::CallServiceNotAvailable),
        Err(error) => Err(failed(&error)),
    }
}

/// The call of this name.
pub(super) async fn find(service: &Service, asker: &Asker<'_>, txn_ref: &str) -> Result<CallDetails, Status> {
    let found = verbs::find_by_reference(&service.engine, &asker.actor, txn_ref).await;
    found.map_err(|error| match error {
        CallError::NotFound => Status::TxnRefInvalid,
        error => failed(&error),
    })
}

/// A number of a request, in the international form alone.
pub(super) fn address(field: &str, number: &str) -> Result<Address, Status> {
    let address = Address::parse(number).ok();
    let address = address.filter(|address| matches!(address.destination(), Destination::E164(_)));
    address.ok_or_else(|| Status::of_bad_field(field))
}

/// Who is told of the end of a call.
pub(super) fn receiver(url: String) -> WebhookOfCall {
    WebhookOfCall {
        url: Some(url),
        events: EventFilter::of(&["ended"]),
        secret: None,
    }
}

/// A tag as ours: it counts bytes, and the service's counts characters. The whole is kept beside it.
pub(super) fn shortened(tag: Option<String>) -> Option<String> {
    tag.map(|mut tag| {
        tag.truncate(tag.floor_char_boundary(Plan::LONGEST_TAG));
        tag
    })
}

/// The word for why a call was not taken. Its first number stands in this field, and the second one, if it has
/// one, in `dest2`.
pub(super) fn refusal(error: &PlaceCallError, first: &str, second: Option<&str>) -> Status {
    match error {
        PlaceCallError::Invalid(problems) => {
            let problem = problems.first();
            // Those of a room come with the place of their participant.
            let field = problem.map(|problem| problem.field.as_str()).unwrap_or_default();
            let last = field.rsplit('.').next().unwrap_or_default();
            Status::of_bad_field(match last {
                "to" if field.contains(".dial.") => "dest2",
                "to" | "participants" => first,
                "from" => "caller_id",
                "max" => "max_duration",
                "url" => "notify_url",
                other if other.bytes().all(|byte| byte.is_ascii_digit()) => first,
                other => other,
            })
        }
        PlaceCallError::ForeignCallerId { .. } => Status::CallerIdInvalid,
        PlaceCallError::NoRoute(NoRoute::Closed(to))
        | PlaceCallError::NoRouteTo {
            reason: NoRoute::Closed(to),
            ..
        } if Some(to.as_str()) == second => Status::Dest2NotSupported,
        PlaceCallError::NoRoute(_) | PlaceCallError::NoRouteTo { .. } => {
            Status::read(&format!("error_{first}_not_supported"))
        }
        PlaceCallError::HandOverNotAllowed => Status::PermissionDenied,
        PlaceCallError::Stopping => Status::ServiceNotAvailable,
        error @ (PlaceCallError::NameTaken | PlaceCallError::Store(_)) => failed(error),
    }
}

/// Something failed here; what, is for the log alone.
pub(super) fn failed(error: &dyn Display) -> Status {
    tracing::error!(%error, "a request of an application could not be answered");
    Status::InternalServerError
}
