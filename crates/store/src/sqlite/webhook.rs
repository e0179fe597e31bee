//! Webhooks of accounts.

use std::path::Path;

use outdial_domain::{AccountId, Webhook, WebhookId};
use outdial_engine::ports::{FanOut, StoreError};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use super::{
    error::{Failure, all_of, unavailable},
    feed, migrate, open,
};
use crate::rows::{
    column::{json, micros},
    webhook::{FeedRow, WebhookRow},
};

const ADD: &str = "INSERT INTO webhook (account_id, id, url, events, secrets, disabled, created_at, position) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
const CHANGE: &str = "UPDATE webhook SET secrets = ?3, disabled = ?4, position = ?5 WHERE account_id = ?1 AND id = ?2";
const REMOVE: &str = "DELETE FROM webhook WHERE account_id = ? AND id = ?";
pub(super) const STEP: &str = "UPDATE webhook SET position = ?4 \
     WHERE account_id = ?1 AND id = ?2 AND position = ?3 AND disabled IS NULL";
pub(super) const OF_ACCOUNT: &str = "SELECT account_id, id, url, events, secrets, disabled, created_at, position \
     FROM webhook WHERE account_id = ? ORDER BY id";
const ALL: &str = "SELECT account_id, id, url, events, secrets, disabled, created_at, position \
     FROM webhook ORDER BY account_id, id";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<WebhookRow> {
    Ok(WebhookRow {
        account_id: row.get(0)?,
        id: row.get(1)?,
        url: row.get(2)?,
        events: row.get(3)?,
        secrets: row.get(4)?,
        disabled: row.get(5)?,
        created_at: row.get(6)?,
        position: row.get(7)?,
    })
}

pub(super) fn add(connection: &Connection, webhook: &Webhook) -> Result<(), Failure> {
    connection.execute(
        ADD,
        params![
            webhook.account.uuid(),
            webhook.id.uuid(),
            webhook.url,
            json(&webhook.events),
            json(&webhook.secrets),
            webhook.disabled,
            micros(webhook.created_at),
            webhook.position,
        ],
    )?;
    Ok(())
}

pub(super) fn change(connection: &Connection, webhook: &Webhook) -> Result<(), Failure> {
    let changed = connection.execute(
        CHANGE,
        params![
            webhook.account.uuid(),
            webhook.id.uuid(),
            json(&webhook.secrets),
            webhook.disabled,
            webhook.position,
        ],
    )?;
    if changed == 0 {
        return Err(StoreError::Gone.into());
    }
    if webhook.disabled.is_some() {
        feed::drop_all(connection, webhook.receiver())?;
    }
    Ok(())
}

pub(super) fn remove(connection: &Connection, account: AccountId, id: WebhookId) -> Result<bool, Failure> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let removed = transaction.execute(REMOVE, params![account.uuid(), id.uuid()])? > 0;
    if removed {
        feed::drop_all(&transaction, outdial_domain::ReceiverId::from_uuid(id.uuid()))?;
    }
    transaction.commit()?;
    Ok(removed)
}

pub(super) fn list(connection: &Connection, account: Option<AccountId>) -> Result<Vec<Webhook>, Failure> {
    let rows: Vec<WebhookRow> = match account {
        Some(account) => all_of(connection, OF_ACCOUNT, [account.uuid()], read)?,
        None => all_of(connection, ALL, (), read)?,
    };
    Ok(rows.into_iter().map(Webhook::try_from).collect::<Result<_, _>>()?)
}

/// All of them, read beside whoever uses the file.
pub(super) fn read_beside(path: &Path) -> Result<Vec<Webhook>, StoreError> {
    let connection = open::reader(path).map_err(|error| unavailable(&error))?;
    migrate::is_current(&connection)?;
    Ok(list(&connection, None)?)
}

pub(super) fn fan_out(connection: &Connection, step: &FanOut) -> Result<bool, Failure> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let values = params![step.account.uuid(), step.webhook.uuid(), step.from, step.to];
    if transaction.prepare_cached(STEP)?.execute(values)? == 0 {
        return Ok(false);
    }
    for new in &step.feeds {
        feed::wake(&transaction, &FeedRow::from(new), micros(step.now))?;
    }
    transaction.commit()?;
    Ok(true)
}
