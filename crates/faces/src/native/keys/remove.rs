//! `DELETE /api/v1/keys/{id}`: takes a key away.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
};
use outdial_domain::KeyId;
use outdial_engine::verbs;

use super::list::read_account;
use crate::native::{
    Api, accounts,
    actor::{Allowed, ToAdminister},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("administration", __path_remove_key, remove_key)
        .needs::<ToAdminister>()
        .refuses(&[Code::KeyNotFound, Code::InvalidRequest, Code::MalformedQuery])
}

/// Takes a key away
///
/// It opens nothing from this moment on.
#[utoipa::path(delete, path = "/api/v1/keys/{id}",
    params(
        ("id" = String, Path, description = "The id of the key; not its secret."),
        ("account" = Option<String>, Query, description = "The name of the account; that of the key used when none is given."),
    ),
    responses((status = 204, description = "It is gone.")))]
async fn remove_key(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToAdminister>,
    Id(id): Id<KeyId>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Refusal> {
    let account = read_account(query.as_deref())?;
    let account = accounts::named(&api.engine, &actor, account.as_deref()).await?;
    match verbs::remove_key(&api.engine, account, id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refusal::new(Code::KeyNotFound, "the account has no key with this id")),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use outdial_domain::Scope;

    use crate::native::testing::Server;

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_gone_opens_nothing() {
        let server = Server::start().await;
        let other = server.world.account("beta", &[]).await;
        let secret = server.world.key(other.account, "theirs", &[Scope::Read]).await;
        let keys = server.get("/api/v1/keys?account=beta").await;
        let id = keys.json["keys"][0]["id"].as_str().unwrap().to_owned();

        let path = format!("/api/v1/keys/{id}");
        server.delete(&path).await.is(StatusCode::NOT_FOUND, "key_not_found");
        assert_eq!(server.get_with("/api/v1/calls", &secret).await.status, StatusCode::OK);
        assert_eq!(
            server.delete(&format!("{path}?account=beta")).await.status,
            StatusCode::NO_CONTENT
        );
        server
            .get_with("/api/v1/calls", &secret)
            .await
            .is(StatusCode::UNAUTHORIZED, "invalid_key");
        server
            .delete(&format!("{path}?account=beta"))
            .await
            .is(StatusCode::NOT_FOUND, "key_not_found");
    }

    #[tokio::test(start_paused = true)]
    async fn what_names_no_key_is_not_found() {
        let server = Server::start().await;
        server
            .delete("/api/v1/keys/x")
            .await
            .is(StatusCode::NOT_FOUND, "key_not_found");
        let path = "/api/v1/keys/key_00000000000000000000000000000000?account=nobody";
        let answer = server.delete(path).await;
        assert_eq!(answer.errors(), [("account".into(), "invalid".into())]);
    }
}
