//! `POST /api/v1/calls/{id}/control`: has a call that is under way do something else.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use outdial_domain::{Address, AddressError, CallId, digit::Digits};
use outdial_engine::{
    Order,
    verbs::{self, ControlError, LONGEST_REASON},
};
use outdial_flow::{Fields, document};
use utoipa::ToSchema;

use super::{
    names::Names,
    place::{self, Flow},
};
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    id::Id,
    moment::Length,
    refusal::Refusal,
    wire::Controlled,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_control_call, control_call)
        .needs::<ToCall>()
        .refuses(&[
            Code::CallNotFound,
            Code::CallNotLive,
            Code::NotNow,
            Code::NodeSilent,
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::CallerIdNotAllowed,
            Code::DestinationClosed,
            Code::NoRoute,
        ])
}

/// What a call that talks shall do. Give exactly one of these, and why if you like.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct ControlRequest {
    /// Whether what the first party says is kept from whoever it is with.
    mute: Option<bool>,
    /// Whether the far side is on hold: it hears nothing of whoever it is with, and is not heard.
    hold: Option<bool>,
    /// Keys to press: `0`-`9`, `*`, `#`, `A`-`D`, with `w` and `W` for pauses.
    #[schema(example = "12w#", max_length = 64)]
    send_digits: Option<String>,
    /// `say` and `play` steps that the first party hears now, over whoever it is with.
    #[schema(value_type = Option<Vec<Object>>)]
    play: Option<()>,
    /// Stop what is played to it: give `true`.
    stop_playing: Option<bool>,
    /// What to do instead of what it does.
    redirect: Option<Flow>,
    /// Whom to talk to instead of whoever it is with.
    #[schema(example = "+6590000001", max_length = 255)]
    transfer: Option<String>,
    /// How long it may last from now on.
    limit: Option<Length>,
    /// Why, for the call's events.
    #[schema(max_length = 256)]
    why: Option<String>,
}

/// Has a live call do something else
///
/// It is done by whichever node has the call. What was asked for, by whom, why, and what came of it stands in
/// the call's events. To end a call, see `hangup`.
#[utoipa::path(post, path = "/api/v1/calls/{id}/control", request_body = ControlRequest,
    params(("id" = String, Path, description = "The id of the call.")),
    responses((status = 200, body = Controlled)))]
async fn control_call(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<CallId>,
    document: Document,
) -> Result<Json<Controlled>, Refusal> {
    let longest = api.engine.settings.limits.longest_talk;
    let names = Names::of_control(&document.value);
    let (order, why) = document.read(|fields| read(fields, longest))?;
    let result = verbs::control_call(&api.engine, &actor, id, order, why)
        .await
        .map_err(|error| refusal(error, names))?;
    Ok(Json(Controlled { result }))
}

const ORDERS: [&str; 8] = [
    "mute",
    "hold",
    "send_digits",
    "play",
    "stop_playing",
    "redirect",
    "transfer",
    "limit",
];

const ONE_ORDER: &str =
    "give exactly one of `mute`, `hold`, `send_digits`, `play`, `stop_playing`, `redirect`, `transfer` and `limit`";

fn read(fields: &mut Fields<'_, '_>, longest: Duration) -> Option<(Order, Option<String>)> {
    let given: Vec<&str> = ORDERS.into_iter().filter(|name| fields.has(name)).collect();
    for other in given.iter().skip(1) {
        fields.problem(other, "invalid", ONE_ORDER);
    }
    if given.is_empty() && fields.is_object() {
        fields.problem("mute", "missing", ONE_ORDER);
    }
    let why = fields.optional_line("why", LONGEST_REASON).map(str::to_owned);
    let mute = fields.optional_boolean("mute").map(Order::Mute);
    let hold = fields.optional_boolean("hold").map(Order::Hold);
    let digits = fields
        .optional_parse::<Digits>("send_digits", Digits::MOST)
        .map(Order::SendDigits);
    let play = fields.optional("play").and_then(|given| {
        let prompts = document::read_prompts(&given)?;
        if prompts.is_empty() {
            given.problem("missing", "give one step at least");
        }
        Some(Order::Play(prompts))
    });
    let stop = fields.optional("stop_playing").map(|given| {
        if given.boolean() == Some(false) {
            given.problem("invalid", "give true, or leave it out");
        }
        Order::StopPlaying
    });
    let redirect = fields
        .optional("redirect")
        .and_then(|given| document::read_given(&given))
        .map(Order::Redirect);
    let transfer = fields
        .optional_parse::<Dialled>("transfer", Address::LONGEST)
        .map(|Dialled(to)| Order::Transfer(to));
    let limit = fields
        .optional_duration("limit", Duration::from_millis(1)..=longest)
        .map(Order::Limit);
    let orders = [mute, hold, digits, play, stop, redirect, transfer, limit];
    Some((orders.into_iter().flatten().next()?, why))
}

