//! `PATCH /api/v1/calls/{id}`: changes a call until it is dialled.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use outdial_domain::{CallId, Limits};
use outdial_engine::verbs::{self, ChangeCall, ChangeCallError};
use outdial_flow::Fields;
use utoipa::ToSchema;

use super::{
    names::Names,
    place::{self, Flow, RecordAsked},
};
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    document::Document,
    edits::{edit, refuse_to_clear},
    endpoint::Endpoint,
    id::Id,
    moment::{Length, Moment},
    plan::{self, Asked, HoursAsked, RetryAsked},
    refusal::Refusal,
    wire::{Call, PriorityWord},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_change_call, change_call)
        .needs::<ToCall>()
        .refuses(&[
            Code::CallNotFound,
            Code::TooLate,
            Code::Conflict,
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
        ])
}

/// What to change of a call; what is not given stays as it is. `null` takes away `from`, `via`, `expires`,
/// `hours`, `retry` and `tag`, and brings back the usual `ring`, `max` and `priority`; `at` or `in` as `null`
/// is as soon as possible.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct ChangeRequest {
    /// Only if the call still has this `version`.
    version: Option<u32>,
    /// Whom to reach.
    #[schema(max_length = 255)]
    to: Option<String>,
    /// The caller id to show.
    #[schema(max_length = 255)]
    from: Option<String>,
    /// A text to speak after the answer.
    #[schema(max_length = 10000)]
    say: Option<String>,
    /// The id of an uploaded audio file to play after the answer.
    play: Option<String>,
    /// What to do after the answer.
    flow: Option<Flow>,
    /// Whether the call is recorded from its answer to its end.
    record: Option<RecordAsked>,
    /// The name of the only trunk to use.
    #[schema(max_length = 100)]
    via: Option<String>,
    /// How long the phone rings.
    ring: Option<Length>,
    /// How long the call may last from its answer.
    max: Option<Length>,
    /// Not before this time; one that is past by at most an hour means now. Give `at` or `in`, not both.
    at: Option<Moment>,
    /// Not before so much time has passed.
    r#in: Option<Length>,
    /// How urgent it is beside others that wait for the same limit.
    priority: Option<PriorityWord>,
    /// Not at this time or later.
    expires: Option<Moment>,
    /// When the phone may be rung.
    #[schema(inline)]
    hours: Option<HoursAsked>,
    /// When it is tried again. What was tried so far counts under the new rules, too.
    #[schema(inline)]
    retry: Option<RetryAsked>,
    /// Free text, echoed everywhere.
    #[schema(max_length = 256)]
    tag: Option<String>,
}

/// Changes a call
///
/// Until it is dialled, and between its attempts. Whoever had taken it to dial it as it was does not.
#[utoipa::path(patch, path = "/api/v1/calls/{id}", request_body = ChangeRequest,
    params(("id" = String, Path, description = "The id of the call.")),
    responses((status = 200, body = Call)))]
async fn change_call(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<CallId>,
    document: Document,
) -> Result<Json<Call>, Refusal> {
    let engine = &api.engine;
    let names = Names::of(&document.value);
    let now = engine.ids.now();
    let change = document.read(|fields| read(fields, engine.settings.limits, now))?;
    let details = verbs::change_call(engine, &actor, id, change)
        .await
        .map_err(|error| refusal(error, names))?;
    let queue = verbs::place_in_queue(engine, &details).await?;
    Ok(Json(Call::whole(details, engine.ids.now()).waiting(queue)))
}

fn read(fields: &mut Fields<'_, '_>, limits: Limits, now: Timestamp) -> Option<ChangeCall> {
    let version = fields.optional_integer("version", 1..=u32::MAX);
    if fields.has("webhook") {
        fields.problem("webhook", "invalid", "a call keeps its webhook");
    }
    if fields.has("reference") {
        fields.problem("reference", "invalid", "a call keeps its reference");
    }
    refuse_to_clear(fields, &["webhook", "reference"]);
    let asked = plan::read(fields, limits, now);
    Some(ChangeCall {
        version,
        due: edit(fields, &["at", "in"], asked.due),
        expires: edit(fields, &["expires"], asked.expires),
        ..change_of_plan(fields, asked)
    })
}

/// What to change of any plan.
pub(in crate::native) fn change_of_plan(fields: &Fields<'_, '_>, asked: Asked) -> ChangeCall {
    ChangeCall {
        to: asked.to,
        action: asked.action,
        from: edit(fields, &["from"], asked.from),
        via: edit(fields, &["via"], asked.via),
        priority: edit(fields, &["priority"], asked.priority),
        hours: edit(fields, &["hours"], asked.hours),
        retry: edit(fields, &["retry"], asked.retry),
        ring: edit(fields, &["ring"], asked.ring),
        talk: edit(fields, &["max"], asked.talk),
        tag: edit(fields, &["tag"], asked.tag),
        ..ChangeCall::default()
    }
}

