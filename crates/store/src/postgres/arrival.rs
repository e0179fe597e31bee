//! What comes in over SMS trunks: receipts, parts of texts, and who wants no texts.

use std::collections::HashMap;

use jiff::Timestamp;
use outdial_domain::{AccountId, Message, message::Receipt};
use outdial_engine::ports::{ArrivedText, LeftAlone, ReceiptName, StoreError, TrunkReceipt, Which};
use sqlx::{Connection, FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    columns::columns,
    error::Failure,
    event, message,
    text::{given, kept},
};
use crate::rows::{
    column::micros,
    message::{LeftAloneRow, MessageRow, PartRow, kept_receipt, receipt},
};

/// Keeps the networks' names of submissions. Of two in one transaction the last one holds.
pub(super) const NAME: &str = "INSERT INTO submission (trunk, id, account_id, message_id) \
     SELECT DISTINCT ON (trunk, id) trunk, id, account_id, message_id \
     FROM unnest($1::text[], $2::text[], $3::uuid[], $4::uuid[]) WITH ORDINALITY \
        AS new (trunk, id, account_id, message_id, place) ORDER BY trunk, id, place DESC \
     ON CONFLICT (trunk, id) DO UPDATE SET account_id = excluded.account_id, message_id = excluded.message_id";

/// The receipts that came before these names were known. It is asked while all who save wait for each other,
/// and so is who keeps one: none is missed in between.
pub(super) const EARLY: &str = "SELECT early_receipt.trunk, early_receipt.id, early_receipt.receipt \
     FROM unnest($1::text[], $2::text[]) AS name (trunk, id) \
     JOIN early_receipt ON early_receipt.trunk = name.trunk AND early_receipt.id = name.id";

/// Receipts that are kept although their names are known.
pub(super) const KNOWN: &str = "SELECT early_receipt.trunk, early_receipt.id, early_receipt.receipt FROM early_receipt \
     JOIN submission ON submission.trunk = early_receipt.trunk AND submission.id = early_receipt.id \
     ORDER BY early_receipt.at LIMIT $1";

pub(super) const FORGET_KNOWN: &str = "DELETE FROM early_receipt USING unnest($1::text[], $2::text[]) AS name (trunk, id) \
     WHERE early_receipt.trunk = name.trunk AND early_receipt.id = name.id";

/// The messages whose submissions have these names, each with the place of its name.
pub(super) const OWNERS: &str = concat!(
    "SELECT ",
    message::read!(),
    ", wanted.place FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (trunk, id, place) \
     JOIN submission ON submission.trunk = wanted.trunk AND submission.id = wanted.id \
     JOIN message ON message.account_id = submission.account_id AND message.id = submission.message_id"
);

const KEEP_EARLY: &str = "INSERT INTO early_receipt (trunk, id, at, receipt) VALUES ($1, $2, $3, $4)";
pub(super) const FORGET_EARLY: &str = "DELETE FROM early_receipt WHERE ctid IN \
     (SELECT ctid FROM early_receipt WHERE at < $1 ORDER BY at LIMIT $2)";
const KEEP_PART: &str = "INSERT INTO arrived_part (trunk, sender, receiver, reference, total, number, at, encoding, octets) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     ON CONFLICT (trunk, sender, receiver, reference, total, number) \
     DO UPDATE SET encoding = excluded.encoding, octets = excluded.octets";
pub(super) const PARTS: &str = "SELECT sender, receiver, reference, total, number, encoding, octets FROM arrived_part \
     WHERE trunk = $1 AND sender = $2 AND receiver = $3 AND reference = $4 AND total = $5 ORDER BY number";
pub(super) const REMOVE_PARTS: &str = "DELETE FROM arrived_part \
     WHERE trunk = $1 AND sender = $2 AND receiver = $3 AND reference = $4 AND total = $5";
pub(super) const FORGET_PARTS: &str = "DELETE FROM arrived_part WHERE ctid IN \
     (SELECT ctid FROM arrived_part WHERE at < $1 ORDER BY at LIMIT $2)";
const LEAVE_ALONE: &str = "INSERT INTO do_not_disturb (account_id, number, since, because) \
     SELECT DISTINCT ON (number) $1, number, since, because \
     FROM unnest($2::text[], $3::bigint[], $4::text[]) AS new (number, since, because) ORDER BY number \
     ON CONFLICT (account_id, number) DO NOTHING";
const ALLOW_AGAIN: &str = "DELETE FROM do_not_disturb WHERE account_id = $1 AND number = ANY($2)";
pub(super) const IS_LEFT_ALONE: &str =
    "SELECT number, since, because FROM do_not_disturb WHERE account_id = $1 AND number = ANY($2)";
