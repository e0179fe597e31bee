//! `POST /api/v1/calls`: places a call.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use outdial_domain::{self as domain, Limits};
use outdial_engine::{
    routing::NoRoute,
    verbs::{self, PlaceCall, PlaceCallError},
};
use outdial_flow::Fields;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, Type},
};

use super::names::Names;
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    idempotency::{Answer, Idempotency},
    moment::{Length, Moment},
    plan::{self, HoursAsked, LONGEST_NAME, RetryAsked},
    refusal::Refusal,
    wire::{Call, EventWord, PriorityWord},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_place_call, place_call)
        .needs::<ToCall>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::CallerIdNotAllowed,
            Code::HandOverNotAllowed,
            Code::DestinationClosed,
            Code::NoRoute,
            Code::Stopping,
        ])
        .makes_once()
}

/// A call to be placed. Give exactly one of `say`, `play`, `flow`, `bridge` and `room`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct PlaceRequest {
    /// Whom to reach: a number as `+6598765432`, a local one as `100@context`, or a SIP URI.
    #[schema(example = "+6598765432", max_length = 255)]
    to: String,
    /// The caller id to show: one of the account's numbers, unless the key has `any_caller_id`.
    #[schema(max_length = 255)]
    from: Option<String>,
    /// A text to speak after the answer.
    #[schema(example = "Your table is ready.", max_length = 10000)]
    say: Option<String>,
    /// The id of an uploaded audio file to play after the answer.
    play: Option<String>,
    /// What to do after the answer.
    flow: Option<Flow>,
    /// Whom to ring after the answer, so that the two talk: a number, a list of them to be rung one after the
    /// other, or the object of the step `dial`.
    bridge: Option<Bridge>,
    /// The room to enter after the answer: its name, or the object of the step `conference`.
    room: Option<RoomAsked>,
    /// Whether the call is recorded from its answer to its end; an object as that of the step `record` says how.
    record: Option<RecordAsked>,
    /// The name of the only trunk to use.
    #[schema(max_length = 100)]
    via: Option<String>,
    /// How long the phone rings.
    ring: Option<Length>,
    /// How long the call may last from its answer. Where it rings somebody else, that lasts as long as its `ring` says,
    /// and the two may talk so long from the other party's answer.
    max: Option<Length>,
    /// Not before this time; one that is past by at most an hour means now. Give `at` or `in`, not both.
    at: Option<Moment>,
    /// Not before so much time has passed.
    r#in: Option<Length>,
    /// How urgent it is beside others that wait for the same limit; `normal` when it is not given.
    priority: Option<PriorityWord>,
    /// Not at this time or later.
    expires: Option<Moment>,
    /// When the phone may be rung; always, when not given.
    #[schema(inline)]
    hours: Option<HoursAsked>,
    /// When it is tried again; never, when not given.
    #[schema(inline)]
    retry: Option<RetryAsked>,
    /// Free text, echoed everywhere.
    #[schema(max_length = 256)]
    tag: Option<String>,
    /// Your own name for the call, echoed everywhere. Where there is no `Idempotency-Key`, it serves as one.
    #[schema(example = "order 7", max_length = 255)]
    reference: Option<String>,
    /// Who is told of what happens to the call, besides the account's webhooks.
    webhook: Option<WebhookRequest>,
}

/// Who is told of one call. Private addresses are refused as for webhooks of the account.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct WebhookRequest {
    /// Where notifications are sent, by POST.
    #[schema(example = "https://example.com/outdial", max_length = 2000)]
    url: String,
    /// The kinds of events to be told of; all when none are given.
    events: Option<Vec<EventWord>>,
    /// What they are signed with, by Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes. They are
    /// not signed without. It is never shown.
    #[schema(format = Password)]
    secret: Option<String>,
}

/// Whether and how a call is recorded: true or false, or what a `record` step says.
pub(in crate::native) struct RecordAsked;

