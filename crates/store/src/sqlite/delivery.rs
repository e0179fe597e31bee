//! The log of deliveries.

use jiff::Timestamp;
use outdial_domain::{AccountId, DeliveryId};
use outdial_engine::ports::{Delivery, DeliveryFilter, Page};
use rusqlite::{Connection, Row, params, types::Value};

use super::{error::Failure, page};
use crate::rows::delivery::DeliveryRow;

pub(super) const ADD: &str =
    "INSERT INTO delivery (account_id, id, kind, subject, webhook_id, at, entry) VALUES (?, ?, ?, ?, ?, ?, ?)";
pub(super) const FORGET: &str = "DELETE FROM delivery WHERE rowid IN (SELECT old.rowid FROM account \
     CROSS JOIN delivery AS old ON old.account_id = account.id AND old.id < ? LIMIT ? + 0)";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    Ok(DeliveryRow {
        account_id: row.get(0)?,
        id: row.get(1)?,
        kind: row.get::<_, String>(2)?.into(),
        subject: row.get(3)?,
        webhook_id: row.get(4)?,
        at: row.get(5)?,
        entry: row.get(6)?,
    })
}

pub(super) fn add(connection: &Connection, delivery: &Delivery) -> rusqlite::Result<()> {
    let row = DeliveryRow::from(delivery);
    connection.prepare_cached(ADD)?.execute(params![
        row.account_id,
        row.id,
        row.kind,
        row.subject,
        row.webhook_id,
        row.at,
        row.entry
    ])?;
    Ok(())
}

/// The statement for a filter.
pub(super) fn list_query(account: AccountId, filter: &DeliveryFilter, most: i64) -> (String, Vec<Value>) {
    let id = |id: uuid::Uuid| Value::Blob(id.as_bytes().to_vec());
    let mut text =
        "SELECT account_id, id, kind, subject, webhook_id, at, entry FROM delivery WHERE account_id = ?".to_owned();
    let mut values = vec![id(account.uuid())];
    let conditions = [
        (" AND id = ?", filter.id.map(|one| id(one.uuid()))),
        (" AND subject = ?", filter.subject.map(|subject| id(subject.uuid()))),
        (" AND webhook_id = ?", filter.webhook.map(|webhook| id(webhook.uuid()))),
        (" AND id < ?", filter.before.map(|before| id(before.uuid()))),
        (" ORDER BY id DESC LIMIT ? + 0", Some(Value::Integer(most))),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            text.push_str(condition);
            values.push(value);
        }
    }
    (text, values)
}

pub(super) fn list(
    connection: &Connection,
    account: AccountId,
    filter: &DeliveryFilter,
) -> Result<Page<Delivery>, Failure> {
    let query = list_query(account, filter, page::one_more(filter.most));
    page::read(connection, query, filter.most, read)
}

pub(super) fn forget(connection: &Connection, before: Timestamp, most: usize) -> Result<usize, Failure> {
    let first_kept = DeliveryId::new(before, [0; 10]);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let values = params![first_kept.uuid(), most];
    Ok(connection.prepare_cached(FORGET)?.execute(values)?)
}
