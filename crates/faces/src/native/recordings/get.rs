//! `GET /api/v1/recordings/{id}`: one recording as it stands.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::RecordingId;
use outdial_engine::verbs;

use super::{refusal, shown};
use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::Recording,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("recordings", __path_get_recording, get_recording)
        .needs::<ToRead>()
        .refuses(&[Code::RecordingNotFound])
}

/// Reads a recording
#[utoipa::path(get, path = "/api/v1/recordings/{id}",
    params(("id" = String, Path, description = "The id of the recording.")),
    responses((status = 200, body = Recording)))]
async fn get_recording(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<RecordingId>,
) -> Result<Json<Recording>, Refusal> {
    let found = verbs::get_recording(&api.engine, &actor, id).await.map_err(refusal)?;
    Ok(Json(shown(&api.engine, found).await?))
}
