//! Receivers that have something to be told, and who may tell them.

use outdial_domain::ReceiverId;
use outdial_engine::ports::{ReceiverClaim, StoreError};
use uuid::Uuid;

use super::column::{Place, micros};

/// Receivers that have something to be told, by the time from which it may be told: its own, that of the
/// pause after failures, and that to which another node has the receiver. It looks at one entry of the
/// index for each receiver, however much waits for it.
pub(crate) const WAITING: &str = "WITH RECURSIVE waiting (receiver) AS ( \
     SELECT (SELECT receiver FROM feed ORDER BY receiver LIMIT 1) \
     UNION ALL \
     SELECT (SELECT feed.receiver FROM feed WHERE feed.receiver > waiting.receiver \
        ORDER BY feed.receiver LIMIT 1) FROM waiting WHERE waiting.receiver IS NOT NULL) \
     SELECT waiting.receiver, \
        (SELECT min(feed.due) FROM feed WHERE feed.receiver = waiting.receiver), \
        receiver.due, receiver.claimed_until \
     FROM waiting LEFT JOIN receiver ON receiver.id = waiting.receiver WHERE waiting.receiver IS NOT NULL";

/// A row of [`WAITING`].
#[derive(Debug)]
pub(crate) struct WaitingRow {
    pub(crate) receiver: Uuid,
    pub(crate) due: Option<i64>,
    pub(crate) pause: Option<i64>,
    pub(crate) claimed_until: Option<i64>,
}

impl WaitingRow {
    fn ready(&self) -> i64 {
        let times = [self.due, self.pause, self.claimed_until];
        times.into_iter().flatten().max().unwrap_or_default()
    }
}

/// Those that may be told now, longest waiting first, and when the next one may be.
pub(crate) fn ready(rows: &[WaitingRow], claim: &ReceiverClaim) -> (Vec<ReceiverId>, Option<i64>) {
    let now = micros(claim.now);
    let mut times: Vec<(i64, Uuid)> = rows.iter().map(|row| (row.ready(), row.receiver)).collect();
    times.sort_unstable();
    let due = times
        .iter()
        .take_while(|(ready, _)| *ready <= now)
        .count()
        .min(claim.most);
    let next = times.get(due).map(|(ready, _)| (*ready).max(now));
    let receivers = times
        .iter()
        .take(due)
        .map(|(_, id)| ReceiverId::from_uuid(*id))
        .collect();
    (receivers, next)
}

/// How often in a row a receiver has failed.
pub(crate) fn failed(receiver: ReceiverId, number: i64) -> Result<u32, StoreError> {
    let place = Place {
        table: "receiver",
        id: &receiver,
    };
    place.number("failed", number)
}
