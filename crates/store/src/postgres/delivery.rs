//! The log of deliveries.

use jiff::Timestamp;
use outdial_domain::{AccountId, DeliveryId};
use outdial_engine::ports::{Delivery, DeliveryFilter, Page};
use sqlx::{FromRow, PgConnection, QueryBuilder, Row, postgres::PgRow};

use super::error::Failure;
use crate::rows::delivery::DeliveryRow;

pub(super) const ADD: &str =
    "INSERT INTO delivery (account_id, id, kind, subject, webhook_id, at, entry) VALUES ($1, $2, $3, $4, $5, $6, $7)";
pub(super) const FORGET: &str = "DELETE FROM delivery USING (SELECT old.account_id, old.id FROM account, \
        LATERAL (SELECT account_id, id FROM delivery WHERE account_id = account.id AND delivery.id < $1 \
            ORDER BY delivery.id LIMIT $2) AS old LIMIT $2) AS gone \
     WHERE delivery.account_id = gone.account_id AND delivery.id = gone.id";

impl FromRow<'_, PgRow> for DeliveryRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account_id: row.try_get(0)?,
            id: row.try_get(1)?,
            kind: row.try_get::<String, _>(2)?.into(),
            subject: row.try_get(3)?,
            webhook_id: row.try_get(4)?,
            at: row.try_get(5)?,
            entry: row.try_get(6)?,
        })
    }
}

pub(super) async fn add(connection: &mut PgConnection, delivery: &Delivery) -> Result<(), sqlx::Error> {
    let row = DeliveryRow::from(delivery);
    sqlx::query(ADD)
        .bind(row.account_id)
        .bind(row.id)
        .bind(row.kind)
        .bind(row.subject)
        .bind(row.webhook_id)
        .bind(row.at)
        .bind(row.entry)
        .execute(connection)
        .await
        .map(|_| ())
}

pub(super) async fn list(
    connection: &mut PgConnection,
    account: AccountId,
    filter: &DeliveryFilter,
) -> Result<Page<Delivery>, Failure> {
    let mut query = QueryBuilder::<sqlx::Postgres>::new(
        "SELECT account_id, id, kind, subject, webhook_id, at, entry FROM delivery WHERE account_id = ",
    );
    query.push_bind(account.uuid());
    if let Some(id) = filter.id {
        query.push(" AND id = ").push_bind(id.uuid());
    }
    if let Some(subject) = filter.subject {
        query.push(" AND subject = ").push_bind(subject.uuid());
    }
    if let Some(webhook) = filter.webhook {
        query.push(" AND webhook_id = ").push_bind(webhook.uuid());
    }
    if let Some(before) = filter.before {
        query.push(" AND id < ").push_bind(before.uuid());
    }
    let one_more = i64::try_from(filter.most).unwrap_or(i64::MAX).saturating_add(1);
    query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more);
    let rows: Vec<DeliveryRow> = query.build_query_as().fetch_all(connection).await?;
    let more = rows.len() > filter.most;
    let items = rows.into_iter().take(filter.most).map(Delivery::try_from);
    Ok(Page {
        items: items.collect::<Result<_, _>>()?,
        more,
    })
}

pub(super) async fn forget(connection: &mut PgConnection, before: Timestamp, most: usize) -> Result<usize, Failure> {
    let done = sqlx::query(FORGET)
        .bind(DeliveryId::new(before, [0; 10]).uuid())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}
