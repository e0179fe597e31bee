//! `DELETE /api/v1/recordings/{id}`: removes a recording with its sound.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use outdial_domain::RecordingId;
use outdial_engine::verbs;

use super::refusal;
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("recordings", __path_remove_recording, remove_recording)
        .needs::<ToCall>()
        .refuses(&[
            Code::RecordingNotFound,
            Code::RecordingUnderWay,
            Code::RecordingUnreadable,
        ])
}

/// Removes a recording with its sound
#[utoipa::path(delete, path = "/api/v1/recordings/{id}",
    params(("id" = String, Path, description = "The id of the recording.")),
    responses((status = 204, description = "It is gone.")))]
async fn remove_recording(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<RecordingId>,
) -> Result<StatusCode, Refusal> {
    verbs::remove_recording(&api.engine, &actor, id)
        .await
        .map_err(refusal)?;
    Ok(StatusCode::NO_CONTENT)
}
