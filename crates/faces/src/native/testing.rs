//! A server on fakes, and how tests talk to it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, request::Builder},
    response::Response,
};
use outdial_domain::{Address, Number, NumberUse, Scope};
use outdial_engine::{Actor, Engine, Settings, SmsTrunk, pacing::limits::Limit};
use outdial_flow::Flow;
use outdial_testkit::fakes::World;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use super::{NativeConfig, router};
pub(super) use crate::testing::wav;

/// An address that is always open.
pub(super) const BOB: &str = "sip:bob@127.0.0.1";

/// A server on fakes, with an account `acme` and a key of it.
///
/// The account's number is +6561234567, and the configuration has a flow `welcome`.
pub(super) struct Server {
    pub(super) world: World,
    pub(super) engine: Engine,
    pub(super) actor: Actor,
    pub(super) secret: String,
    router: Router,
}

/// What the server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    /// `null` when it is not JSON.
    pub(super) json: Value,
}

impl Server {
    /// A server whose key may administer.
    pub(super) async fn start() -> Self {
        Self::with_scopes(&[Scope::Admin]).await
    }

    pub(super) async fn with_scopes(scopes: &[Scope]) -> Self {
        Self::decided(scopes, |_| {}).await
    }

    /// A server whose operator decided something.
    pub(super) async fn decided(scopes: &[Scope], decide: impl FnOnce(&mut Settings)) -> Self {
        Self::new(metrics(), scopes, decide).await
    }

    /// A server with a trunk for texts, `smsc`, to numbers that begin with +65; those to its own number come in.
    pub(super) async fn with_texts(scopes: &[Scope]) -> Self {
        Self::decided(scopes, |settings| {
            settings.policy.open.extend("+65".parse());
            settings.sms_trunks.push(SmsTrunk {
                name: "smsc".to_owned(),
                carrier: "smpp".to_owned(),
                prefixes: Vec::new(),
                built_in: false,
                limit: Limit::default(),
                under_way: 10,
            });
        })
        .await
    }

    pub(super) async fn configured(config: NativeConfig) -> Self {
        Self::new(config, &[Scope::Admin], |_| {}).await
    }

    async fn new(config: NativeConfig, scopes: &[Scope], decide: impl FnOnce(&mut Settings)) -> Self {
        let mut world = World::new();
        decide(&mut world.settings);
        world.settings.flows = BTreeMap::from([("welcome".to_owned(), Flow::say("Welcome"))]);
        world.settings.numbers.push(Number {
            address: Address::parse("+6561234567").unwrap(),
            account: "acme".to_owned(),
            trunk: None,
            uses: vec![NumberUse::CallerId, NumberUse::ReceivesTexts],
            flow: None,
        });
        let actor = world.account("acme", scopes).await;
        let secret = world.key(actor.account, "test", scopes).await;
        let engine = world.engine().await;
        Self {
            router: router(engine.clone(), config),
            world,
            engine,
            actor,
            secret,
        }
    }

    /// Waits until something of this kind has happened to a call.
    pub(super) async fn reached(&self, call: &str, kind: &str) {
        let mut events = std::pin::pin!(outdial_engine::verbs::follow_events(&self.engine, &self.actor, Some(0)));
        while let Some(event) = futures_util::StreamExt::next(&mut events).await {
            let event = event.unwrap().event;
            if event.subject.to_string() == call && event.kind.word() == kind {
                return;
            }
        }
        panic!("the events ended before it happened");
    }

    /// The same server after a restart.
    pub(super) async fn restarted(&self) -> Self {
        self.engine.stop(std::time::Duration::from_secs(60)).await;
        let engine = self.world.engine().await;
        Self {
            router: router(engine.clone(), metrics()),
            engine,
            world: self.world.clone(),
            actor: self.actor.clone(),
            secret: self.secret.clone(),
        }
    }

    /// A request with the server's key.
    pub(super) fn request(&self, method: &str, path: &str) -> Builder {
        let authorization = format!("Bearer {}", self.secret);
        Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", authorization)
    }

    pub(super) async fn raw(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.raw(request).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
            json,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &self.secret).await
    }

    pub(super) async fn get_with(&self, path: &str, secret: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {secret}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path).body(Body::empty()).unwrap())
            .await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, body, &self.secret).await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> Answer {
        let request = self.request("PATCH", path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(super) async fn post_with(&self, path: &str, body: &Value, secret: &str) -> Answer {
        let request = Request::post(path).header("authorization", format!("Bearer {secret}"));
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(super) async fn post_bytes(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        let request = self
            .request("POST", path)
            .header("content-type", kind)
            .header("content-length", body.len());
        self.send(request.body(Body::from(body.to_vec())).unwrap()).await
    }

    /// Places a call and gives its id.
    pub(super) async fn place(&self, body: Value) -> String {
        let answer = self.post("/api/v1/calls", &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json["id"].as_str().unwrap().to_owned()
    }

    /// Places a call, waits for its end, and gives its id.
    pub(super) async fn call(&self, body: Value) -> String {
        let id = self.place(body).await;
        let answer = self.get(&format!("/api/v1/calls/{id}?wait=60")).await;
        assert_eq!(answer.json["state"], "ended", "{}", answer.text);
        id
    }

    /// Waits until a call has an event of this kind, and gives the kinds of all its events.
    pub(super) async fn events_until(&self, call: &str, kind: &str) -> Vec<String> {
        let mut newest = outdial_engine::ports::Store::newest(self.world.store.as_ref());
        loop {
            newest.borrow_and_update();
            let answer = self.get(&format!("/api/v1/calls/{call}/events")).await;
            let events = answer.json["events"].as_array().cloned().unwrap_or_default();
            let kinds: Vec<String> = events
                .iter()
                .filter_map(|event| event["type"].as_str())
                .map(str::to_owned)
                .collect();
            if kinds.iter().any(|found| found == kind) {
                return kinds;
            }
            newest.changed().await.unwrap();
        }
    }

    /// Uploads a second of sound and gives its id.
    pub(super) async fn audio(&self) -> String {
        let answer = self.post_bytes("/api/v1/audio", "audio/wav", &wav(16_000)).await;
        answer.json["id"].as_str().unwrap().to_owned()
    }

    /// A key of another account that may do everything there.
    pub(super) async fn stranger(&self) -> String {
        let other = self.world.account("stranger", &[]).await;
        self.world.key(other.account, "theirs", &[Scope::Admin]).await
    }
}

fn metrics() -> NativeConfig {
    NativeConfig {
        metrics: Arc::new(|| "outdial_up 1\n".to_owned()),
    }
}

impl Answer {
    /// Checks that it is a problem with this status and code, whole and well formed.
    #[track_caller]
    pub(super) fn is(&self, status: StatusCode, code: &str) {
        assert_eq!(
            (self.status, self.json["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json["status"], status.as_u16());
        assert_eq!(self.json["type"], format!("urn:outdial:problem:{code}"));
        assert!(self.json["retryable"].is_boolean() && self.json["title"].is_string());
        assert!(self.json["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }

    /// The bad fields with their codes.
    pub(super) fn errors(&self) -> Vec<(String, String)> {
        let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
        let errors = self.json["errors"].as_array().into_iter().flatten();
        errors
            .map(|error| (text(error, "field"), text(error, "code")))
            .collect()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, headers and body, to be compared with what was looked at before.
    pub(super) fn golden(&self) -> Value {
        let headers: Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())))
            .collect();
        json!({"status": self.status.as_u16(), "headers": headers, "body": self.json})
    }
}
