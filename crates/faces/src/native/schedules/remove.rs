//! `DELETE /api/v1/schedules/{id}`: removes a schedule.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use outdial_domain::ScheduleId;
use outdial_engine::verbs;

use super::refusal;
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    calls::names::Names,
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("schedules", __path_remove_schedule, remove_schedule)
        .needs::<ToCall>()
        .refuses(&[Code::ScheduleNotFound])
}

/// Removes a schedule
///
/// The calls that it has made stay as they are.
#[utoipa::path(delete, path = "/api/v1/schedules/{id}",
    params(("id" = String, Path, description = "The id of the schedule.")),
    responses((status = 204, description = "It is gone.")))]
async fn remove_schedule(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<ScheduleId>,
) -> Result<StatusCode, Refusal> {
    verbs::remove_schedule(&api.engine, &actor, id)
        .await
        .map_err(|error| refusal(error, Names::default()))?;
    Ok(StatusCode::NO_CONTENT)
}
