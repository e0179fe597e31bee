//! `GET /api/v1/masks`: the masked pairs that still connect.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    endpoint::Endpoint,
    refusal::Refusal,
    wire::{Mask, MaskList},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("masks", __path_list_masks, list_masks).needs::<ToRead>()
}

/// Lists masked pairs
///
/// Those that still connect, newest first.
#[utoipa::path(get, path = "/api/v1/masks", responses((status = 200, body = MaskList)))]
async fn list_masks(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
) -> Result<Json<MaskList>, Refusal> {
    let masks = verbs::list_masks(&api.engine, &actor).await?;
    Ok(Json(MaskList {
        masks: masks.into_iter().map(Mask::from).collect(),
    }))
}