impl PartialSchema for RecordAsked {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Boolean))
            .item(Ref::from_schema_name("RecordStep"))
            .description(Some("True or false, or what a `record` step says."))
            .examples([serde_json::json!({"channels": "separate"})])
            .into()
    }
}

impl ToSchema for RecordAsked {}

/// What to do after the answer: a list of steps, the same in an object as `steps`, or the name of a
/// flow in the configuration.
pub(in crate::native) struct Flow;

impl PartialSchema for Flow {
    fn schema() -> RefOr<Schema> {
        let steps = || {
            ArrayBuilder::new()
                .items(Ref::from_schema_name("Step"))
                .max_items(Some(outdial_flow::Flow::MOST_STEPS))
        };
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("steps", steps())
            .required("steps");
        let name = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(LONGEST_NAME));
        OneOfBuilder::new()
            .item(steps())
            .item(object)
            .item(name)
            .description(Some(
                "What to do after the answer: a list of steps, the same in an object as `steps`, or the name of a \
                 flow in the configuration.",
            ))
            .examples([serde_json::json!([{"say": "Press 1 to confirm."}, {"gather": {"digits": 1}}])])
            .into()
    }
}

impl ToSchema for Flow {}

/// Whom to ring after the answer.
pub(in crate::native) struct Bridge;

impl PartialSchema for Bridge {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(Ref::from_schema_name("Numbers"))
            .item(Ref::from_schema_name("DialStep"))
            .description(Some("Whom to ring after the answer, so that the two talk."))
            .examples([serde_json::json!("+6590000001")])
            .into()
    }
}

impl ToSchema for Bridge {}

/// The room to enter after the answer.
pub(in crate::native) struct RoomAsked;

impl PartialSchema for RoomAsked {
    fn schema() -> RefOr<Schema> {
        let name = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(domain::RoomName::LONGEST));
        OneOfBuilder::new()
            .item(name)
            .item(Ref::from_schema_name("ConferenceStep"))
            .description(Some("The room to enter after the answer."))
            .examples([serde_json::json!("stand-up")])
            .into()
    }
}

impl ToSchema for RoomAsked {}

/// Places a call
///
/// When it is answered, the call is on disk. Without `at` and `in` it is dialled at once. The same
/// request sent again is another call, unless it has an `Idempotency-Key` or a `reference`.
#[utoipa::path(post, path = "/api/v1/calls", request_body = PlaceRequest,
    responses((status = 201, body = Call, headers(("Location" = String, description = "Where the call can be read.")))))]
async fn place_call(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    idempotency: Idempotency,
    document: Document,
) -> Result<Answer, Refusal> {
    let engine = &api.engine;
    let idempotency = idempotency
        .or_field("reference", document.value.get("reference"))
        .for_request(&[b"POST /api/v1/calls", &document.canonical()]);
    let create = async |once| {
        let names = Names::of(&document.value);
        let now = engine.ids.now();
        let request = document.read(|fields| read(fields, engine.settings.limits, now))?;
        verbs::place_call_once(engine, &actor, request, once)
            .await
            .map_err(|error| refusal(error, names))
    };
    idempotency.create(&api, &actor, answer, create).await
}

fn answer(call: &domain::Call) -> Answer {
    let shown = Call::new(call.clone(), call.created_at);
    Answer::made(&shown).at(shown.location())
}

fn read(fields: &mut Fields<'_, '_>, limits: Limits, now: Timestamp) -> Option<PlaceCall> {
    let asked = plan::read(fields, limits, now);
    plan::require(fields);
    Some(PlaceCall {
        to: asked.to?,
        action: asked.action?,
        from: asked.from,
        via: asked.via,
        due: asked.due,
        priority: asked.priority.unwrap_or_default(),
        expires: asked.expires,
        hours: asked.hours,
        retry: asked.retry.unwrap_or_default(),
        ring: asked.ring,
        talk: asked.talk,
        tag: asked.tag,
        reference: asked.reference,
        webhook: asked.webhook,
        led: false,
        kept: None,
    })
}

