//! `DELETE /api/v1/masks/{id}`: removes a masked pair.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use outdial_domain::MaskId;
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("masks", __path_remove_mask, remove_mask)
        .needs::<ToCall>()
        .refuses(&[Code::MaskNotFound])
}

/// Removes a masked pair
///
/// Its number connects the two no more. Calls that talk go on.
#[utoipa::path(delete, path = "/api/v1/masks/{id}",
    params(("id" = String, Path, description = "The id of the mask.")),
    responses((status = 204, description = "It is gone.")))]
async fn remove_mask(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<MaskId>,
) -> Result<StatusCode, Refusal> {
    verbs::remove_mask(&api.engine, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
