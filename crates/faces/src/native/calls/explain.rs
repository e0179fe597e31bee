//! `GET /api/v1/calls/{id}/explain`: the whole story of a call.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::CallId;
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::Story,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_explain_call, explain_call)
        .needs::<ToRead>()
        .refuses(&[Code::CallNotFound])
}

/// Tells the whole story of a call
///
/// Its attempts and legs, everything that happened, and the SIP messages of each leg.
#[utoipa::path(get, path = "/api/v1/calls/{id}/explain",
    params(("id" = String, Path, description = "The id of the call.")),
    responses((status = 200, body = Story)))]
async fn explain_call(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<CallId>,
) -> Result<Json<Story>, Refusal> {
    let story = verbs::explain_call(&api.engine, &actor, id).await?;
    Ok(Json(Story::new(story, api.engine.ids.now())))
}

#[cfg(test)]
mod tests {
    use outdial_testkit::fakes::Script;
    use serde_json::json;

    use crate::native::testing::{BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn the_story_has_the_messages() {
        let server = Server::start().await;
        server.world.carrier.next(Script::rejects(404, "Not Found"));
        let id = server.call(json!({"to": BOB, "say": "x"})).await;
        insta::assert_json_snapshot!(server.get(&format!("/api/v1/calls/{id}/explain")).await.golden());
    }
}
