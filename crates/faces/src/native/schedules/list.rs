//! `GET /api/v1/schedules`: all schedules of the account.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    endpoint::Endpoint,
    refusal::Refusal,
    wire::{Schedule, ScheduleList},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("schedules", __path_list_schedules, list_schedules).needs::<ToRead>()
}

/// Lists schedules, newest first
#[utoipa::path(get, path = "/api/v1/schedules", responses((status = 200, body = ScheduleList)))]
async fn list_schedules(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
) -> Result<Json<ScheduleList>, Refusal> {
    let schedules = verbs::list_schedules(&api.engine, &actor).await?;
    Ok(Json(ScheduleList {
        schedules: schedules.into_iter().map(Schedule::from).collect(),
    }))
}
