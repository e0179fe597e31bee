//! The messages of legs.

use outdial_domain::LegId;
use outdial_engine::ports::{StoreError, Trace, WireMessage};
use uuid::Uuid;

use super::column::{Place, json_of_about};

#[derive(Debug)]
pub(crate) struct TraceRow {
    pub(crate) leg_id: Uuid,
    pub(crate) messages: String,
}

impl TryFrom<TraceRow> for Trace {
    type Error = StoreError;

    fn try_from(row: TraceRow) -> Result<Self, StoreError> {
        let leg = LegId::from_uuid(row.leg_id);
        let messages = Place {
            table: "trace",
            id: &leg,
        }
        .json("messages", &row.messages)?;
        Ok(Self { leg, messages })
    }
}

/// The messages of a leg as one text.
pub(crate) fn text(messages: &[WireMessage]) -> String {
    let long: usize = messages.iter().map(|message| message.text.len()).sum();
    json_of_about(long + long / 8 + 128 * messages.len(), &messages)
}
