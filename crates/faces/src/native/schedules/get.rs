//! `GET /api/v1/schedules/{id}`: one schedule as it stands.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::ScheduleId;
use outdial_engine::verbs;

use super::refusal;
use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    calls::names::Names,
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::Schedule,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("schedules", __path_get_schedule, get_schedule)
        .needs::<ToRead>()
        .refuses(&[Code::ScheduleNotFound])
}

/// Reads a schedule
#[utoipa::path(get, path = "/api/v1/schedules/{id}",
    params(("id" = String, Path, description = "The id of the schedule.")),
    responses((status = 200, body = Schedule)))]
async fn get_schedule(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<ScheduleId>,
) -> Result<Json<Schedule>, Refusal> {
    let found = verbs::get_schedule(&api.engine, &actor, id).await;
    Ok(Json(found.map_err(|error| refusal(error, Names::default()))?.into()))
}
