//! `DELETE /api/v1/rooms/{room}`: ends a room.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_engine::verbs::{self, RoomOrder};

use super::InPath;
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    endpoint::Endpoint,
    refusal::Refusal,
    wire::Room,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("rooms", __path_end_room, end_room)
        .needs::<ToCall>()
        .refuses(&[Code::RoomNotFound, Code::NodeSilent])
}

/// Ends a room
///
/// All are taken out of it: what their calls do next is said by their flows, and most end. The answer is the
/// room as it was.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}",
    params(("room" = String, Path, description = "The name of the room.")),
    responses((status = 200, body = Room)))]
async fn end_room(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    InPath(name): InPath,
) -> Result<Json<Room>, Refusal> {
    let room = verbs::control_room(&api.engine, &actor, &name, RoomOrder::End).await?;
    Ok(Json(room.into()))
}
