//! `GET /api/v1/rooms`: the rooms that somebody is in.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    endpoint::Endpoint,
    refusal::Refusal,
    wire::{Room, RoomList},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("rooms", __path_list_rooms, list_rooms).needs::<ToRead>()
}

/// Lists rooms
///
/// Those of the account that somebody is in, by name, with who is in them, whichever node has them. What a node has
/// that does not answer is left out.
#[utoipa::path(get, path = "/api/v1/rooms", responses((status = 200, body = RoomList)))]
async fn list_rooms(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
) -> Result<Json<RoomList>, Refusal> {
    let rooms = verbs::list_rooms(&api.engine, &actor).await?;
    Ok(Json(RoomList {
        rooms: rooms.into_iter().map(Room::from).collect(),
    }))
}
