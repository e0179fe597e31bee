//! `GET /api/v1/calls/{id}/pcap`: the SIP messages of a call as a capture file.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::header,
    response::{IntoResponse, Response},
};
use outdial_domain::CallId;
use outdial_engine::verbs;

use super::explain::disclosure;
use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire,
};

/// The type that readers of captures know; none is registered.
const PCAPNG: &str = "application/x-pcapng";

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_capture_call, capture_call)
        .needs::<ToRead>()
        .refuses(&[
            Code::CallNotFound,
            Code::NothingCaptured,
            Code::InvalidRequest,
            Code::MalformedQuery,
        ])
}

/// Gives the SIP messages of a call as a capture file
///
/// In the format pcapng, for Wireshark, tcpdump and sngrep: every message of the legs that have ended, at
/// its time and between its addresses. IP and UDP headers are made up, also for what went over TCP and
/// TLS. Sound (RTP) is not kept. Numbers and names are masked as in the explanation.
#[utoipa::path(get, path = "/api/v1/calls/{id}/pcap",
    params(
        ("id" = String, Path, description = "The id of the call."),
        ("unmasked" = inline(Option<bool>), Query,
            description = "Whether to show numbers and names whole. That needs a key with the scope `unmasked`."),
    ),
    responses((status = 200, body = Vec<u8>, content_type = "application/x-pcapng", description = "A file in the format pcapng.")))]
async fn capture_call(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<CallId>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let disclosure = disclosure(&api, &actor, query.as_deref())?;
    let story = verbs::explain_call(&api.engine, &actor, id).await?;
    let file = wire::capture(&id.to_string(), story.traces, disclosure).ok_or_else(|| {
        let detail = "there are no messages: they are kept when a leg ends, and only of calls that go over SIP";
        Refusal::new(Code::NothingCaptured, detail)
    })?;
    let headers = [
        (header::CONTENT_TYPE, PCAPNG.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.pcapng\""),
        ),
    ];
    Ok((headers, file).into_response())
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, http::StatusCode};
    use outdial_domain::Scope;
    use serde_json::json;

    use crate::native::testing::{BOB, Server};

    async fn file(server: &Server, id: &str, query: &str) -> Vec<u8> {
        let request = server.request("GET", &format!("/api/v1/calls/{id}/pcap{query}"));
        let answer = server.raw(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], super::PCAPNG);
        let name = format!("attachment; filename=\"{id}.pcapng\"");
        assert_eq!(answer.headers()["content-disposition"], name);
        to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    #[tokio::test(start_paused = true)]
    async fn the_file_has_the_messages_as_far_as_they_may_be_seen() {
        let server = Server::start().await;
        let id = server.call(json!({"to": BOB, "say": "x"})).await;
        let has = |file: &[u8], text: &str| file.windows(text.len()).any(|part| part == text.as_bytes());
        let masked = file(&server, &id, "").await;
        assert!(has(&masked, "INVITE sip:***@127.0.0.1") && !has(&masked, "bob"));
        let whole = file(&server, &id, "?unmasked=true").await;
        assert!(has(&whole, "INVITE sip:bob@127.0.0.1"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_captured_is_refused() {
        let server = Server::with_scopes(&[Scope::Calls]).await;
        let id = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
        let path = format!("/api/v1/calls/{id}/pcap");
        server.get(&path).await.is(StatusCode::CONFLICT, "nothing_captured");
        let whole = server.get(&format!("{path}?unmasked=true")).await;
        whole.is(StatusCode::FORBIDDEN, "insufficient_scope");
        let stranger = server.stranger().await;
        server
            .get_with(&path, &stranger)
            .await
            .is(StatusCode::NOT_FOUND, "call_not_found");
    }
}
