//! Webhooks of accounts.

use outdial_domain::{AccountId, ReceiverId, Webhook, WebhookId};
use outdial_engine::ports::{FanOut, StoreError};
use sqlx::{Connection, FromRow, PgConnection, Row, postgres::PgRow};

use super::{
    error::Failure,
    feed::{self, WokenFeeds},
    text::{given, kept},
};
use crate::rows::{
    column::{json, micros},
    webhook::{FeedRow, WebhookRow},
};

const ADD: &str = "INSERT INTO webhook (account_id, id, url, events, secrets, disabled, created_at, position) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const CHANGE: &str = "UPDATE webhook SET secrets = $3, disabled = $4, position = $5 WHERE account_id = $1 AND id = $2";
const REMOVE: &str = "DELETE FROM webhook WHERE account_id = $1 AND id = $2";
pub(super) const STEP: &str = "UPDATE webhook SET position = $4 \
     WHERE account_id = $1 AND id = $2 AND position = $3 AND disabled IS NULL";
const LIST: &str = "SELECT account_id, id, url, events, secrets, disabled, created_at, position \
     FROM webhook WHERE $1::uuid IS NULL OR account_id = $1 ORDER BY account_id, id";

impl FromRow<'_, PgRow> for WebhookRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let disabled: Option<String> = row.try_get(5)?;
        Ok(Self {
            account_id: row.try_get(0)?,
            id: row.try_get(1)?,
            url: given(row.try_get(2)?),
            events: row.try_get(3)?,
            secrets: row.try_get(4)?,
            disabled: disabled.map(given),
            created_at: row.try_get(6)?,
            position: row.try_get(7)?,
        })
    }
}

pub(super) async fn add(connection: &mut PgConnection, webhook: &Webhook) -> Result<(), Failure> {
    sqlx::query(ADD)
        .bind(webhook.account.uuid())
        .bind(webhook.id.uuid())
        .bind(kept(&webhook.url))
        .bind(json(&webhook.events))
        .bind(json(&webhook.secrets))
        .bind(webhook.disabled.as_deref().map(kept))
        .bind(micros(webhook.created_at))
        .bind(webhook.position)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn change(connection: &mut PgConnection, webhook: &Webhook) -> Result<(), Failure> {
    let changed = sqlx::query(CHANGE)
        .bind(webhook.account.uuid())
        .bind(webhook.id.uuid())
        .bind(json(&webhook.secrets))
        .bind(webhook.disabled.as_deref().map(kept))
        .bind(webhook.position)
        .execute(&mut *connection)
        .await?;
    if changed.rows_affected() == 0 {
        return Err(StoreError::Gone.into());
    }
    if webhook.disabled.is_some() {
        feed::drop_all(connection, webhook.receiver()).await?;
    }
    Ok(())
}

pub(super) async fn remove(connection: &mut PgConnection, account: AccountId, id: WebhookId) -> Result<bool, Failure> {
    let mut transaction = connection.begin().await?;
    let removed = sqlx::query(REMOVE)
        .bind(account.uuid())
        .bind(id.uuid())
        .execute(&mut *transaction)
        .await?;
    if removed.rows_affected() > 0 {
        feed::drop_all(&mut transaction, ReceiverId::from_uuid(id.uuid())).await?;
    }
    transaction.commit().await?;
    Ok(removed.rows_affected() > 0)
}

pub(super) async fn list(connection: &mut PgConnection, account: Option<AccountId>) -> Result<Vec<Webhook>, Failure> {
    let rows: Vec<WebhookRow> = sqlx::query_as(LIST)
        .bind(account.map(|account| account.uuid()))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Webhook::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn fan_out(connection: &mut PgConnection, step: &FanOut) -> Result<bool, Failure> {
    let mut transaction = connection.begin().await?;
    let stepped = sqlx::query(STEP)
        .bind(step.account.uuid())
        .bind(step.webhook.uuid())
        .bind(step.from)
        .bind(step.to)
        .execute(&mut *transaction)
        .await?;
    if stepped.rows_affected() == 0 {
        return Ok(false);
    }
    let mut woken = WokenFeeds::default();
    for new in &step.feeds {
        woken.add(&FeedRow::from(new), micros(step.now));
    }
    woken.write(&mut transaction).await?;
    transaction.commit().await?;
    Ok(true)
}
