//! `POST /api/v1/calls/{id}/hangup` and `DELETE /api/v1/calls/{id}`: end a call, wherever it stands.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::CallId;
use outdial_engine::{
    Actor,
    verbs::{self, LONGEST_REASON},
};
use utoipa::ToSchema;

use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    document::MaybeDocument,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::{HangUp, HangUpWord},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_hang_up, hang_up)
        .needs::<ToCall>()
        .refuses(&[
            Code::CallNotFound,
            Code::Conflict,
            Code::NodeSilent,
            Code::NotNow,
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ])
}

pub(in crate::native) fn endpoint_for_delete() -> Endpoint {
    Endpoint::new("calls", __path_delete_call, delete_call)
        .needs::<ToCall>()
        .refuses(&[Code::CallNotFound, Code::Conflict, Code::NodeSilent, Code::NotNow])
}

/// What may be said of the end of a call.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct HangUpRequest {
    /// Why, for the call's events and its ending.
    #[schema(max_length = 256)]
    why: Option<String>,
}

/// Ends a call
///
/// Doing it again is harmless. The answer says whether a phone may have rung. A call that its carrier does not end goes on,
/// is followed to its own end and not tried again: `not_now` says why. Who asked, and why if they said so in a
/// body, stands in the call's events and its ending.
#[utoipa::path(post, path = "/api/v1/calls/{id}/hangup", request_body = Option<HangUpRequest>,
    params(("id" = String, Path, description = "The id of the call.")),
    responses((status = 200, body = HangUp)))]
async fn hang_up(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<CallId>,
    MaybeDocument(document): MaybeDocument,
) -> Result<Json<HangUp>, Refusal> {
    let why = document.read(|fields| Some(fields.optional_line("why", LONGEST_REASON).map(str::to_owned)))?;
    ended(&api, &actor, id, why).await
}

async fn ended(api: &Api, actor: &Actor, id: CallId, why: Option<String>) -> Result<Json<HangUp>, Refusal> {
    let result = verbs::hang_up_because(&api.engine, actor, id, why).await?;
    Ok(Json(HangUp {
        result: HangUpWord(result),
    }))
}

/// Ends a call, as its `hangup` does
///
/// The call stays in the lists.
#[utoipa::path(delete, path = "/api/v1/calls/{id}",
    params(("id" = String, Path, description = "The id of the call.")),
    responses((status = 200, body = HangUp)))]
async fn delete_call(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<CallId>,
) -> Result<Json<HangUp>, Refusal> {
    ended(&api, &actor, id, None).await
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use outdial_domain::Scope;
    use outdial_testkit::fakes::Script;
    use serde_json::json;

    use crate::native::testing::{BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_is_prevented_and_whoever_asks_again_is_told_the_same() {
        let server = Server::start().await;
        let id = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
        let path = format!("/api/v1/calls/{id}");
        assert_eq!(
            server.post(&format!("{path}/hangup"), &json!({})).await.json,
            json!({"result": "prevented"})
        );
        assert_eq!(server.delete(&path).await.json, json!({"result": "prevented"}));
        let call = server.get(&path).await.json;
        assert_eq!(call["outcome"], "canceled");
        assert_eq!(call["ending"]["reason"], "canceled before it was dialled, by key test");
        assert!(server.world.carrier.rung().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_under_way_is_hung_up() {
        let server = Server::start().await;
        server.world.carrier.next(Script::ByHand);
        let id = server.place(json!({"to": BOB, "say": "x"})).await;
        let mut leg = server.world.carrier.leg().await;
        leg.sent().await;
        leg.ring().await;
        let path = format!("/api/v1/calls/{id}/hangup");
        for (body, field) in [
            (json!({"why": "x".repeat(257)}), "why"),
            (json!({"why": "a\nb"}), "why"),
            (json!({"reason": "x"}), "reason"),
        ] {
            let answer = server.post(&path, &body).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
            assert_eq!(answer.errors()[0].0, field, "{}", answer.text);
        }
        let hung_up = server.post(&path, &json!({"why": "the shop is closed"})).await;
        assert_eq!(hung_up.json, json!({"result": "hung_up"}));
        let Some(outdial_engine::ports::LegCommand::HangUp { ending }) = leg.command().await else {
            panic!("the leg is told to end")
        };
        leg.end(ending).await;
        let call = server.get(&format!("/api/v1/calls/{id}?wait=1")).await.json;
        assert_eq!(call["outcome"], "canceled");
        let reason = "hung up by key test, because the shop is closed";
        assert_eq!(call["ending"]["reason"], reason);
        let events = server.get(&format!("/api/v1/calls/{id}/events")).await.text;
        assert!(
            events.contains(r#""by":"key test","why":"the shop is closed""#),
            "{events}"
        );
        // Nobody has to say anything.
        let bare = server.request("POST", &path).body(axum::body::Body::empty()).unwrap();
        assert_eq!(server.send(bare).await.json, json!({"result": "too_late"}));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_ends_what_is_not_theirs_or_may_only_read() {
        let server = Server::start().await;
        let id = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
        let path = format!("/api/v1/calls/{id}/hangup");
        let stranger = server.stranger().await;
        let answer = server.post_with(&path, &json!({}), &stranger).await;
        answer.is(StatusCode::NOT_FOUND, "call_not_found");
        let reader = server.world.key(server.actor.account, "reader", &[Scope::Read]).await;
        let answer = server.post_with(&path, &json!({}), &reader).await;
        answer.is(StatusCode::FORBIDDEN, "insufficient_scope");
        assert_eq!(
            server.get(&format!("/api/v1/calls/{id}")).await.json["state"],
            "scheduled"
        );
    }
}
