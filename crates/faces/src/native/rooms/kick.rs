//! `DELETE /api/v1/rooms/{room}/members/{call}`: takes one call out of a room.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use outdial_domain::{CallId, RoomName};
use outdial_engine::verbs::{self, RoomOrder};

use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    endpoint::Endpoint,
    refusal::Refusal,
    wire::Room,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("rooms", __path_kick, kick).needs::<ToCall>().refuses(&[
        Code::RoomNotFound,
        Code::NodeSilent,
        Code::NotInRoom,
    ])
}

/// Takes a call out of a room
///
/// What it does next is said by its flow. To end the call, see its `hangup`.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}/members/{call}",
    params(
        ("room" = String, Path, description = "The name of the room."),
        ("call" = String, Path, description = "The id of the call."),
    ),
    responses((status = 200, body = Room)))]
async fn kick(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Path((room, call)): Path<(String, String)>,
) -> Result<Json<Room>, Refusal> {
    let name: RoomName = room
        .parse()
        .map_err(|error: outdial_domain::RoomNameError| Refusal::new(Code::RoomNotFound, error.to_string()))?;
    let call: CallId = call
        .parse()
        .map_err(|error: outdial_domain::IdError| Refusal::new(Code::NotInRoom, error.to_string()))?;
    let room = verbs::control_room(&api.engine, &actor, &name, RoomOrder::Kick(call)).await?;
    Ok(Json(room.into()))
}
