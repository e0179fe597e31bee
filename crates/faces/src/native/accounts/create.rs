//! `POST /api/v1/accounts`: makes an account.

use std::sync::Arc;

use axum::extract::State;
use outdial_domain as domain;
use outdial_engine::verbs;
use utoipa::ToSchema;

use super::{LONGEST_NAME, shown};
use crate::native::{
    Api,
    actor::{Allowed, ToAdminister},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    idempotency::{Answer, Idempotency},
    refusal::Refusal,
    wire::Account,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("administration", __path_create_account, create_account)
        .needs::<ToAdminister>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::NameTaken,
        ])
        .makes_once()
}

/// An account to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct CreateAccountRequest {
    /// What people and the configuration will call it; no other account has this name.
    #[schema(example = "acme", max_length = 100)]
    name: String,
}

/// Makes an account
#[utoipa::path(post, path = "/api/v1/accounts", request_body = CreateAccountRequest,
    responses((status = 201, body = Account)))]
async fn create_account(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToAdminister>,
    idempotency: Idempotency,
    document: Document,
) -> Result<Answer, Refusal> {
    let (store, ids) = (api.engine.store.as_ref(), &api.engine.ids);
    let idempotency = idempotency.for_request(&[b"POST /api/v1/accounts", &document.canonical()]);
    let create = async |once| {
        let name = document.read(|fields| fields.line("name", LONGEST_NAME).map(|name| name.trim().to_owned()))?;
        Ok(verbs::create_account(store, ids, &name, once).await?)
    };
    let engine = api.engine.clone();
    let answer = move |account: &domain::Account| Answer::made(&shown(&engine, account.clone()));
    idempotency.create(&api, &actor, answer, create).await
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::native::testing::Server;

    #[tokio::test(start_paused = true)]
    async fn an_account_is_made_once() {
        let server = Server::start().await;
        let answer = server.post("/api/v1/accounts", &json!({"name": "beta"})).await;
        insta::assert_json_snapshot!(answer.golden());
        let again = server.post("/api/v1/accounts", &json!({"name": "beta"})).await;
        again.is(StatusCode::CONFLICT, "name_taken");
        insta::assert_json_snapshot!(server.get("/api/v1/accounts").await.golden());
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_name_makes_none() {
        let server = Server::start().await;
        for body in [
            json!({}),
            json!({"name": ""}),
            json!({"name": 1}),
            json!({"name": "a\u{0}"}),
            json!({"nam": "x"}),
        ] {
            let answer = server.post("/api/v1/accounts", &body).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
        }
        let answer = server.post("/api/v1/accounts", &json!({"name": "x".repeat(101)})).await;
        assert_eq!(answer.errors(), [("name".into(), "too_long".into())]);
    }
}
