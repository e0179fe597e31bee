//! What comes in over SMS trunks: receipts, parts of texts, and who wants no texts.

use jiff::Timestamp;
use outdial_domain::{AccountId, Message, MessageId, message::Receipt};
use outdial_engine::ports::{ArrivedText, LeftAlone, ReceiptName, StoreError, TrunkReceipt, Which};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use uuid::Uuid;

use super::{
    error::{Failure, all_of},
    message,
};
use crate::rows::{
    column::micros,
    message::{LeftAloneRow, PartRow, kept_receipt, receipt},
};

/// Whose a submission of this name is.
pub(super) const OWNER: &str = "SELECT account_id, message_id FROM submission WHERE trunk = ? AND id = ?";
pub(super) const KEEP_EARLY: &str = "INSERT INTO early_receipt (trunk, id, at, receipt) VALUES (?, ?, ?, ?)";
pub(super) const EARLY: &str = "SELECT receipt FROM early_receipt WHERE trunk = ? AND id = ? ORDER BY rowid";
pub(super) const REMOVE_EARLY: &str = "DELETE FROM early_receipt WHERE trunk = ? AND id = ?";
pub(super) const KNOWN: &str = "SELECT early_receipt.trunk, early_receipt.id, early_receipt.receipt FROM early_receipt \
     CROSS JOIN submission ON submission.trunk = early_receipt.trunk AND submission.id = early_receipt.id \
     ORDER BY early_receipt.rowid LIMIT ? + 0";
const FORGET_EARLY: &str =
    "DELETE FROM early_receipt WHERE rowid IN (SELECT rowid FROM early_receipt WHERE at < ? ORDER BY at LIMIT ? + 0)";

const KEEP_PART: &str = "INSERT INTO arrived_part (trunk, sender, receiver, reference, total, number, at, encoding, octets) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
     ON CONFLICT DO UPDATE SET encoding = excluded.encoding, octets = excluded.octets";
const PARTS: &str = "SELECT sender, receiver, reference, total, number, encoding, octets FROM arrived_part \
     WHERE trunk = ? AND sender = ? AND receiver = ? AND reference = ? AND total = ? ORDER BY number";
const REMOVE_PARTS: &str = "DELETE FROM arrived_part \
     WHERE trunk = ? AND sender = ? AND receiver = ? AND reference = ? AND total = ?";
const FORGET_PARTS: &str = "DELETE FROM arrived_part WHERE (trunk, sender, receiver, reference, total, number) IN \
     (SELECT trunk, sender, receiver, reference, total, number FROM arrived_part WHERE at < ? ORDER BY at LIMIT ? + 0)";

const LEAVE_ALONE: &str = "INSERT INTO do_not_disturb (account_id, number, since, because) VALUES (?, ?, ?, ?) \
     ON CONFLICT (account_id, number) DO NOTHING";
const ALLOW_AGAIN: &str = "DELETE FROM do_not_disturb WHERE account_id = ? AND number = ?";
pub(super) const IS_LEFT_ALONE: &str =
    "SELECT number, since, because FROM do_not_disturb WHERE account_id = ? AND number = ?";
pub(super) const UNWANTED: &str = "SELECT because FROM do_not_disturb WHERE account_id = ? AND number = ?";
pub(super) const LEFT_ALONE: &str = "SELECT number, since, because FROM do_not_disturb \
     WHERE account_id = ? AND number > ? ORDER BY number LIMIT ? + 0";

fn owner(connection: &Connection, known: &TrunkReceipt) -> Result<Option<Message>, Failure> {
    let found = connection
        .prepare_cached(OWNER)?
        .query_row(params![known.trunk, known.receipt.id], |row| {
            Ok((row.get::<_, Uuid>(0)?, row.get::<_, Uuid>(1)?))
        })
        .optional()?;
    let Some((account, id)) = found else { return Ok(None) };
    message::one(connection, AccountId::from_uuid(account), MessageId::from_uuid(id))
}

/// The messages of these receipts, as far as they are known.
pub(super) fn owners(connection: &Connection, receipts: &[TrunkReceipt]) -> Result<Vec<Option<Message>>, Failure> {
    receipts.iter().map(|receipt| owner(connection, receipt)).collect()
}

/// The same for the writer, which sees all that was saved: what is not known is kept.
pub(super) fn owners_or_keep(
    connection: &Connection,
    receipts: &[TrunkReceipt],
    now: Timestamp,
) -> Result<Vec<Option<Message>>, Failure> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let messages = owners(&transaction, receipts)?;
    for (known, message) in receipts.iter().zip(&messages) {
        if message.is_none() {
            let values = params![known.trunk, known.receipt.id, micros(now), kept_receipt(&known.receipt)];
            transaction.prepare_cached(KEEP_EARLY)?.execute(values)?;
        }
    }
    transaction.commit()?;
    Ok(messages)
}