/// Of these receivers those that want no texts.
pub(super) const UNWANTED: &str = "SELECT do_not_disturb.account_id, do_not_disturb.number, do_not_disturb.because \
     FROM unnest($1::uuid[], $2::text[]) AS wanted (account_id, number) \
     JOIN do_not_disturb ON do_not_disturb.account_id = wanted.account_id AND do_not_disturb.number = wanted.number";
pub(super) const LEFT_ALONE: &str = "SELECT number, since, because FROM do_not_disturb \
     WHERE account_id = $1 AND number > $2 ORDER BY number LIMIT $3";

columns! {
    /// The network's name of a submission.
    Named, Names {
        trunk: String,
        id: String,
        account_id: Uuid,
        message_id: Uuid,
    }
}

/// How it came to be known which of these receivers want no texts, by account and number as they are kept.
pub(super) async fn unwanted(
    connection: &mut PgConnection,
    receivers: Vec<(Uuid, String)>,
) -> Result<HashMap<(Uuid, String), String>, sqlx::Error> {
    if receivers.is_empty() {
        return Ok(HashMap::new());
    }
    let (accounts, numbers): (Vec<Uuid>, Vec<String>) = receivers.into_iter().unzip();
    let rows: Vec<(Uuid, String, String)> = sqlx::query_as(UNWANTED)
        .bind(accounts)
        .bind(numbers)
        .fetch_all(connection)
        .await?;
    let read = rows
        .into_iter()
        .map(|(account, number, because)| ((account, number), given(because)));
    Ok(read.collect())
}

/// Receipts that were kept, with their trunks, or what a row of them cannot say.
pub(super) async fn early(
    connection: &mut PgConnection,
    names: &[(String, String)],
) -> Result<Vec<(String, Receipt)>, sqlx::Error> {
    let (trunks, ids): (Vec<String>, Vec<String>) = names.iter().map(|(trunk, id)| (kept(trunk), kept(id))).unzip();
    let rows = sqlx::query(EARLY).bind(trunks).bind(ids).fetch_all(connection).await?;
    let mut early = Vec::with_capacity(rows.len());
    for row in rows {
        let (trunk, name): (String, String) = (given(row.try_get(0)?), given(row.try_get(1)?));
        match receipt(&name, row.try_get(2)?) {
            Ok(receipt) => early.push((trunk, receipt)),
            Err(error) => tracing::error!(%error, "a receipt that was kept cannot be read"),
        }
    }
    Ok(early)
}

pub(super) async fn known(connection: &mut PgConnection, most: usize) -> Result<Vec<TrunkReceipt>, Failure> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(KNOWN)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    let read = rows.into_iter().map(|(trunk, name, kept)| {
        let receipt = receipt(&given(name), &kept)?;
        Ok(TrunkReceipt {
            trunk: given(trunk),
            receipt,
        })
    });
    Ok(read.collect::<Result<_, StoreError>>()?)
}

pub(super) async fn forget_known(connection: &mut PgConnection, names: &[ReceiptName]) -> Result<(), Failure> {
    sqlx::query(FORGET_KNOWN)
        .bind(names.iter().map(|name| kept(&name.trunk)).collect::<Vec<_>>())
        .bind(names.iter().map(|name| kept(&name.id)).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn owners(connection: &mut PgConnection, receipts: &[TrunkReceipt]) -> Result<Vec<Option<Message>>, Failure> {
    let trunks: Vec<String> = receipts.iter().map(|known| kept(&known.trunk)).collect();
    let ids: Vec<String> = receipts.iter().map(|known| kept(&known.receipt.id)).collect();
    let rows = sqlx::query(OWNERS).bind(trunks).bind(ids).fetch_all(connection).await?;
    let mut messages = vec![None; receipts.len()];
    for row in rows {
        let place: i64 = row.try_get("place")?;
        let place = usize::try_from(place - 1).ok();
        if let Some(place) = place.and_then(|place| messages.get_mut(place)) {
            *place = Some(Message::try_from(MessageRow::from_row(&row)?)?);
        }
    }
    Ok(messages)
}

/// The messages of these receipts. What is not known is looked for once more while nobody saves, and kept then.
pub(super) async fn take_receipts(
    connection: &mut PgConnection,
    receipts: &[TrunkReceipt],
    now: Timestamp,
) -> Result<Vec<Option<Message>>, Failure> {
    let messages = owners(connection, receipts).await?;
    if messages.iter().all(Option::is_some) {
        return Ok(messages);
    }
    let mut transaction = connection.begin().await?;
    sqlx::query(event::WAIT_FOR_OTHERS).execute(&mut *transaction).await?;
    let messages = owners(&mut transaction, receipts).await?;
    for (known, message) in receipts.iter().zip(&messages) {
        if message.is_none() {
            sqlx::query(KEEP_EARLY)
                .bind(kept(&known.trunk))
                .bind(kept(&known.receipt.id))
                .bind(micros(now))
                .bind(kept_receipt(&known.receipt))
                .execute(&mut *transaction)
                .await?;
        }
    }
    transaction.commit().await?;
    Ok(messages)
}

impl FromRow<'_, PgRow> for PartRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            sender: given(row.try_get(0)?),
            receiver: given(row.try_get(1)?),
            reference: row.try_get(2)?,
            total: row.try_get(3)?,
            number: row.try_get(4)?,
            encoding: row.try_get(5)?,
            octets: row.try_get(6)?,
        })
    }
}