fn refusal(error: ChangeCallError, names: Names) -> Refusal {
    let detail = error.to_string();
    match error {
        ChangeCallError::Call(error) => error.into(),
        ChangeCallError::TooLate(_) => Refusal::new(Code::TooLate, detail),
        ChangeCallError::OtherVersion(_) => Refusal::new(Code::Conflict, detail).blame("version", "invalid"),
        ChangeCallError::Refused(error) => place::refusal(error, names),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::native::testing::{BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn a_call_is_changed_until_it_is_dialled() {
        let server = Server::start().await;
        let id = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
        let path = format!("/api/v1/calls/{id}");
        let body = json!({"version": 1, "to": "sip:carol@127.0.0.1", "in": "2h", "tag": "t", "retry": "2/1m",
            "hours": "daily 00:00-24:00 in UTC"});
        let answer = server.patch(&path, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(
            (&answer.json["to"], &answer.json["version"]),
            (&json!("sip:carol@127.0.0.1"), &json!(2))
        );
        assert_eq!(server.get(&path).await.json, answer.json);
        let events = server.get(&format!("{path}/events")).await;
        insta::assert_json_snapshot!(events.json["events"][1]["data"]);
        server.patch(&path, &body).await.is(StatusCode::CONFLICT, "conflict");

        server.call(json!({"to": BOB, "say": "x"})).await;
        let over = server.call(json!({"to": BOB, "say": "x"})).await;
        let late = server
            .patch(&format!("/api/v1/calls/{over}"), &json!({"tag": "t"}))
            .await;
        late.is(StatusCode::CONFLICT, "too_late");
    }

    #[tokio::test(start_paused = true)]
    async fn null_takes_away_what_was_given() {
        let server = Server::start().await;
        let given = json!({"to": BOB, "say": "x", "from": "+6561234567", "in": "1h", "expires":
            "2030-02-01T00:00:00Z", "hours": "daily 00:00-24:00 in UTC", "retry": "2/1m", "ring": "7s", "max": "8s",
            "priority": "high", "tag": "t"});
        let plain = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
        let plain = server.get(&format!("/api/v1/calls/{plain}")).await.json;
        let id = server.place(given).await;
        let path = format!("/api/v1/calls/{id}");
        for name in ["from", "expires", "hours", "retry", "ring", "max", "priority", "tag"] {
            let before = server.get(&path).await.json;
            assert_ne!(before[name], plain[name], "{name}");
            let answer = server.patch(&path, &json!({ name: null })).await;
            assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text);
            assert_eq!(answer.json[name], plain[name], "{name}");
            assert_eq!(server.get(&path).await.json, answer.json);
        }
        for name in ["to", "say", "flow", "webhook", "reference"] {
            let answer = server.patch(&path, &json!({ name: null })).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
            assert_eq!(answer.errors(), [(name.to_owned(), "invalid".to_owned())]);
        }
        let unset = json!({"version": null, "say": "y", "play": null, "flow": null});
        assert_eq!(server.patch(&path, &unset).await.status, StatusCode::OK);
        let soon = server.patch(&path, &json!({"at": null})).await;
        assert_eq!(soon.json["state"], "queued", "{}", soon.text);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_change_is_told_by_field() {
        let server = Server::start().await;
        let id = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
        let table = [
            (json!({"at": "2030-01-31T09:00:00"}), "at", "invalid"),
            (json!({"at": "9999-01-01T00:00:00Z"}), "at", "out_of_range"),
            (json!({"in": "9000h"}), "in", "out_of_range"),
            (json!({"version": 0}), "version", "out_of_range"),
            (json!({"reference": "x"}), "reference", "invalid"),
            (
                json!({"webhook": {"url": "https://example.com/"}}),
                "webhook",
                "invalid",
            ),
            (json!({"say": "x", "play": "aud_0"}), "play", "invalid"),
            (json!({"expires": "1970-01-01T00:00:00Z"}), "expires", "out_of_range"),
            (json!({"state": "ended"}), "state", "unknown"),
        ];
        for (body, field, code) in table {
            let answer = server.patch(&format!("/api/v1/calls/{id}"), &body).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
            let errors = answer.errors();
            assert!(
                errors.contains(&(field.to_owned(), code.to_owned())),
                "{body}: {errors:?}"
            );
        }
        let nobody = "/api/v1/calls/call_00000000000000000000000000000000";
        let answer = server.patch(nobody, &json!({"tag": "t"})).await;
        answer.is(StatusCode::NOT_FOUND, "call_not_found");
    }
}
