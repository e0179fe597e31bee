//! Answers to requests that have an idempotency key.

use outdial_domain::AccountId;
use outdial_engine::ports::{FirstAnswer, StoreError};
use uuid::Uuid;

use super::column::Place;

#[derive(Debug)]
pub(crate) struct FirstAnswerRow {
    pub(crate) account_id: Uuid,
    pub(crate) key: [u8; 32],
    pub(crate) request: [u8; 32],
    pub(crate) answer: Vec<u8>,
    pub(crate) made_at: i64,
    pub(crate) kept_until: i64,
}

impl TryFrom<FirstAnswerRow> for FirstAnswer {
    type Error = StoreError;

    fn try_from(row: FirstAnswerRow) -> Result<Self, StoreError> {
        let account = AccountId::from_uuid(row.account_id);
        let place = Place {
            table: "first_answer",
            id: &account,
        };
        Ok(Self {
            account,
            key: row.key,
            request: row.request,
            answer: row.answer,
            made_at: place.time("made_at", row.made_at)?,
            kept_until: place.time("kept_until", row.kept_until)?,
        })
    }
}