pub(super) async fn keep_part(
    connection: &mut PgConnection,
    trunk: &str,
    part: &ArrivedText,
    now: Timestamp,
) -> Result<Vec<ArrivedText>, Failure> {
    let Some(place) = part.place else {
        return Ok(vec![part.clone()]);
    };
    sqlx::query(KEEP_PART)
        .bind(kept(trunk))
        .bind(kept(&part.from))
        .bind(kept(&part.to))
        .bind(i64::from(place.reference))
        .bind(i64::from(place.total))
        .bind(i64::from(place.number))
        .bind(micros(now))
        .bind(part.text.encoding.as_str())
        .bind(&part.text.octets)
        .execute(&mut *connection)
        .await?;
    let rows: Vec<PartRow> = sqlx::query_as(PARTS)
        .bind(kept(trunk))
        .bind(kept(&part.from))
        .bind(kept(&part.to))
        .bind(i64::from(place.reference))
        .bind(i64::from(place.total))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(ArrivedText::try_from).collect::<Result<_, _>>()?)
}

/// Takes away the parts that a text was joined from.
pub(super) async fn remove(connection: &mut PgConnection, trunk: &str, part: &ArrivedText) -> Result<(), sqlx::Error> {
    let Some(place) = part.place else { return Ok(()) };
    sqlx::query(REMOVE_PARTS)
        .bind(kept(trunk))
        .bind(kept(&part.from))
        .bind(kept(&part.to))
        .bind(i64::from(place.reference))
        .bind(i64::from(place.total))
        .execute(connection)
        .await
        .map(|_| ())
}

pub(super) async fn forget(connection: &mut PgConnection, before: Timestamp, most: usize) -> Result<usize, Failure> {
    let mut gone = 0;
    for statement in [FORGET_EARLY, FORGET_PARTS] {
        let done = sqlx::query(statement)
            .bind(micros(before))
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .execute(&mut *connection)
            .await?;
        gone += usize::try_from(done.rows_affected()).unwrap_or(usize::MAX);
    }
    Ok(gone)
}

pub(super) async fn leave_alone(
    connection: &mut PgConnection,
    account: AccountId,
    entries: &[LeftAlone],
) -> Result<usize, Failure> {
    let done = sqlx::query(LEAVE_ALONE)
        .bind(account.uuid())
        .bind(entries.iter().map(|entry| kept(&entry.number)).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| micros(entry.since)).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| kept(&entry.because)).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

pub(super) async fn allow_again(
    connection: &mut PgConnection,
    account: AccountId,
    numbers: &[String],
) -> Result<usize, Failure> {
    let numbers: Vec<String> = numbers.iter().map(|number| kept(number)).collect();
    let done = sqlx::query(ALLOW_AGAIN)
        .bind(account.uuid())
        .bind(numbers)
        .execute(connection)
        .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

impl FromRow<'_, PgRow> for LeftAloneRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            number: given(row.try_get(0)?),
            since: row.try_get(1)?,
            because: given(row.try_get(2)?),
        })
    }
}

pub(super) async fn left_alone(
    connection: &mut PgConnection,
    account: AccountId,
    which: Which,
) -> Result<Vec<LeftAlone>, Failure> {
    let rows: Vec<LeftAloneRow> = match which {
        Which::Of(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(|number| kept(number)).collect();
            let query = sqlx::query_as(IS_LEFT_ALONE).bind(account.uuid()).bind(numbers);
            query.fetch_all(connection).await?
        }
        Which::After(number, most) => {
            let query = sqlx::query_as(LEFT_ALONE)
                .bind(account.uuid())
                .bind(kept(number.as_deref().unwrap_or_default()))
                .bind(i64::try_from(most).unwrap_or(i64::MAX));
            query.fetch_all(connection).await?
        }
    };
    Ok(rows.into_iter().map(LeftAlone::try_from).collect::<Result<_, _>>()?)
}
