//! `POST /api/v1/webhooks/{id}/enable`: turns a webhook on again.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::WebhookId;
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToAdminister},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::Webhook,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("webhooks", __path_enable_webhook, enable_webhook)
        .needs::<ToAdminister>()
        .refuses(&[Code::WebhookNotFound])
}

/// Turns a webhook on again
///
/// It is told of what happens from now on; what it missed can be replayed. Doing it again is harmless.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/enable",
    params(("id" = String, Path, description = "The id of the webhook.")),
    responses((status = 200, body = Webhook)))]
async fn enable_webhook(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToAdminister>,
    Id(id): Id<WebhookId>,
) -> Result<Json<Webhook>, Refusal> {
    let webhook = verbs::enable_webhook(&api.engine, &actor, id).await?;
    Ok(Json(webhook.into()))
}
