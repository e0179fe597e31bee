//! `POST /api/v1/messages/{id}/cancel`: takes a message back that has not left.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::MessageId;
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::CanceledMessage,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("messages", __path_cancel_message, cancel_message)
        .needs::<ToCall>()
        .refuses(&[Code::MessageNotFound])
}

/// Takes a message back
///
/// Doing it again is harmless. The answer says whether any of it may have left.
#[utoipa::path(post, path = "/api/v1/messages/{id}/cancel",
    params(("id" = String, Path, description = "The id of the message.")),
    responses((status = 200, body = CanceledMessage)))]
async fn cancel_message(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<MessageId>,
) -> Result<Json<CanceledMessage>, Refusal> {
    let canceled = verbs::cancel_message(&api.engine, &actor, id).await?;
    Ok(Json(canceled.into()))
}
