//! `POST /api/v1/webhooks/{id}/secret`: gives a webhook a new secret.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use outdial_domain::WebhookId;
use outdial_engine::verbs::{self, LONGEST_OLD_SECRET, OLD_SECRET_LIVES};
use utoipa::ToSchema;

use super::create::answer;
use crate::native::{
    Api,
    actor::{Allowed, ToAdminister},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    id::Id,
    idempotency::{Answer, Idempotency},
    moment::Length,
    refusal::Refusal,
    wire::NewWebhook,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("webhooks", __path_rotate_webhook_secret, rotate_webhook_secret)
        .needs::<ToAdminister>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::WebhookNotFound,
        ])
        .makes_once()
}

/// A change of secrets.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct RotateSecretRequest {
    /// How long the secret before signs, too: a day when it is not given, 30 days at most.
    old_lives: Option<Length>,
}

/// Gives a webhook a new secret and shows it, once
///
/// Until the old one's time is over, notifications have a signature by each: change the receiver meanwhile.
/// Give an `Idempotency-Key`: a second change would end the secret that is still in use there.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/secret", request_body = RotateSecretRequest,
    params(("id" = String, Path, description = "The id of the webhook.")),
    responses((status = 201, body = NewWebhook)))]
async fn rotate_webhook_secret(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToAdminister>,
    Id(id): Id<WebhookId>,
    idempotency: Idempotency,
    document: Document,
) -> Result<Answer, Refusal> {
    let path = format!("POST /api/v1/webhooks/{id}/secret");
    let idempotency = idempotency.for_request(&[path.as_bytes(), &document.canonical()]);
    let create = async |once| {
        let old_lives = document.read(|fields| {
            let given = fields.optional_duration("old_lives", Duration::ZERO..=LONGEST_OLD_SECRET);
            Some(given.unwrap_or(OLD_SECRET_LIVES))
        })?;
        Ok(verbs::rotate_webhook_secret(&api.engine, &actor, id, old_lives, once).await?)
    };
    idempotency.create(&api, &actor, answer, create).await
}
