//! Finds out who asks, and whether they may.

use std::{
    collections::HashMap,
    marker::PhantomData,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use outdial_domain::{AccountId, Key, Scope};
use outdial_engine::{
    Actor, Engine,
    ports::StoreError,
    verbs::{self, AuthenticateError},
};
use tokio::time::Instant;

use super::{Api, code::Code, refusal::Refusal};

/// The name of this face in the event log.
pub const FACE: &str = "native";

/// Who asks, with a key that allows what the endpoint needs.
pub(super) struct Allowed<N> {
    pub(super) actor: Actor,
    need: PhantomData<N>,
}

/// What an endpoint needs.
pub(super) trait Need: Send + Sync + 'static {
    /// The scope that a key must have.
    const SCOPE: Scope;
}

/// To read calls and events.
pub(super) struct ToRead;
/// To make and end calls.
pub(super) struct ToCall;
/// To make and end accounts and keys.
pub(super) struct ToAdminister;

impl Need for ToRead {
    const SCOPE: Scope = Scope::Read;
}

impl Need for ToCall {
    const SCOPE: Scope = Scope::Calls;
}

impl Need for ToAdminister {
    const SCOPE: Scope = Scope::Admin;
}

impl<N: Need> FromRequestParts<Arc<Api>> for Allowed<N> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        let secret = bearer(&parts.headers).ok_or_else(|| {
            let detail = "send a key as `Authorization: Bearer od_…`; `outdial keys add` makes one";
            challenged(Code::Unauthenticated, detail, "")
        })?;
        let key = match verbs::authenticate(&api.engine, secret).await {
            Ok(key) => key,
            Err(AuthenticateError::Store(error)) => return Err(error.into()),
            Err(AuthenticateError::Unknown) => {
                return Err(failed(api, parts, Code::InvalidKey, "no key has this secret"));
            }
            Err(AuthenticateError::Expired) => {
                return Err(failed(
                    api,
                    parts,
                    Code::ExpiredKey,
                    "this key has expired: ask for a new one",
                ));
            }
        };
        if !key.allows(N::SCOPE) {
            let scope = N::SCOPE;
            let detail = format!("this needs a key with the scope `{scope}`");
            let attributes = format!(r#", error="insufficient_scope", scope="{scope}""#);
            return Err(challenged(Code::InsufficientScope, &detail, &attributes));
        }
        Ok(Self {
            actor: actor(api, key).await?,
            need: PhantomData,
        })
    }
}

/// The names of accounts by their ids. No account is ever renamed or removed, so what was read once
/// holds, and a request costs one look into the store and not two.
#[derive(Debug, Default)]
pub(super) struct AccountNames(Mutex<HashMap<AccountId, String>>);

impl AccountNames {
    async fn of(&self, engine: &Engine, account: AccountId) -> Result<Option<String>, StoreError> {
        let known = || {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&account)
                .cloned()
        };
        if let Some(name) = known() {
            return Ok(Some(name));
        }
        let accounts = verbs::list_accounts(engine).await?;
        let names = accounts.into_iter().map(|account| (account.id, account.name));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
        Ok(known())
    }
}

async fn actor(api: &Api, key: Key) -> Result<Actor, Refusal> {
    let name = api.account_names.of(&api.engine, key.account).await?;
    let account_name = name.ok_or_else(|| {
        tracing::error!(key = %key.id, "a key belongs to an account that there is not");
        Refusal::internal()
    })?;
    Ok(Actor {
        account: key.account,
        account_name,
        scopes: key.scopes,
        name: format!("key {}", key.name),
        face: FACE,
    })
}

/// The secret of a request that has exactly one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (only, None) = (given.next()?, given.next()) else {
        return None;
    };
    let (scheme, secret) = only.to_str().ok()?.split_once(' ')?;
    let secret = secret.trim();
    (scheme.eq_ignore_ascii_case("bearer") && secret.starts_with("od_")).then_some(secret)
}

/// A secret that opens nothing; after too many from one peer it has to wait.
fn failed(api: &Api, parts: &Parts, code: Code, detail: &str) -> Refusal {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip());
    tracing::warn!(?peer, reason = detail, "a key opened nothing");
    match api.failed_logins.note(peer, Instant::now()) {
        Ok(()) => challenged(code, detail, r#", error="invalid_token""#),
        Err(wait) => {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let detail = format!("too many keys from your address opened nothing: wait {seconds} s, and check the key");
            Refusal::new(Code::TooManyFailures, detail).retry_after(seconds)
        }
    }
}

