//! `GET /api/v1/masks/{id}`: one masked pair.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::MaskId;
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::Mask,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("masks", __path_get_mask, get_mask)
        .needs::<ToRead>()
        .refuses(&[Code::MaskNotFound])
}

/// Reads a masked pair
///
/// One whose time is over is there no more.
#[utoipa::path(get, path = "/api/v1/masks/{id}",
    params(("id" = String, Path, description = "The id of the mask.")),
    responses((status = 200, body = Mask)))]
async fn get_mask(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<MaskId>,
) -> Result<Json<Mask>, Refusal> {
    Ok(Json(verbs::get_mask(&api.engine, &actor, id).await?.into()))
}
