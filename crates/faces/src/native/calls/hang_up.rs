//! `POST /api/v1/calls/{id}/hangup` and `DELETE /api/v1/calls/{id}`: end a call, wherever it stands.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::CallId;
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::{HangUp, HangUpWord},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_hang_up, hang_up)
        .needs::<ToCall>()
        .refuses(&[Code::CallNotFound, Code::Conflict, Code::NodeSilent])
}

pub(in crate::native) fn endpoint_for_delete() -> Endpoint {
    Endpoint::new("calls", __path_delete_call, delete_call)
        .needs::<ToCall>()
        .refuses(&[Code::CallNotFound, Code::Conflict, Code::NodeSilent])
}

/// Ends a call
///
/// Doing it again is harmless. The answer says whether a phone may have rung.
#[utoipa::path(post, path = "/api/v1/calls/{id}/hangup",
    params(("id" = String, Path, description = "The id of the call.")),
    responses((status = 200, body = HangUp)))]
async fn hang_up(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<CallId>,
) -> Result<Json<HangUp>, Refusal> {
    let result = verbs::hang_up(&api.engine, &actor, id).await?;
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
async fn delete_call(state: State<Arc<Api>>, actor: Allowed<ToCall>, id: Id<CallId>) -> Result<Json<HangUp>, Refusal> {
    hang_up(state, actor, id).await
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
        let hung_up = server.delete(&format!("/api/v1/calls/{id}")).await;
        assert_eq!(hung_up.json, json!({"result": "hung_up"}));
        let Some(outdial_engine::ports::LegCommand::HangUp { ending }) = leg.command().await else {
            panic!("the leg is told to end")
        };
        leg.end(ending).await;
        let call = server.get(&format!("/api/v1/calls/{id}?wait=1")).await.json;
        assert_eq!(call["outcome"], "canceled");
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