pub(in crate::native) fn refusal(error: PlaceCallError, names: Names) -> Refusal {
    let detail = error.to_string();
    match error {
        PlaceCallError::Invalid(mut problems) => {
            problems
                .iter_mut()
                .for_each(|problem| problem.field = names.given(&problem.field));
            Refusal::fields(problems)
        }
        PlaceCallError::ForeignCallerId { field, .. } => {
            Refusal::new(Code::CallerIdNotAllowed, detail).blame(&names.given(&field), "invalid")
        }
        // This face gives calls no names of its own.
        PlaceCallError::NameTaken => Refusal::internal(),
        PlaceCallError::HandOverNotAllowed => Refusal::new(Code::HandOverNotAllowed, detail).blame("flow", "invalid"),
        PlaceCallError::NoRoute(reason) => no_route(&reason, reason.blames("to", "from")),
        PlaceCallError::NoRouteTo { field, reason } => no_route(&reason, &names.given(&field)),
        PlaceCallError::Stopping => Refusal::stopping(),
        PlaceCallError::Store(error) => error.into(),
    }
}

fn no_route(reason: &NoRoute, field: &str) -> Refusal {
    let detail = reason.to_string();
    match reason {
        NoRoute::Closed(_) => Refusal::new(Code::DestinationClosed, detail).blame(field, "invalid"),
        NoRoute::UnknownTrunk { .. } => Refusal::fields(vec![outdial_flow::Problem {
            field: field.to_owned(),
            code: "invalid",
            message: detail,
        }]),
        NoRoute::CallerIdElsewhere { .. } | NoRoute::NoTrunk(_) | NoRoute::NoSmsTrunk(_) => {
            Refusal::new(Code::NoRoute, detail).blame(field, "invalid")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use serde_json::{Value, json};

    use crate::native::testing::{BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn a_call_is_taken_with_everything_that_was_asked_for() {
        let server = Server::start().await;
        let body = json!({
            "to": "SIP:Bob@127.0.0.1", "from": "+65 6123 4567", "say": "Hello", "ring": "20s", "max": 90.5,
            "at": "2030-01-02T12:00:00+08:00", "tag": "order 7", "priority": "high",
        });
        let answer = server.post("/api/v1/calls", &body).await;
        insta::assert_json_snapshot!(answer.golden());
        let location = answer.header("location");
        assert_eq!(
            location,
            format!("/api/v1/calls/{}", answer.json["id"].as_str().unwrap())
        );
        assert_eq!(server.get(location).await.json, answer.json);
    }

    #[tokio::test(start_paused = true)]
    async fn each_way_to_say_what_to_do_is_taken() {
        let server = Server::start().await;
        let audio = server.audio().await;
        for action in [
            json!({"say": "Hello"}),
            json!({"play": audio}),
            json!({"flow": "welcome"}),
            json!({"flow": [{"say": "Hello"}, {"hang_up": {}}]}),
            json!({"flow": {"steps": [{"pause": 1}]}, "say": null}),
            json!({"say": "Hello", "in": 60}),
            json!({"say": "Hello", "in": "1.5h"}),
            // It is past, by less than an hour.
            json!({"say": "Hello", "at": "2030-01-02T02:05:00Z"}),
        ] {
            let mut body = json!({"to": BOB});
            body.as_object_mut()
                .unwrap()
                .extend(action.as_object().unwrap().clone());
            let answer = server.post("/api/v1/calls", &body).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{action}: {}", answer.text);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn everything_that_is_wrong_is_told_at_once() {
        let server = Server::start().await;
        let body = json!({
            "to": "hello", "from": 7, "say": "", "flow": [{"sya": "x"}, {"pause": "9h"}], "via": "", "ring": "1000s",
            "max": -1, "at": "2030-01-01T00:00:00", "in": "soon", "tag": "x".repeat(257), "colour": "red", "rnig": 1,
        });
        insta::assert_json_snapshot!(server.post("/api/v1/calls", &body).await.golden());
        insta::assert_json_snapshot!(server.post("/api/v1/calls", &json!({})).await.golden());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_with_others_is_told_by_the_field_that_names_them() {
        const EVE: &str = "sip:eve@127.0.0.1";
        const FAR: &str = "sip:eve@example.com";
        let server = Server::start().await;
        for (given, field) in [
            (json!({"bridge": BOB}), "bridge"),
            (json!({"bridge": [EVE, "SIP:BOB@127.0.0.1:5060"]}), "bridge.1"),
            (json!({"bridge": {"to": [EVE, BOB]}}), "bridge.to.1"),
            (json!({"bridge": FAR}), "bridge"),
            (json!({"bridge": {"to": FAR}, "record": true}), "bridge.to"),
            (
                json!({"bridge": {"to": EVE, "warn_before": "5s"}, "max": "5s"}),
                "bridge.warn_before",
            ),
            (
                json!({"bridge": {"to": EVE, "warn_before": "9s", "max": "5s"}}),
                "bridge.warn_before",
            ),
            (json!({"bridge": {"to": EVE, "from": "+6500000000"}}), "bridge.from"),
            (json!({"bridge": {"to": EVE, "from": "other_party"}}), "bridge.from"),
            (
                json!({"flow": [{"say": "x"}, {"dial": FAR}], "record": true}),
                "flow.1.dial.to",
            ),
            (
                json!({"flow": {"steps": [{"dial": [EVE, FAR]}]}}),
                "flow.steps.0.dial.to.1",
            ),
            (
                json!({"flow": [{"gather": {"digits": 1, "on": {"3": [{"dial": BOB}]}}}]}),
                "flow.0.gather.on.3.0.dial.to",
            ),
        ] {
            let mut body = given;
            body["to"] = json!(BOB);
            let answer = server.post("/api/v1/calls", &body).await;
            assert!(answer.status.is_client_error(), "{body}: {}", answer.text);
            assert_eq!(answer.errors()[0].0, field, "{body}: {}", answer.text);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_told_by_field() {
        let server = Server::start().await;
        let table = [
            (json!([]), "", "type"),
            (json!("call"), "", "type"),
            (json!({"say": "x"}), "to", "missing"),
            (json!({"to": 100, "say": "x"}), "to", "type"),
            (json!({"to": "100\u{0}", "say": "x"}), "to", "invalid"),
            (json!({"to": "1".repeat(1 << 17), "say": "x"}), "to", "too_long"),
            (json!({"to": "sip:a@b?Subject=x", "say": "x"}), "to", "invalid"),
            (json!({"to": BOB}), "say", "missing"),
            (json!({"to": BOB, "say": "a\u{0}b"}), "say", "invalid"),
            (json!({"to": BOB, "say": "x".repeat(10_001)}), "say", "too_long"),
            (json!({"to": BOB, "say": "x", "play": "aud_0"}), "play", "invalid"),
            (json!({"to": BOB, "play": "/etc/passwd"}), "play", "invalid"),
            (
                json!({"to": BOB, "play": "call_00000000000000000000000000000000"}),
                "play",
                "invalid",
            ),
            (
                json!({"to": BOB, "play": "aud_00000000000000000000000000000000"}),
                "play",
                "invalid",
            ),
            (json!({"to": BOB, "flow": "nowhere"}), "flow", "invalid"),
            (json!({"to": BOB, "flow": 7}), "flow", "type"),
            (json!({"to": BOB, "say": "x", "ring": "45"}), "ring", "invalid"),
            (json!({"to": BOB, "say": "x", "ring": 0}), "ring", "out_of_range"),
            (json!({"to": BOB, "say": "x", "max": 1e300}), "max", "out_of_range"),
            (
                json!({"to": BOB, "say": "x", "at": "9999-01-01T00:00:00Z"}),
                "at",
                "out_of_range",
            ),
            (
                json!({"to": BOB, "say": "x", "at": "2030-01-02T02:04:00Z"}),
                "at",
                "out_of_range",
            ),
            (json!({"to": BOB, "say": "x", "at": 1_893_553_445}), "at", "type"),
            (json!({"to": BOB, "say": "x", "in": "9000h"}), "in", "out_of_range"),
            (json!({"to": BOB, "say": "x", "via": "nowhere"}), "via", "invalid"),
            (json!({"to": BOB, "say": "x", "tag": "a\nb"}), "tag", "invalid"),
            (
                json!({"to": BOB, "say": "x", "priority": "urgent"}),
                "priority",
                "invalid",
            ),
            (json!({"to": BOB, "say": "x", "tga": "a"}), "tga", "unknown"),
        ];
        for (body, field, code) in table {
            let answer = server.post("/api/v1/calls", &body).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
            let errors = answer.errors();
            assert!(
                errors.contains(&(field.to_owned(), code.to_owned())),
                "{field} {code}: {errors:?}"
            );
            assert!(answer.text.len() < 4_000, "{field}");
        }
        assert!(server.world.carrier.rung().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn hostile_bodies_are_refused() {
        let server = Server::start().await;
        let twice = br#"{"to": "sip:a@127.0.0.1", "to": "sip:b@127.0.0.1", "say": "x"}"#;
        let answer = server.post_bytes("/api/v1/calls", "application/json", twice).await;
        assert_eq!(answer.errors(), [("to".into(), "invalid".into())]);
        let deep = format!("{{\"flow\": {}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
        let answer = server
            .post_bytes("/api/v1/calls", "application/json", deep.as_bytes())
            .await;
        answer.is(StatusCode::BAD_REQUEST, "malformed_json");
        let megabyte = json!({"to": BOB, "say": "x".repeat(1 << 20)});
        server
            .post("/api/v1/calls", &megabyte)
            .await
            .is(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
        let many: serde_json::Map<String, Value> = (0..20_000).map(|n| (n.to_string(), json!(n))).collect();
        let answer = server.post("/api/v1/calls", &Value::Object(many)).await;
        assert_eq!(answer.errors().len(), outdial_flow::Problems::MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn policy_and_routes_have_codes_of_their_own() {
        let server = Server::start().await;
        let table = [
            (
                json!({"to": "sip:bob@example.com", "say": "x"}),
                StatusCode::FORBIDDEN,
                "destination_closed",
            ),
            (
                json!({"to": "100", "say": "x"}),
                StatusCode::UNPROCESSABLE_ENTITY,
                "no_route",
            ),
            (
                json!({"to": BOB, "say": "x", "from": "+4930123456"}),
                StatusCode::FORBIDDEN,
                "caller_id_not_allowed",
            ),
        ];
        for (body, status, code) in table {
            server.post("/api/v1/calls", &body).await.is(status, code);
        }
        let switch = json!({"to": BOB, "flow": [{"hand_over": {"application": "System", "data": "x"}}]});
        server
            .post("/api/v1/calls", &switch)
            .await
            .is(StatusCode::FORBIDDEN, "hand_over_not_allowed");
        let free = server
            .world
            .key(
                server.actor.account,
                "free",
                &[outdial_domain::Scope::Calls, outdial_domain::Scope::AnyCallerId],
            )
            .await;
        let body = json!({"to": BOB, "say": "x", "from": "+4930123456"});
        assert_eq!(
            server.post_with("/api/v1/calls", &body, &free).await.status,
            StatusCode::CREATED
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_taken_while_stopping_or_without_a_disk() {
        let server = Server::start().await;
        let body = json!({"to": BOB, "say": "x"});
        assert_eq!(server.post("/api/v1/calls", &body).await.status, StatusCode::CREATED);
        server.world.store.fill_disk();
        let answer = server.post("/api/v1/calls", &body).await;
        answer.is(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable");
        server.world.store.fail(None);
        server.engine.stop(Duration::from_secs(60)).await;
        let answer = server.post("/api/v1/calls", &body).await;
        answer.is(StatusCode::SERVICE_UNAVAILABLE, "stopping");
        assert_eq!(answer.header("retry-after"), "5");
    }
}
