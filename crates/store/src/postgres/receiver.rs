//! Which node serves which receiver.

use jiff::Timestamp;
use outdial_domain::ReceiverId;
use outdial_engine::ports::{ClaimedReceivers, ReceiverClaim};
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};

use super::{error::Failure, text::kept};
use crate::rows::{
    column::{Place, micros},
    receiver::{WAITING, WaitingRow, failed, ready},
};

/// Of two nodes that take a receiver at the same moment one gets the row.
pub(super) const TAKE: &str = "INSERT INTO receiver (id, claimed_by, claimed_until, failed) VALUES ($1, $2, $3, 0) \
     ON CONFLICT (id) DO UPDATE SET claimed_by = $2, claimed_until = $3 \
     WHERE receiver.claimed_until IS NULL OR receiver.claimed_until <= $4 RETURNING failed";
pub(super) const KEEP: &str = "UPDATE receiver SET claimed_until = $3 WHERE id = $1 AND claimed_by = $2";
pub(super) const GIVE_BACK: &str = "UPDATE receiver SET claimed_by = NULL, claimed_until = NULL, failed = $3, due = $4 \
     WHERE id = $1 AND claimed_by = $2";
/// A receiver that nothing is to be remembered of has no row.
pub(super) const FORGET: &str =
    "DELETE FROM receiver WHERE id = $1 AND claimed_by IS NULL AND failed = 0 AND due IS NULL";

/// Gives back what runs had that are gone; and, where the one that asks is sure, those whose lease has run out.
pub(super) const GIVE_BACK_OF_THE_DEAD: &str = "UPDATE receiver SET claimed_by = NULL, claimed_until = NULL \
     WHERE claimed_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM node \
        WHERE node.id = receiver.claimed_by AND (node.lease_until > now() OR NOT $1))";

impl FromRow<'_, PgRow> for WaitingRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            receiver: row.try_get(0)?,
            due: row.try_get(1)?,
            pause: row.try_get(2)?,
            claimed_until: row.try_get(3)?,
        })
    }
}

pub(super) async fn claim(connection: &mut PgConnection, claim: &ReceiverClaim) -> Result<ClaimedReceivers, Failure> {
    let waiting: Vec<WaitingRow> = sqlx::query_as(WAITING).fetch_all(&mut *connection).await?;
    let (receivers, next) = ready(&waiting, claim);
    let next = Place {
        table: "feed",
        id: &"next",
    }
    .maybe_time("due", next)?;
    let mut taken = Vec::with_capacity(receivers.len());
    for receiver in receivers {
        let row: Option<i64> = sqlx::query_scalar(TAKE)
            .bind(receiver.uuid())
            .bind(kept(&claim.node))
            .bind(micros(claim.until))
            .bind(micros(claim.now))
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(number) = row {
            taken.push((receiver, failed(receiver, number)?));
        }
    }
    Ok(ClaimedReceivers { receivers: taken, next })
}

pub(super) async fn keep(
    connection: &mut PgConnection,
    receiver: ReceiverId,
    node: &str,
    until: Timestamp,
) -> Result<bool, Failure> {
    let done = sqlx::query(KEEP)
        .bind(receiver.uuid())
        .bind(kept(node))
        .bind(micros(until))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn give_back(
    connection: &mut PgConnection,
    receiver: ReceiverId,
    node: &str,
    failed: u32,
    due: Option<Timestamp>,
) -> Result<(), Failure> {
    sqlx::query(GIVE_BACK)
        .bind(receiver.uuid())
        .bind(kept(node))
        .bind(i64::from(failed))
        .bind(due.map(micros))
        .execute(&mut *connection)
        .await?;
    if failed == 0 && due.is_none() {
        sqlx::query(FORGET).bind(receiver.uuid()).execute(connection).await?;
    }
    Ok(())
}
