//! `GET /api/v1/webhooks`: lists the webhooks of the account.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToAdminister},
    endpoint::Endpoint,
    refusal::Refusal,
    wire::{Webhook, WebhookList},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("webhooks", __path_list_webhooks, list_webhooks).needs::<ToAdminister>()
}

/// Lists the webhooks of the account, without their secrets
#[utoipa::path(get, path = "/api/v1/webhooks", responses((status = 200, body = WebhookList)))]
async fn list_webhooks(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToAdminister>,
) -> Result<Json<WebhookList>, Refusal> {
    let webhooks = verbs::list_webhooks(&api.engine, &actor).await?;
    Ok(Json(WebhookList {
        webhooks: webhooks.into_iter().map(Webhook::from).collect(),
    }))
}
