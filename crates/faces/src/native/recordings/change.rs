//! `POST /api/v1/recordings/{id}/pause`, `/resume` and `/stop`: changes a recording that is under way.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::RecordingId;
use outdial_engine::verbs;
use outdial_flow::RecordingAction;

use super::refusal;
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::Recording,
};

const REFUSALS: &[Code] = &[
    Code::RecordingNotFound,
    Code::CallNotFound,
    Code::NotRecording,
    Code::NodeSilent,
];

pub(in crate::native) fn pause() -> Endpoint {
    Endpoint::new("recordings", __path_pause_recording, pause_recording)
        .needs::<ToCall>()
        .refuses(REFUSALS)
}

pub(in crate::native) fn resume() -> Endpoint {
    Endpoint::new("recordings", __path_resume_recording, resume_recording)
        .needs::<ToCall>()
        .refuses(REFUSALS)
}

pub(in crate::native) fn stop() -> Endpoint {
    Endpoint::new("recordings", __path_stop_recording, stop_recording)
        .needs::<ToCall>()
        .refuses(REFUSALS)
}

type Asked = (State<Arc<Api>>, Allowed<ToCall>, Id<RecordingId>);

/// Pauses a recording
///
/// What is said until it is resumed is left out. Doing it again is harmless.
#[utoipa::path(post, path = "/api/v1/recordings/{id}/pause",
    params(("id" = String, Path, description = "The id of the recording.")),
    responses((status = 200, body = Recording)))]
async fn pause_recording(
    api: State<Arc<Api>>,
    actor: Allowed<ToCall>,
    id: Id<RecordingId>,
) -> Result<Json<Recording>, Refusal> {
    change((api, actor, id), RecordingAction::Pause).await
}

/// Resumes a recording
///
/// Doing it again is harmless.
#[utoipa::path(post, path = "/api/v1/recordings/{id}/resume",
    params(("id" = String, Path, description = "The id of the recording.")),
    responses((status = 200, body = Recording)))]
async fn resume_recording(
    api: State<Arc<Api>>,
    actor: Allowed<ToCall>,
    id: Id<RecordingId>,
) -> Result<Json<Recording>, Refusal> {
    change((api, actor, id), RecordingAction::Resume).await
}

/// Stops a recording
///
/// It is complete a moment later, which `recording_finished` tells.
#[utoipa::path(post, path = "/api/v1/recordings/{id}/stop",
    params(("id" = String, Path, description = "The id of the recording.")),
    responses((status = 200, body = Recording)))]
async fn stop_recording(
    api: State<Arc<Api>>,
    actor: Allowed<ToCall>,
    id: Id<RecordingId>,
) -> Result<Json<Recording>, Refusal> {
    change((api, actor, id), RecordingAction::Stop).await
}

async fn change(asked: Asked, action: RecordingAction) -> Result<Json<Recording>, Refusal> {
    let (State(api), Allowed { actor, .. }, Id(id)) = asked;
    let changed = verbs::change_recording(&api.engine, &actor, id, action).await;
    Ok(Json(changed.map_err(refusal)?.into()))
}