struct Dialled(Address);

impl std::str::FromStr for Dialled {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text).map(Self)
    }
}

fn refusal(error: ControlError, names: Names) -> Refusal {
    let detail = error.to_string();
    match error {
        ControlError::Call(error) => error.into(),
        ControlError::NotLive(_) => Refusal::new(Code::CallNotLive, detail),
        ControlError::NotNow(_) => Refusal::new(Code::NotNow, detail),
        ControlError::Refused(error) => place::refusal(error, names),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use outdial_engine::ports::LegCommand;
    use outdial_testkit::fakes::Script;
    use serde_json::json;

    use crate::native::testing::{BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn a_call_that_talks_is_muted_and_told_to_do_something_else() {
        let server = Server::start().await;
        server.world.carrier.next(Script::ByHand);
        let id = server.place(json!({"to": BOB, "flow": [{"pause": "5m"}]})).await;
        let path = format!("/api/v1/calls/{id}/control");
        let mut leg = server.world.carrier.leg().await;
        leg.sent().await;
        leg.ring().await;
        let early = server.post(&path, &json!({"mute": true})).await;
        early.is(StatusCode::CONFLICT, "not_now");
        leg.answer().await;
        server.reached(&id, "answered").await;
        let muted = server.post(&path, &json!({"mute": true, "why": "noise"})).await;
        assert_eq!(muted.json, json!({"result": "muted"}));
        assert!(matches!(leg.command().await, Some(LegCommand::Mute(true))));
        let said = server.post(&path, &json!({"play": [{"say": "One minute"}]})).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text);
        assert!(matches!(leg.command().await, Some(LegCommand::Play { .. })));
        let redirected = server.post(&path, &json!({"redirect": [{"hang_up": {}}]})).await;
        assert_eq!(redirected.status, StatusCode::OK, "{}", redirected.text);
        while let Some(command) = leg.command().await {
            if let LegCommand::HangUp { ending } = command {
                leg.end(ending).await;
                break;
            }
        }
        server.get(&format!("/api/v1/calls/{id}?wait=1")).await;
        server
            .post(&path, &json!({"mute": true}))
            .await
            .is(StatusCode::CONFLICT, "call_not_live");
        let events = server.get(&format!("/api/v1/calls/{id}/events")).await.text;
        assert!(
            events.contains(r#""what":"mute","why":"noise","result":"muted""#),
            "{events}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_told_by_field() {
        let server = Server::start().await;
        let id = server.place(json!({"to": BOB, "flow": [{"pause": "5m"}]})).await;
        server.reached(&id, "answered").await;
        let path = format!("/api/v1/calls/{id}/control");
        for (body, field) in [
            (json!({}), "mute"),
            (json!({"mute": true, "limit": 60}), "limit"),
            (json!({"mute": "yes"}), "mute"),
            (json!({"send_digits": "12x"}), "send_digits"),
            (json!({"play": []}), "play"),
            (json!({"play": [{"hang_up": {}}]}), "play.0.hang_up"),
            (json!({"stop_playing": false}), "stop_playing"),
            (json!({"redirect": [{"sya": "x"}]}), "redirect.0.sya"),
            (json!({"transfer": "hello"}), "transfer"),
            (json!({"transfer": BOB}), "transfer"),
            (json!({"limit": 0}), "limit"),
            (json!({"mute": true, "why": "x".repeat(257)}), "why"),
        ] {
            let answer = server.post(&path, &body).await;
            assert_eq!(
                answer.status,
                StatusCode::UNPROCESSABLE_ENTITY,
                "{body}: {}",
                answer.text
            );
            assert_eq!(answer.json["errors"][0]["field"], field, "{body}: {}", answer.text);
        }
        let closed = server.post(&path, &json!({"transfer": "sip:eve@example.com"})).await;
        closed.is(StatusCode::FORBIDDEN, "destination_closed");
        assert_eq!(closed.errors()[0].0, "transfer");
        let closed = json!({"redirect": [{"say": "x"}, {"dial": "sip:eve@example.com"}]});
        let closed = server.post(&path, &closed).await;
        closed.is(StatusCode::FORBIDDEN, "destination_closed");
        assert_eq!(closed.errors()[0].0, "redirect.1.dial.to");
    }
}
