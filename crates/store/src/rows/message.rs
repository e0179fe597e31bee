//! Messages.

use std::borrow::Cow;

use outdial_domain::{
    AccountId, Direction, Message, MessageId, MessagePlan, MessageState, Priority, Subject,
    message::{Receipt, ReceiptState, RefusalCode, Submission},
    text::{EncodedText, Encoding},
};
use outdial_engine::ports::{ArrivedPlace, ArrivedText, Feed, FeedKey, LeftAlone, MessageChange, StoreError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    change::forbidden,
    column::{Place, json, json_of_about, micros},
};

/// A message as it is stored.
#[derive(Debug)]
pub(crate) struct MessageRow {
    pub(crate) account_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) direction: String,
    pub(crate) state: String,
    pub(crate) events: i64,
    pub(crate) created_at: i64,
    pub(crate) ended_at: Option<i64>,
    pub(crate) plan: String,
    pub(crate) progress: String,
}

/// What is only read whole of how far a message is.
#[derive(Debug, Serialize, Deserialize)]
struct Progress<'m> {
    encoding: Encoding,
    parts: usize,
    updated_at: i64,
    #[serde(default, skip_serializing_if = "<[Submission]>::is_empty")]
    submissions: Cow<'m, [Submission]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trunk: Option<Cow<'m, str>>,
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    refused_by: Cow<'m, [String]>,
    #[serde(default)]
    tries: u16,
    #[serde(default, skip_serializing_if = "is_zero")]
    failures: u16,
    #[serde(default, skip_serializing_if = "is_zero")]
    sent_again: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivered_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'m, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalCode>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(count: &u16) -> bool {
    *count == 0
}

/// What is only read whole of how far a message is, as it is stored.
pub(crate) fn progress(message: &Message) -> String {
    json_of_about(
        192,
        &Progress {
            encoding: message.encoding,
            parts: message.parts,
            updated_at: micros(message.updated_at),
            submissions: Cow::Borrowed(&message.submissions),
            trunk: message.trunk.as_deref().map(Cow::Borrowed),
            refused_by: Cow::Borrowed(&message.refused_by),
            tries: message.tries,
            failures: message.failures,
            sent_again: message.sent_again,
            sent_at: message.sent_at.map(micros),
            delivered_at: message.delivered_at.map(micros),
            reason: message.reason.as_deref().map(Cow::Borrowed),
            refusal: message.refusal,
        },
    )
}

/// When nothing more is to be expected of a message that the network has.
pub(crate) fn deadline(message: &Message) -> Option<i64> {
    (message.state == MessageState::Submitted).then(|| micros(message.deadline()))
}

/// The receiver, in the form that lists are filtered by.
pub(crate) fn receiver(message: &Message) -> String {
    message.plan.to.to_string()
}

/// Whether a change is only saved where its receiver is not on the list of those who want no texts.
pub(crate) fn asks_for_peace(change: &MessageChange) -> bool {
    change.journalled_by.is_some() && !change.message.plan.answers_word
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Result<Self, StoreError> {
        let id = MessageId::from_uuid(row.id);
        let place = Place {
            table: "message",
            id: &id,
        };
        let progress: Progress<'_> = place.json("progress", &row.progress)?;
        Ok(Self {
            id,
            account: AccountId::from_uuid(row.account_id),
            direction: place.word("direction", &row.direction, Direction::from_word)?,
            state: place.word("state", &row.state, MessageState::from_word)?,
            plan: place.json::<MessagePlan>("plan", &row.plan)?,
            encoding: progress.encoding,
            parts: progress.parts,
            submissions: progress.submissions.into_owned(),
            trunk: progress.trunk.map(Cow::into_owned),
            refused_by: progress.refused_by.into_owned(),
            tries: progress.tries,
            failures: progress.failures,
            sent_again: progress.sent_again,
            events: place.number("events", row.events)?,
            created_at: place.time("created_at", row.created_at)?,
            updated_at: place.time("progress", progress.updated_at)?,
            sent_at: place.maybe_time("progress", progress.sent_at)?,
            delivered_at: place.maybe_time("progress", progress.delivered_at)?,
            ended_at: place.maybe_time("ended_at", row.ended_at)?,
            reason: progress.reason.map(Cow::into_owned),
            refusal: progress.refusal,
        })
    }
}

