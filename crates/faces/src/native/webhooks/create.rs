//! `POST /api/v1/webhooks`: makes a webhook.

use std::sync::Arc;

use axum::extract::State;
use outdial_domain as domain;
use outdial_engine::verbs;
use utoipa::ToSchema;

use super::LONGEST_URL;
use crate::native::{
    Api,
    actor::{Allowed, ToAdminister},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    idempotency::{Answer, Idempotency},
    refusal::Refusal,
    wire::{EventWord, NewWebhook},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("webhooks", __path_create_webhook, create_webhook)
        .needs::<ToAdminister>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::TooManyWebhooks,
        ])
        .makes_once()
}

/// A webhook to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct CreateWebhookRequest {
    /// Where notifications are sent, by POST. Private addresses are refused unless the configuration allows
    /// them, when the URL is given and at each connection; redirects are not followed.
    #[schema(example = "https://example.com/outdial", max_length = 2000)]
    url: String,
    /// The kinds of events to be told of; all when none are given.
    events: Option<Vec<EventWord>>,
}

/// Makes a webhook and shows its secret, once
///
/// From now on its URL is told of the events of all calls of the account: in order for each call, at least
/// once, and again with growing pauses for three days. Notifications are signed by Standard Webhooks. An
/// answer of 2xx takes one, 410 turns the webhook off, `Retry-After` is obeyed.
#[utoipa::path(post, path = "/api/v1/webhooks", request_body = CreateWebhookRequest,
    responses((status = 201, body = NewWebhook)))]
async fn create_webhook(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToAdminister>,
    idempotency: Idempotency,
    document: Document,
) -> Result<Answer, Refusal> {
    let idempotency = idempotency.for_request(&[b"POST /api/v1/webhooks", &document.canonical()]);
    let create = async |once| {
        let (url, events) = document.read(|fields| {
            let url = fields.line("url", LONGEST_URL).map(str::to_owned);
            let events = super::events(fields);
            Some((url?, events))
        })?;
        Ok(verbs::create_webhook(&api.engine, &actor, url, events, once).await?)
    };
    idempotency.create(&api, &actor, answer, create).await
}

pub(super) fn answer(webhook: &domain::Webhook) -> Answer {
    Answer::made(&NewWebhook::from(webhook.clone())).with_secret()
}
