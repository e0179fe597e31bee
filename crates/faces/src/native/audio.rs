//! `/api/v1/audio`

mod room;
pub(super) mod upload;

pub(super) use self::room::UploadRoom;
