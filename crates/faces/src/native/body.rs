//! Reads bodies: within bounds of size and time, and JSON without fields given twice.

mod strict_json;

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};

use super::{
    Api,
    code::Code,
    document::{Document, MaybeDocument},
    refusal::Refusal,
};
use crate::body::BodyError;
pub(super) use crate::body::LONGEST_PAUSE;

/// The most bytes of a JSON body. The longest request is one with a flow: five hundred steps with five
/// hundred bytes each fit, and whoever needs more has room for it in the configuration.
pub(super) const LARGEST_JSON: usize = 256 * 1024;

/// How long a JSON body may take.
const JSON_TIME: Duration = Duration::from_secs(20);

impl FromRequest<Arc<Api>> for Document {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &Arc<Api>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let wanted = "send the body as `Content-Type: application/json`";
        match content_type(&parts.headers).as_deref() {
            Some("application/json") => {}
            Some(other) => return Err(unsupported(&format!("{wanted}, not as {other}"))),
            None => return Err(unsupported(wanted)),
        }
        refuse_encodings(&parts.headers)?;
        let bytes = tokio::time::timeout(JSON_TIME, read(body, &parts.headers, LARGEST_JSON)).await;
        strict_json::read(&bytes.map_err(|_| slow())??)
    }
}

impl FromRequest<Arc<Api>> for MaybeDocument {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Refusal> {
        if request.body().is_end_stream() {
            let value = serde_json::json!({});
            let problems = Default::default();
            return Ok(Self(Document { value, problems }));
        }
        Document::from_request(request, api).await.map(Self)
    }
}

/// The whole body, unless it is larger than allowed or its sender pauses too long.
pub(super) async fn read(body: Body, headers: &HeaderMap, most: usize) -> Result<Vec<u8>, Refusal> {
    crate::body::read(body, headers, most)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge(most) => too_large(most),
            BodyError::Slow => slow(),
            BodyError::Broken => Refusal::new(Code::BrokenBody, "the body broke off: send it again"),
        })
}

/// The type of the body without its parameters, in small letters.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
    let kind = kind.trim().to_ascii_lowercase();
    let foreign = kind == "application/json"
        && parameters
            .split(';')
            .filter_map(|parameter| parameter.split_once('='))
            .any(|(name, value)| {
                let value = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8")
            });
    // JSON has one character set (RFC 8259, section 8.1).
    Some(if foreign {
        text.chars().take(100).collect()
    } else {
        kind
    })
}

/// Compressed bodies are not taken: a small one may unpack to anything.
pub(super) fn refuse_encodings(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(unsupported("send the body without `Content-Encoding`")),
        _ => Ok(()),
    }
}

pub(super) fn unsupported(detail: &str) -> Refusal {
    Refusal::new(Code::UnsupportedMediaType, detail)
}

pub(super) fn too_large(most: usize) -> Refusal {
    Refusal::new(Code::BodyTooLarge, format!("the body may have at most {most} bytes"))
}

pub(super) fn slow() -> Refusal {
    Refusal::new(Code::SlowBody, "the body came too slowly: send it again")
}

#[cfg(test)]
mod tests {
    use axum::{body::Bytes, http::StatusCode};
    use outdial_domain::Scope;
    use serde_json::json;
    use tokio_stream::StreamExt;

    use super::*;
    use crate::native::testing::Server;

    #[tokio::test(start_paused = true)]
    async fn what_is_no_json_says_where_it_breaks() {
        let server = Server::start().await;
        let table: [(&[u8], &str); 6] = [
            (b"", "the body is empty"),
            (b"{\"to\": ", "line 1 column 7"),
            (b"{\n\"to\": x}", "line 2 column 7"),
            (b"{\"to\": \"\xff\"}", "line 1 column 9"),
            (b"{} {}", "line 1 column 4"),
            (b"{\"to\": \"\\ud800\"}", "line 1 column"),
        ];
        for (body, place) in table {
            let answer = server.post_bytes("/api/v1/calls", "application/json", body).await;
            answer.is(StatusCode::BAD_REQUEST, "malformed_json");
            assert!(
                answer.json["detail"].as_str().unwrap().contains(place),
                "{place}: {}",
                answer.json
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn other_types_are_refused() {
        let server = Server::start().await;
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin1",
            "json",
        ] {
            let answer = server.post_bytes("/api/v1/calls", kind, b"{}").await;
            answer.is(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
        }
        let request = server.request("POST", "/api/v1/calls").body(Body::from("{}")).unwrap();
        server
            .send(request)
            .await
            .is(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
        let request = server
            .request("POST", "/api/v1/calls")
            .header("content-type", "application/json");
        let request = request
            .header("content-encoding", "gzip")
            .body(Body::from("{}"))
            .unwrap();
        server
            .send(request)
            .await
            .is(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
        let answer = server
            .post_bytes("/api/v1/calls", "Application/JSON; Charset=\"UTF-8\"", b"{}")
            .await;
        answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_of_ten_megabytes_is_refused_with_and_without_its_length() {
        let server = Server::start().await;
        let body = vec![b' '; 10 << 20];
        server
            .post_bytes("/api/v1/calls", "application/json", &body)
            .await
            .is(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
        let chunk = || Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1 << 16]));
        let chunks = tokio_stream::iter((0..160).map(move |_| chunk()));
        let request = server
            .request("POST", "/api/v1/calls")
            .header("content-type", "application/json");
        let request = request.body(Body::from_stream(chunks)).unwrap();
        server
            .send(request)
            .await
            .is(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
    }

    #[tokio::test(start_paused = true)]
    async fn slow_and_broken_senders_are_left() {
        let server = Server::start().await;
        let request = || {
            server
                .request("POST", "/api/v1/calls")
                .header("content-type", "application/json")
        };
        let slow = tokio_stream::pending::<Result<Bytes, std::io::Error>>();
        let answer = server.send(request().body(Body::from_stream(slow)).unwrap()).await;
        answer.is(StatusCode::REQUEST_TIMEOUT, "slow_body");
        let dripping = tokio_stream::iter(std::iter::repeat_with(|| {
            Ok::<_, std::io::Error>(Bytes::from_static(b" "))
        }))
        .throttle(Duration::from_secs(1));
        let answer = server.send(request().body(Body::from_stream(dripping)).unwrap()).await;
        answer.is(StatusCode::REQUEST_TIMEOUT, "slow_body");
        let broken = tokio_stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
        let answer = server.send(request().body(Body::from_stream(broken)).unwrap()).await;
        answer.is(StatusCode::BAD_REQUEST, "broken_body");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_read_for_whoever_may_not() {
        let server = Server::with_scopes(&[Scope::Read]).await;
        let answer = server.post("/api/v1/calls", &json!({})).await;
        answer.is(StatusCode::FORBIDDEN, "insufficient_scope");
    }
}
