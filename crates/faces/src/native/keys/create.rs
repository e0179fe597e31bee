//! `POST /api/v1/keys`: makes a key.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use jiff::Timestamp;
use outdial_domain::Scope;
use outdial_engine::verbs;
use outdial_flow::Fields;
use utoipa::ToSchema;

use crate::native::{
    Api,
    accounts::{self, LONGEST_NAME},
    actor::{Allowed, ToAdminister},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    idempotency::{Answer, Idempotency},
    moment::{Length, Moment},
    refusal::Refusal,
    wire::{NewKey, ScopeWord},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("administration", __path_create_key, create_key)
        .needs::<ToAdminister>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ])
        .makes_once()
}

/// The longest life of a key that expires.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// A key to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct CreateKeyRequest {
    /// What people will call it.
    #[schema(example = "backups", max_length = 100)]
    name: String,
    /// The name of its account; that of the key used when none is given.
    account: Option<String>,
    /// What it is to allow.
    #[schema(min_items = 1)]
    scopes: Vec<ScopeWord>,
    /// From when on it opens nothing. Without it and `expires_in`, it does not expire.
    expires_at: Option<Moment>,
    /// After which time it opens nothing.
    expires_in: Option<Length>,
}

struct CreateKey {
    name: String,
    account: Option<String>,
    scopes: Vec<Scope>,
    expires_at: Option<Timestamp>,
}

/// Makes a key and shows its secret, once
#[utoipa::path(post, path = "/api/v1/keys", request_body = CreateKeyRequest,
    responses((status = 201, body = NewKey)))]
async fn create_key(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToAdminister>,
    idempotency: Idempotency,
    document: Document,
) -> Result<Answer, Refusal> {
    let engine = &api.engine;
    let idempotency = idempotency.for_request(&[b"POST /api/v1/keys", &document.canonical()]);
    let create = async |once| {
        let request = document.read(|fields| read(fields, engine.ids.now()))?;
        let account = accounts::named(engine, &actor, request.account.as_deref()).await?;
        let (store, ids) = (engine.store.as_ref(), &engine.ids);
        let CreateKey {
            name,
            scopes,
            expires_at,
            ..
        } = request;
        Ok(verbs::create_key(store, ids, account, &name, scopes, expires_at, once).await?)
    };
    idempotency.create(&api, &actor, answer, create).await
}

fn answer(new: &verbs::NewKey) -> Answer {
    Answer::made(&NewKey::from(new.clone())).with_secret()
}

fn read(fields: &mut Fields<'_, '_>, now: Timestamp) -> Option<CreateKey> {
    let name = fields.line("name", LONGEST_NAME);
    let account = fields.optional_line("account", LONGEST_NAME);
    let scopes = scopes(fields);
    let at = fields.optional_parse::<Moment>("expires_at", Moment::LONGEST);
    let within = fields.optional_duration("expires_in", Duration::from_secs(1)..=LONGEST_LIFE);
    if at.is_some() && within.is_some() {
        fields.problem("expires_in", "invalid", "give `expires_at` or `expires_in`, not both");
    }
    if at.is_some_and(|Moment(at)| at <= now) {
        fields.problem("expires_at", "out_of_range", "give a time to come");
    }
    Some(CreateKey {
        name: name?.trim().to_owned(),
        account: account.map(str::to_owned),
        scopes: scopes?,
        expires_at: at.map(|Moment(at)| at).or(within.map(|within| now + within)),
    })
}

fn scopes(fields: &mut Fields<'_, '_>) -> Option<Vec<Scope>> {
    let words: Vec<&'static str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let list = fields.list("scopes", words.len())?;
    if list.is_empty() {
        fields.problem(
            "scopes",
            "invalid",
            format!("give at least one of {}", words.join(", ")),
        );
    }
    // All are read before the first that could not be read ends it.
    let mut scopes: Vec<Option<Scope>> = list
        .iter()
        .map(|given| given.word(&words).and_then(Scope::from_word))
        .collect();
    scopes.dedup();
    scopes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::native::testing::Server;

    #[tokio::test(start_paused = true)]
    async fn the_secret_is_shown_once_and_opens_the_account() {
        let server = Server::start().await;
        server.world.account("beta", &[]).await;
        let body = json!({"name": "backups", "account": "beta", "scopes": ["read"], "expires_in": 60});
        let answer = server.post("/api/v1/keys", &body).await;
        let secret = answer.json["secret"].as_str().unwrap().to_owned();
        insta::assert_json_snapshot!(answer.golden());
        assert_eq!(server.get_with("/api/v1/calls", &secret).await.status, StatusCode::OK);

        let list = server.get("/api/v1/keys?account=beta").await;
        assert!(!list.text.contains(&secret));
        insta::assert_json_snapshot!(list.golden());
        server.world.clock.set_forward(jiff::SignedDuration::from_secs(61));
        server
            .get_with("/api/v1/calls", &secret)
            .await
            .is(StatusCode::UNAUTHORIZED, "expired_key");
    }

    #[tokio::test(start_paused = true)]
    async fn everything_that_is_wrong_is_told_at_once() {
        let server = Server::start().await;
        let body =
            json!({"name": " ", "scopes": ["reed", 1], "expires_at": "2020-01-01T00:00:00Z", "expires_in": 9, "x": 1});
        insta::assert_json_snapshot!(server.post("/api/v1/keys", &body).await.golden());
        let answer = server.post("/api/v1/keys", &json!({"name": "a", "scopes": []})).await;
        assert_eq!(answer.errors(), [("scopes".into(), "invalid".into())]);
        let body = json!({"name": "a", "scopes": ["read"], "account": "nobody"});
        let answer = server.post("/api/v1/keys", &body).await;
        assert_eq!(answer.errors(), [("account".into(), "invalid".into())]);
    }
}
