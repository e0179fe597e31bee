//! Our own REST interface: all that Outdial can do, under `/api/v1`.
//!
//! Each endpoint is a file named by its verb, with its description, handler, mapping and tests. A
//! handler reads its request as a `document`, calls one verb of the engine, and answers with a type
//! of `wire` or with a `refusal`, which is a problem document (RFC 9457) with one of the `code`s.
//! The list of endpoints in `endpoint` makes both the router and the OpenAPI document, so neither can
//! say what the other does not.

mod accounts;
mod actor;
#[cfg(test)]
mod any_body;
mod audio;
mod body;
mod calls;
mod code;
mod do_not_disturb;
mod document;
mod edits;
mod endpoint;
mod events;
mod id;
mod idempotency;
mod keys;
mod masks;
mod messages;
mod moment;
mod notices;
mod openapi;
mod operations;
mod plan;
mod query;
mod recordings;
mod refusal;
mod rooms;
mod schedules;
#[cfg(test)]
mod testing;
mod webhooks;
mod wire;

use std::sync::Arc;

use axum::{Router, http::HeaderValue, middleware, response::Response};
use outdial_engine::Engine;
use tower_http::catch_panic::CatchPanicLayer;

use crate::failed_logins::FailedLogins;
pub use actor::FACE;
use code::Code;
pub use notices::NativeNotices;
pub(crate) use recordings::path_of_link;
use refusal::Refusal;

/// What the program decides about this face.
#[derive(Clone)]
pub struct NativeConfig {
    /// Renders the measurements in the text format of Prometheus, for `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// What all handlers share.
struct Api {
    engine: Engine,
    config: NativeConfig,
    failed_logins: FailedLogins,
    account_names: actor::AccountNames,
    uploads: audio::UploadRoom,
}

/// The whole interface, to be served with
/// `into_make_service_with_connect_info::<std::net::SocketAddr>()`: without the peer's address, failed
/// logins of all peers are counted together.
///
/// There is no CORS and no check of `Host`: every request needs a key in a header that no foreign web
/// page can set.
pub fn router(engine: Engine, config: NativeConfig) -> Router {
    let api = Arc::new(Api {
        engine,
        config,
        failed_logins: FailedLogins::default(),
        account_names: Default::default(),
        uploads: Default::default(),
    });
    let mut router = Router::new();
    for endpoint in endpoint::all() {
        router = router.route(&endpoint.path, endpoint.handler);
    }
    router
        .fallback(async || Refusal::new(Code::UnknownPath, "there is nothing at this path: see /openapi.json"))
        .method_not_allowed_fallback(async || {
            Refusal::new(
                Code::MethodNotAllowed,
                "this path does not know the method: see the header `Allow`",
            )
        })
        .layer(middleware::map_response(guard))
        .layer(CatchPanicLayer::custom(|_| {
            // What the panic said is in the log; it may name internals.
            axum::response::IntoResponse::into_response(Refusal::internal())
        }))
        .with_state(api)
}

/// The OpenAPI document, as `/openapi.json` serves it.
///
/// # Panics
///
/// Never: the document is made of plain maps and texts.
#[must_use]
pub fn openapi_json() -> String {
    openapi::document()
        .to_pretty_json()
        .expect("a document of plain maps and texts has a JSON form")
}

/// Answers are about this moment and may hold secrets: nobody keeps them, nobody guesses their type.
async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry("cache-control")
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        http::{Request, StatusCode},
    };

    use super::testing::Server;

    #[tokio::test(start_paused = true)]
    async fn what_is_nowhere_is_not_found() {
        let server = Server::start().await;
        for path in [
            "/",
            "/api",
            "/api/v1",
            "/api/v1/",
            "/api/v1//calls",
            "/api/v1/calls/",
            "/API/v1/calls",
            "/%ff",
            "/..",
        ] {
            server.get(path).await.is(StatusCode::NOT_FOUND, "unknown_path");
        }
        insta::assert_json_snapshot!(server.get("/api/v2/calls").await.golden());
    }

    #[tokio::test(start_paused = true)]
    async fn other_methods_are_told_which_there_are() {
        let server = Server::start().await;
        for method in ["PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"] {
            let answer = server
                .send(server.request(method, "/api/v1/calls").body(Body::empty()).unwrap())
                .await;
            answer.is(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
            assert_eq!(answer.header("allow"), "POST,GET,HEAD");
        }
        let head = Request::head("/healthz").body(Body::empty()).unwrap();
        assert_eq!(server.send(head).await.status, StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_is_kept_or_guessed_at() {
        let server = Server::start().await;
        for path in ["/healthz", "/api/v1/calls", "/nowhere", "/api/v1/calls/x"] {
            let answer = server.get(path).await;
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        }
    }
}
