//! `GET /api/v1/calls/{id}/explain`: the whole story of a call.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use outdial_domain::CallId;
use outdial_engine::{
    Actor,
    verbs::{self, Disclosure},
};

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    query,
    refusal::Refusal,
    wire::Story,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_explain_call, explain_call)
        .needs::<ToRead>()
        .refuses(&[Code::CallNotFound, Code::InvalidRequest, Code::MalformedQuery])
}

/// Tells the whole story of a call
///
/// Its attempts and legs, everything that happened, and the SIP messages of each leg. Numbers and names
/// are masked, unless the operator decided otherwise or `unmasked` is asked for with a key that has the
/// scope of that name; spoken texts are shown, and pressed keys, unless a gather is private.
#[utoipa::path(get, path = "/api/v1/calls/{id}/explain",
    params(
        ("id" = String, Path, description = "The id of the call."),
        ("unmasked" = inline(Option<bool>), Query,
            description = "Whether to show numbers and names whole. That needs a key with the scope `unmasked`."),
    ),
    responses((status = 200, body = Story)))]
async fn explain_call(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<CallId>,
    RawQuery(query): RawQuery,
) -> Result<Json<Story>, Refusal> {
    let disclosure = disclosure(&api, &actor, query.as_deref())?;
    let story = verbs::explain_call(&api.engine, &actor, id).await?;
    Ok(Json(Story::new(story, disclosure, api.engine.ids.now())))
}

/// How much the query asks to be shown, where that is allowed.
pub(in crate::native) fn disclosure(api: &Api, actor: &Actor, query: Option<&str>) -> Result<Disclosure, Refusal> {
    let unmasked =
        query::read(query, &[])?.read(|fields| Some(fields.optional_parse::<bool>("unmasked", "false".len())))?;
    verbs::disclosure(&api.engine, actor, unmasked)
        .map_err(|error| Refusal::new(Code::InsufficientScope, error.to_string()))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use outdial_domain::Scope;
    use outdial_testkit::fakes::Script;
    use serde_json::json;

    use crate::native::testing::{Answer, BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn the_story_has_the_messages() {
        let server = Server::start().await;
        server.world.carrier.next(Script::rejects(404, "Not Found"));
        let id = server.call(json!({"to": BOB, "say": "x"})).await;
        insta::assert_json_snapshot!(explained(&server, &id, "?unmasked=true").await.golden());
    }

    async fn explained(server: &Server, id: &str, query: &str) -> Answer {
        server.get(&format!("/api/v1/calls/{id}/explain{query}")).await
    }

    #[tokio::test(start_paused = true)]
    async fn people_are_masked_for_whoever_may_not_see_them() {
        let server = Server::with_scopes(&[Scope::Calls]).await;
        server.world.carrier.next(Script::busy());
        let retry = json!([{"on": "busy", "delay": 0, "to": ["sip:carol@127.0.0.1"]}]);
        let id = server
            .call(json!({"to": BOB, "say": "x", "tag": format!("for {BOB}"), "retry": retry}))
            .await;
        for query in ["", "?unmasked=false"] {
            let story = explained(&server, &id, query).await;
            assert_eq!(story.json["unmasked"], false);
            assert!(
                !story.text.contains("bob") && !story.text.contains("carol"),
                "{}",
                story.text
            );
            assert_eq!(story.json["call"]["to"], "sip:*****@127.0.0.1");
            assert_eq!(
                story.json["traces"][0]["messages"][0]["text"],
                "INVITE sip:***@127.0.0.1 SIP/2.0"
            );
        }
        let refused = explained(&server, &id, "?unmasked=true").await;
        refused.is(StatusCode::FORBIDDEN, "insufficient_scope");
        for query in ["?unmasked=yes", "?unmasked", "?masked=false"] {
            let refused = explained(&server, &id, query).await;
            refused.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_scope_and_the_operator_let_people_be_seen() {
        let seer = Server::with_scopes(&[Scope::Calls, Scope::Unmasked]).await;
        let id = seer.call(json!({"to": BOB, "say": "x"})).await;
        assert_eq!(explained(&seer, &id, "").await.json["unmasked"], false);
        assert_eq!(explained(&seer, &id, "?unmasked=true").await.json["call"]["to"], BOB);
        let open = Server::decided(&[Scope::Calls], |settings| settings.unmasked = true).await;
        let id = open.call(json!({"to": BOB, "say": "x"})).await;
        assert_eq!(explained(&open, &id, "").await.json["call"]["to"], BOB);
        assert_eq!(
            explained(&open, &id, "?unmasked=false").await.json["call"]["to"],
            "sip:***@127.0.0.1"
        );
    }
}