/// The lane of a message, as far as a job names it.
pub(crate) fn rank(priority: Priority) -> i64 {
    3 + super::lane::rank(priority)
}

/// What a network says of a part, as it is kept until somebody wants it.
#[derive(Debug, Serialize, Deserialize)]
struct Said<'r> {
    state: ReceiptState,
    error: Option<Cow<'r, str>>,
}

/// A receipt as it is kept.
pub(crate) fn kept_receipt(receipt: &Receipt) -> String {
    json(&Said {
        state: receipt.state,
        error: receipt.error.as_deref().map(Cow::Borrowed),
    })
}

/// The receipt that was kept under this name.
pub(crate) fn receipt(name: &str, kept: &str) -> Result<Receipt, StoreError> {
    let place = Place {
        table: "early_receipt",
        id: &name,
    };
    let said: Said<'_> = place.json("receipt", kept)?;
    Ok(Receipt {
        id: name.to_owned(),
        state: said.state,
        error: said.error.map(Cow::into_owned),
    })
}

/// A part of a text, as it is kept.
#[derive(Debug)]
pub(crate) struct PartRow {
    pub(crate) sender: String,
    pub(crate) receiver: String,
    pub(crate) reference: i64,
    pub(crate) total: i64,
    pub(crate) number: i64,
    pub(crate) encoding: String,
    pub(crate) octets: Vec<u8>,
}

impl TryFrom<PartRow> for ArrivedText {
    type Error = StoreError;

    fn try_from(row: PartRow) -> Result<Self, StoreError> {
        let id = row.sender.clone();
        let place = Place {
            table: "arrived_part",
            id: &id,
        };
        let part = ArrivedPlace {
            reference: place.number("reference", row.reference)?,
            total: place.number("total", row.total)?,
            number: place.number("number", row.number)?,
        };
        Ok(Self {
            from: row.sender,
            to: row.receiver,
            text: EncodedText {
                encoding: place.word("encoding", &row.encoding, Encoding::from_word)?,
                octets: row.octets,
            },
            place: Some(part),
        })
    }
}

/// An entry of the list of those who want no texts, as it is kept.
#[derive(Debug)]
pub(crate) struct LeftAloneRow {
    pub(crate) number: String,
    pub(crate) since: i64,
    pub(crate) because: String,
}

impl TryFrom<LeftAloneRow> for LeftAlone {
    type Error = StoreError;

    fn try_from(row: LeftAloneRow) -> Result<Self, StoreError> {
        let id = row.number.clone();
        let place = Place {
            table: "do_not_disturb",
            id: &id,
        };
        Ok(Self {
            since: place.time("since", row.since)?,
            number: row.number,
            because: row.because,
        })
    }
}

/// What the receiver that a message names is to be told of a change, and since when.
pub(crate) fn noticed(change: &MessageChange) -> Option<(Feed, i64)> {
    let webhook = change.message.plan.webhook.as_ref()?;
    let mut wanted = change.events.iter().filter(|event| webhook.events.wants(&event.kind));
    let first = wanted.next()?;
    let last = wanted.next_back().unwrap_or(first);
    let feed = Feed {
        key: FeedKey {
            subject: change.message.id.into(),
            webhook: None,
            replay: None,
        },
        account: change.message.account,
        receiver: webhook.receiver,
        told: first.sequence.saturating_sub(1),
        newest: last.sequence,
        tries: 0,
    };
    Some((feed, micros(first.at)))
}

/// Says what no change may be: the schema cannot say that sequences have no gaps.
pub(crate) fn flaw(change: &MessageChange) -> Option<StoreError> {
    let message = &change.message;
    let subject = Subject::Message(message.id);
    let before = change.since.unwrap_or(0);
    let gapless = (before + 1..)
        .zip(&change.events)
        .all(|(next, event)| next == event.sequence);
    let counted = u32::try_from(change.events.len()).is_ok_and(|count| before + count == message.events);
    let ours = change
        .events
        .iter()
        .all(|event| event.account == message.account && event.subject == subject);
    let why = if change.events.is_empty() {
        "it has no event"
    } else if !gapless || !counted {
        "the sequence of its events has a gap"
    } else if !ours {
        "it has an event of something else"
    } else {
        return None;
    };
    Some(forbidden(subject, why))
}
