//! `PATCH /api/v1/schedules/{id}`: changes a schedule.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use outdial_domain::{Limits, ScheduleId};
use outdial_engine::verbs::{self, ChangeCall, Occurring};
use outdial_flow::Fields;

use super::{create::ScheduleRequest, occurring, refusal};
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    calls::{change::change_of_plan, names::Names},
    code::Code,
    document::Document,
    edits::refuse_to_clear,
    endpoint::Endpoint,
    id::Id,
    plan,
    refusal::Refusal,
    wire::Schedule,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("schedules", __path_change_schedule, change_schedule)
        .needs::<ToCall>()
        .refuses(&[
            Code::ScheduleNotFound,
            Code::Conflict,
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::CallerIdNotAllowed,
            Code::HandOverNotAllowed,
            Code::DestinationClosed,
            Code::NoRoute,
        ])
}

/// Changes a schedule
///
/// What is not given stays as it is, and so do the calls that it has made. `null` takes away `name`, `skip`,
/// `until`, `lasts`, `from`, `via`, `hours`, `retry` and `tag`, and brings back the usual `grace`, `ring`, `max`
/// and `priority`; `start` as `null` is now.
#[utoipa::path(patch, path = "/api/v1/schedules/{id}", request_body = ScheduleRequest,
    params(("id" = String, Path, description = "The id of the schedule.")),
    responses((status = 200, body = Schedule)))]
async fn change_schedule(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<ScheduleId>,
    document: Document,
) -> Result<Json<Schedule>, Refusal> {
    let engine = &api.engine;
    let now = engine.ids.now();
    let names = Names::of(&document.value);
    let (change, occurring) = document.read(|fields| read(fields, engine.settings.limits, now))?;
    let changed = verbs::change_schedule(engine, &actor, id, change, occurring).await;
    Ok(Json(changed.map_err(|error| refusal(error, names))?.into()))
}

fn read(fields: &mut Fields<'_, '_>, limits: Limits, now: Timestamp) -> Option<(ChangeCall, Occurring)> {
    let version = fields.optional_integer("version", 1..=u32::MAX);
    refuse_to_clear(fields, &["cron", "zone"]);
    let asked = plan::read(fields, limits, now);
    let change = ChangeCall {
        version,
        ..change_of_plan(fields, asked)
    };
    Some((change, occurring::read(fields)))
}
