//! `PATCH /api/v1/rooms/{room}`: locks a room, or begins it.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_engine::verbs::{self, RoomOrder};
use outdial_flow::Fields;
use utoipa::ToSchema;

use super::InPath;
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    refusal::Refusal,
    wire::Room,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("rooms", __path_change_room, change_room)
        .needs::<ToCall>()
        .refuses(&[
            Code::RoomNotFound,
            Code::NodeSilent,
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ])
}

/// What to change of a room; what is not given stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct ChangeRoomRequest {
    /// Whether nobody else is let in, but for moderators.
    locked: Option<bool>,
    /// Begin it, although no moderator is in: give `true`.
    begun: Option<bool>,
}

/// Changes a room
///
/// Doing it again is harmless.
#[utoipa::path(patch, path = "/api/v1/rooms/{room}", request_body = ChangeRoomRequest,
    params(("room" = String, Path, description = "The name of the room.")),
    responses((status = 200, body = Room)))]
async fn change_room(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    InPath(name): InPath,
    document: Document,
) -> Result<Json<Room>, Refusal> {
    let orders = document.read(read)?;
    let mut room = verbs::get_room(&api.engine, &actor, &name).await?;
    for order in orders {
        room = verbs::control_room(&api.engine, &actor, &name, order).await?;
    }
    Ok(Json(room.into()))
}

fn read(fields: &mut Fields<'_, '_>) -> Option<Vec<RoomOrder>> {
    let locked = fields.optional_boolean("locked");
    let begun = fields.optional_boolean("begun");
    if begun == Some(false) {
        fields.problem(
            "begun",
            "invalid",
            "a room that has begun goes on: give true, or leave it out",
        );
    }
    let lock = locked.map(|locked| if locked { RoomOrder::Lock } else { RoomOrder::Unlock });
    let begin = begun.map(|_| RoomOrder::Begin);
    Some([lock, begin].into_iter().flatten().collect())
}
