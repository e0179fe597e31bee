//! Calls.

use outdial_domain::{AccountId, Call, CallId, CallState, Direction, Ending, FaceRecord, Plan};
use outdial_engine::ports::StoreError;
use outdial_flow::Flow;
use uuid::Uuid;

use super::column::Place;

/// A call as it is stored. The flow is read apart, where it is wanted.
#[derive(Debug)]
pub(crate) struct CallRow {
    pub(crate) account_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) direction: String,
    pub(crate) state: String,
    pub(crate) attempts: i64,
    pub(crate) events: i64,
    pub(crate) created_at: i64,
    pub(crate) answered_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) ending: Option<String>,
    pub(crate) digits: String,
    pub(crate) plan: String,
    pub(crate) face: Option<String>,
    pub(crate) face_reference: Option<String>,
    pub(crate) face_kept: Option<String>,
}

impl TryFrom<CallRow> for Call {
    type Error = StoreError;

    fn try_from(row: CallRow) -> Result<Self, StoreError> {
        let id = CallId::from_uuid(row.id);
        let place = Place { table: "call", id: &id };
        Ok(Self {
            id,
            account: AccountId::from_uuid(row.account_id),
            direction: place.word("direction", &row.direction, Direction::from_word)?,
            state: place.word("state", &row.state, CallState::from_word)?,
            plan: place.json::<Plan>("plan", &row.plan)?,
            attempts: place.number("attempts", row.attempts)?,
            events: place.number("events", row.events)?,
            created_at: place.time("created_at", row.created_at)?,
            answered_at: place.maybe_time("answered_at", row.answered_at)?,
            ended_at: place.maybe_time("ended_at", row.ended_at)?,
            ending: place.maybe_json::<Ending>("ending", row.ending.as_deref())?,
            digits: place.json("digits", &row.digits)?,
            face: face(row.face, row.face_reference, row.face_kept),
        })
    }
}

/// What a face keeps of a call: all three columns are set, or none.
fn face(face: Option<String>, reference: Option<String>, kept: Option<String>) -> Option<FaceRecord> {
    Some(FaceRecord {
        face: face?,
        reference: reference?,
        kept: kept?,
    })
}

/// The flow of a call, which is stored beside it.
pub(crate) fn flow(call: CallId, text: &str) -> Result<Flow, StoreError> {
    Place {
        table: "call",
        id: &call,
    }
    .json("flow", text)
}

/// How a call ended, in the word that lists are filtered by.
pub(crate) fn outcome(call: &Call) -> Option<&'static str> {
    call.ending.as_ref().map(|ending| ending.outcome.as_str())
}

/// Whether the plan of a call may still change: it keeps it from the moment it is dialled.
pub(crate) fn waits(call: &Call) -> bool {
    match call.state {
        CallState::Scheduled | CallState::Queued => true,
        CallState::Active | CallState::Ended => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_row_names_its_table_column_and_id() {
        let row = CallRow {
            account_id: Uuid::nil(),
            id: Uuid::nil(),
            direction: "outgoing".into(),
            state: "asleep".into(),
            attempts: 0,
            events: 1,
            created_at: 0,
            answered_at: None,
            ended_at: None,
            ending: None,
            digits: "[]".into(),
            plan: "{}".into(),
            face: None,
            face_reference: None,
            face_kept: None,
        };
        let error = Call::try_from(row).unwrap_err();
        let StoreError::BadRow { table, column, id, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((table, column), ("call", "state"));
        assert!(id.starts_with("call_"), "{id}");
    }
}
