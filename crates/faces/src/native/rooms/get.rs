//! `GET /api/v1/rooms/{room}`: one room.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_engine::verbs;

use super::InPath;
use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    refusal::Refusal,
    wire::Room,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("rooms", __path_get_room, get_room)
        .needs::<ToRead>()
        .refuses(&[Code::RoomNotFound, Code::NodeSilent])
}

/// Reads a room
///
/// Who is in it, since when, who is muted, and who is heard at this moment. A room is there while somebody is
/// in it.
#[utoipa::path(get, path = "/api/v1/rooms/{room}",
    params(("room" = String, Path, description = "The name of the room.")),
    responses((status = 200, body = Room)))]
async fn get_room(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    InPath(name): InPath,
) -> Result<Json<Room>, Refusal> {
    Ok(Json(verbs::get_room(&api.engine, &actor, &name).await?.into()))
}
