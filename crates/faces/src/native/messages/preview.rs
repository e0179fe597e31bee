//! `POST /api/v1/messages/preview`: says how a text would be sent.

use axum::Json;
use outdial_domain::text::Concatenation;
use outdial_engine::verbs;
use utoipa::ToSchema;

use crate::native::{
    actor::{Allowed, ToRead},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    refusal::Refusal,
    wire::{ConcatenationWord, MessagePreview},
};

/// The most bytes of a text: what 255 parts of UCS-2 can take.
const LONGEST_BODY: usize = 64 * 1024;

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("messages", __path_preview_message, preview_message)
        .needs::<ToRead>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ])
}

/// A text to be looked at.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct PreviewRequest {
    /// The text.
    #[schema(example = "Ünïcode 👍")]
    body: String,
    /// Whether plain characters may stand for typographic ones, as `"` for `“`, where the text then needs no UCS-2
    /// and no more parts.
    smart: Option<bool>,
    /// How the trunk tells that parts belong together: `udh8` (the default), `udh16`, which leaves each part less
    /// room, `sar` or `message_payload`.
    concatenation: Option<ConcatenationWord>,
}

/// Says how a text would be sent
///
/// Its encoding, its parts, and how much room the last of them has left: by the same code that sends texts.
#[utoipa::path(post, path = "/api/v1/messages/preview", request_body = PreviewRequest,
    responses((status = 200, body = MessagePreview)))]
async fn preview_message(_: Allowed<ToRead>, document: Document) -> Result<Json<MessagePreview>, Refusal> {
    let preview = document.read(|fields| {
        let smart = fields.optional_boolean("smart").unwrap_or(false);
        let words: Vec<&'static str> = Concatenation::ALL.iter().map(|way| way.as_str()).collect();
        let word = fields.optional_word("concatenation", &words);
        let concatenation = word.and_then(Concatenation::from_word).unwrap_or(Concatenation::Udh8);
        let body = fields.text("body", LONGEST_BODY)?;
        let composed = verbs::preview_message(body, smart, concatenation);
        let composed = composed.map_err(|error| fields.problem("body", "invalid", error.to_string()));
        composed
            .ok()
            .map(|composed| MessagePreview::new(composed, concatenation))
    })?;
    Ok(Json(preview))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use outdial_domain::Scope;
    use serde_json::json;

    use crate::native::testing::Server;

    const PATH: &str = "/api/v1/messages/preview";

    #[tokio::test(start_paused = true)]
    async fn a_text_is_shown_as_it_would_be_sent() {
        let server = Server::with_scopes(&[Scope::Read]).await;
        let answer = server.post(PATH, &json!({"body": "Ünïcode 👍"})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let expected = json!({
            "encoding": "ucs2",
            "part_count": 1,
            "units": 10,
            "room_left": 60,
            "body": "Ünïcode 👍",
            "parts": [{"body": "Ünïcode 👍", "units": 10}],
        });
        assert_eq!(answer.json, expected);
        let smart = server.post(PATH, &json!({"body": "“Hi”…", "smart": true})).await;
        assert_eq!(
            (&smart.json["encoding"], &smart.json["body"]),
            (&json!("gsm7"), &json!("\"Hi\"..."))
        );
        for (concatenation, units) in [("udh8", 153), ("udh16", 152), ("sar", 153), ("message_payload", 153)] {
            let body = json!({"body": "a".repeat(200), "concatenation": concatenation});
            let answer = server.post(PATH, &body).await;
            assert_eq!(answer.json["part_count"], 2);
            assert_eq!(answer.json["parts"][0]["units"], units, "{concatenation}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_sent_is_refused_by_field() {
        let server = Server::start().await;
        for (body, says) in [
            (json!({}), "body"),
            (json!({"body": ""}), "body"),
            (json!({"body": "a\u{1}b"}), "body"),
            (json!({"body": "a".repeat(100_000)}), "body"),
            (json!({"body": "a".repeat(5_000)}), "33 parts"),
            (json!({"body": "a", "concatenation": "glue"}), "udh16"),
            (json!({"body": "a", "smart": "yes"}), "smart"),
        ] {
            let answer = server.post(PATH, &body).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
            assert!(answer.text.contains(says), "{}", answer.text);
        }
        let none = Server::with_scopes(&[]).await;
        none.post(PATH, &json!({"body": "a"}))
            .await
            .is(StatusCode::FORBIDDEN, "insufficient_scope");
    }
}
