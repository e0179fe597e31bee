//! `DELETE /api/v1/webhooks/{id}`: takes a webhook away.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use outdial_domain::WebhookId;
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToAdminister},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("webhooks", __path_remove_webhook, remove_webhook)
        .needs::<ToAdminister>()
        .refuses(&[Code::WebhookNotFound])
}

/// Takes a webhook away, with all that waits for it
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}",
    params(("id" = String, Path, description = "The id of the webhook.")),
    responses((status = 204, description = "It is gone.")))]
async fn remove_webhook(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToAdminister>,
    Id(id): Id<WebhookId>,
) -> Result<StatusCode, Refusal> {
    verbs::remove_webhook(&api.engine, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
