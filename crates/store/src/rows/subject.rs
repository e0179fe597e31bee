//! What an event, a job or a feed is about.

use outdial_domain::{CallId, MessageId, Subject};
use outdial_engine::ports::StoreError;
use uuid::Uuid;

use super::column::Place;

const CALL: &str = "call";
const MESSAGE: &str = "message";

/// What stands in the column `kind` beside the id.
pub(crate) fn kind(subject: Subject) -> &'static str {
    match subject {
        Subject::Call(_) => CALL,
        Subject::Message(_) => MESSAGE,
    }
}

/// The subject of these columns.
pub(crate) fn read(place: Place<'_>, kind: &str, id: Uuid) -> Result<Subject, StoreError> {
    match kind {
        CALL => Ok(CallId::from_uuid(id).into()),
        MESSAGE => Ok(MessageId::from_uuid(id).into()),
        other => Err(place.bad("kind", format_args!("`{other}` is not one of its words"))),
    }
}