/// The receipts that came before this name was known. One that cannot be read is passed over: it says nothing.
pub(super) fn early(connection: &Connection, trunk: &str, name: &str) -> rusqlite::Result<Vec<Receipt>> {
    let kept: Vec<String> = connection
        .prepare_cached(EARLY)?
        .query_map(params![trunk, name], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let read = kept.iter().filter_map(|kept| {
        receipt(name, kept)
            .inspect_err(|error| tracing::error!(%error, "a receipt that was kept cannot be read"))
            .ok()
    });
    Ok(read.collect())
}

/// Receipts that are kept although their names are known.
pub(super) fn known(connection: &Connection, most: usize) -> Result<Vec<TrunkReceipt>, Failure> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = all_of(connection, KNOWN, [most], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
        ))
    })?;
    let read = rows.into_iter().map(|(trunk, name, kept)| {
        let receipt = receipt(&name, &kept)?;
        Ok(TrunkReceipt { trunk, receipt })
    });
    Ok(read.collect::<Result<_, StoreError>>()?)
}

pub(super) fn forget_known(connection: &Connection, names: &[ReceiptName]) -> Result<(), Failure> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    for ReceiptName { trunk, id } in names {
        transaction.prepare_cached(REMOVE_EARLY)?.execute(params![trunk, id])?;
    }
    Ok(transaction.commit()?)
}

pub(super) fn read_part(row: &Row<'_>) -> rusqlite::Result<PartRow> {
    Ok(PartRow {
        sender: row.get(0)?,
        receiver: row.get(1)?,
        reference: row.get(2)?,
        total: row.get(3)?,
        number: row.get(4)?,
        encoding: row.get(5)?,
        octets: row.get(6)?,
    })
}

pub(super) fn keep_part(
    connection: &Connection,
    trunk: &str,
    part: &ArrivedText,
    now: Timestamp,
) -> Result<Vec<ArrivedText>, Failure> {
    let Some(place) = part.place else {
        return Ok(vec![part.clone()]);
    };
    let values = params![
        trunk,
        part.from,
        part.to,
        place.reference,
        place.total,
        place.number,
        micros(now),
        part.text.encoding.as_str(),
        part.text.octets,
    ];
    connection.prepare_cached(KEEP_PART)?.execute(values)?;
    let values = params![trunk, part.from, part.to, place.reference, place.total];
    let rows = all_of(connection, PARTS, values, read_part)?;
    Ok(rows.into_iter().map(ArrivedText::try_from).collect::<Result<_, _>>()?)
}

/// Takes away the parts that a text was joined from.
pub(super) fn remove(connection: &Connection, trunk: &str, part: &ArrivedText) -> rusqlite::Result<()> {
    if let Some(place) = part.place {
        let values = params![trunk, part.from, part.to, place.reference, place.total];
        connection.prepare_cached(REMOVE_PARTS)?.execute(values)?;
    }
    Ok(())
}

pub(super) fn forget(connection: &Connection, before: Timestamp, most: usize) -> Result<usize, Failure> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut gone = 0;
    for statement in [FORGET_EARLY, FORGET_PARTS] {
        let values = params![micros(before), most];
        gone += connection.prepare_cached(statement)?.execute(values)?;
    }
    Ok(gone)
}

pub(super) fn leave_alone(
    connection: &Connection,
    account: AccountId,
    entries: &[LeftAlone],
) -> Result<usize, Failure> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut new = 0;
    for entry in entries {
        let values = params![account.uuid(), entry.number, micros(entry.since), entry.because];
        new += transaction.prepare_cached(LEAVE_ALONE)?.execute(values)?;
    }
    transaction.commit()?;
    Ok(new)
}

pub(super) fn allow_again(connection: &Connection, account: AccountId, numbers: &[String]) -> Result<usize, Failure> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut gone = 0;
    for number in numbers {
        gone += transaction
            .prepare_cached(ALLOW_AGAIN)?
            .execute(params![account.uuid(), number])?;
    }
    transaction.commit()?;
    Ok(gone)
}

pub(super) fn read_left_alone(row: &Row<'_>) -> rusqlite::Result<LeftAloneRow> {
    Ok(LeftAloneRow {
        number: row.get(0)?,
        since: row.get(1)?,
        because: row.get(2)?,
    })
}

/// How it came to be known that this receiver wants no texts, where that is so.
pub(super) fn unwanted(connection: &Connection, account: AccountId, number: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(UNWANTED)?
        .query_row(params![account.uuid(), number], |row| row.get(0))
        .optional()
}

pub(super) fn left_alone(
    connection: &Connection,
    account: AccountId,
    which: &Which,
) -> Result<Vec<LeftAlone>, Failure> {
    let rows = match which {
        Which::Of(numbers) => {
            let mut rows = Vec::new();
            for number in numbers {
                let values = params![account.uuid(), number];
                rows.append(&mut all_of(connection, IS_LEFT_ALONE, values, read_left_alone)?);
            }
            rows
        }
        Which::After(number, most) => {
            let most = i64::try_from(*most).unwrap_or(i64::MAX);
            let values = params![account.uuid(), number.as_deref().unwrap_or_default(), most];
            all_of(connection, LEFT_ALONE, values, read_left_alone)?
        }
    };
    Ok(rows.into_iter().map(LeftAlone::try_from).collect::<Result<_, _>>()?)
}
