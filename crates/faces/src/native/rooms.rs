//! `/api/v1/rooms`

pub(super) mod change;
pub(super) mod create;
pub(super) mod end;
pub(super) mod get;
pub(super) mod kick;
pub(super) mod list;

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use outdial_domain::RoomName;
use outdial_engine::verbs::RoomError;

use super::{
    Api,
    code::Code,
    refusal::{NODE_RETRY, Refusal},
};

/// The name of a room in a path. What is no name names no room.
pub(super) struct InPath(pub(super) RoomName);

impl FromRequestParts<Arc<Api>> for InPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Refusal> {
        let unknown = || Refusal::new(Code::RoomNotFound, "the name in the path names no room");
        let Path(text) = Path::<String>::from_request_parts(parts, &())
            .await
            .map_err(|_| unknown())?;
        text.parse()
            .map(Self)
            .map_err(|error: outdial_domain::RoomNameError| Refusal::new(Code::RoomNotFound, error.to_string()))
    }
}

impl From<RoomError> for Refusal {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::NotFound(_) => Self::new(Code::RoomNotFound, error.to_string()),
            RoomError::NotInIt { .. } => Self::new(Code::NotInRoom, error.to_string()),
            RoomError::OwnerGone(_) => Self::new(Code::NodeSilent, error.to_string()).retry_after(NODE_RETRY),
            RoomError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests;