/// A refusal that says how to authenticate (RFC 6750, section 3).
fn challenged(code: Code, detail: &str, attributes: &str) -> Refusal {
    Refusal::new(code, detail).header(
        header::WWW_AUTHENTICATE,
        &format!(r#"Bearer realm="outdial"{attributes}"#),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{body::Body, http::StatusCode};

    use super::*;
    use crate::native::testing::Server;

    async fn ask(server: &Server, authorization: &[&str], peer: &str) -> crate::native::testing::Answer {
        let mut request = axum::http::Request::get("/api/v1/calls");
        for value in authorization {
            request = request.header("authorization", *value);
        }
        let peer: SocketAddr = peer.parse().unwrap();
        server
            .send(request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap())
            .await
    }

    const PEER: &str = "192.0.2.1:1000";

    #[tokio::test(start_paused = true)]
    async fn a_request_needs_exactly_one_key_in_its_form() {
        let server = Server::start().await;
        let good = format!("Bearer {}", server.secret);
        let tables: [&[&str]; 7] = [
            &[],
            &["Basic b2Q6"],
            &["Bearer"],
            &["Bearer secret"],
            &["od_00"],
            &[&good, &good],
            &["Bearer \u{e9}"],
        ];
        for given in tables {
            let answer = ask(&server, given, PEER).await;
            answer.is(StatusCode::UNAUTHORIZED, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="outdial""#);
        }
        let small = format!("bearer {}", server.secret);
        assert_eq!(ask(&server, &[&small], PEER).await.status, StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_and_expired_keys_open_nothing() {
        let server = Server::start().await;
        let answer = ask(&server, &["Bearer od_00"], PEER).await;
        answer.is(StatusCode::UNAUTHORIZED, "invalid_key");
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer realm="outdial", error="invalid_token""#
        );

        let ids = server.world.ids();
        let end = Some(ids.now() + jiff::SignedDuration::from_secs(60));
        let scopes = vec![Scope::Read];
        let key = verbs::create_key(
            server.world.store.as_ref(),
            &ids,
            server.actor.account,
            "brief",
            scopes,
            end,
            None,
        )
        .await;
        let given = format!("Bearer {}", key.unwrap().secret);
        assert_eq!(ask(&server, &[&given], PEER).await.status, StatusCode::OK);
        server.world.clock.set_forward(jiff::SignedDuration::from_secs(60));
        ask(&server, &[&given], PEER)
            .await
            .is(StatusCode::UNAUTHORIZED, "expired_key");
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_without_the_scope_is_told_which() {
        let server = Server::with_scopes(&[Scope::Read]).await;
        let answer = server.get("/api/v1/keys").await;
        answer.is(StatusCode::FORBIDDEN, "insufficient_scope");
        let challenge = r#"Bearer realm="outdial", error="insufficient_scope", scope="admin""#;
        assert_eq!(answer.header("www-authenticate"), challenge);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_fails_too_often_waits_and_locks_nobody_out() {
        let server = Server::start().await;
        for _ in 0..10 {
            ask(&server, &["Bearer od_00"], PEER)
                .await
                .is(StatusCode::UNAUTHORIZED, "invalid_key");
        }
        let answer = ask(&server, &["Bearer od_00"], PEER).await;
        answer.is(StatusCode::TOO_MANY_REQUESTS, "too_many_failures");
        assert_eq!(answer.header("retry-after"), "6");
        ask(&server, &["Bearer od_00"], "192.0.2.2:1")
            .await
            .is(StatusCode::UNAUTHORIZED, "invalid_key");
        let good = format!("Bearer {}", server.secret);
        assert_eq!(ask(&server, &[&good], PEER).await.status, StatusCode::OK);
        tokio::time::advance(Duration::from_secs(6)).await;
        ask(&server, &["Bearer od_00"], PEER)
            .await
            .is(StatusCode::UNAUTHORIZED, "invalid_key");
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_fails_is_no_failed_login() {
        let server = Server::start().await;
        server.world.store.fill_disk();
        let answer = ask(&server, &["Bearer od_00"], PEER).await;
        answer.is(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable");
        assert_eq!(answer.header("retry-after"), "2");
        assert!(!answer.text.contains("disk"));
        let (table, column, id) = ("keys", "scopes", "1".to_owned());
        server.world.store.fail(Some(StoreError::BadRow {
            table,
            column,
            id,
            reason: "secret".into(),
        }));
        let answer = ask(&server, &["Bearer od_00"], PEER).await;
        answer.is(StatusCode::INTERNAL_SERVER_ERROR, "internal");
        assert!(!answer.text.contains("secret"));
    }
}
