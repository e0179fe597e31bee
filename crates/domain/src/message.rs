//! A message: one text to one receiver, sent in one part or several. This is the rule book for what may happen to
//! it; `message/sending.rs` has the way out and `message/reported.rs` what the network says afterwards.
//!
//! A text is never sent twice: a submission that the network has, or may have, is not submitted again
//! ([`Message::have`]) unless the plan says so.

mod fate;
mod keyword;
mod receipt;
mod reported;
mod sending;

#[cfg(test)]
mod tests;

pub use fate::{PartFate, Refusal};
pub use keyword::Keyword;
pub use receipt::{Receipt, ReceiptState};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Address, CallWebhook, Direction, Event, EventId, EventKind, Hours, MessageId, Priority, Subject,
    outcome::words,
    text::{Composed, Encoding},
};

words! {
    /// Where a message stands.
    MessageState {
        /// It waits for its time.
        Scheduled = "scheduled",
        /// Its time has come, and it waits to be sent.
        Queued = "queued",
        /// It is in the journal: from now on it may have left.
        Sending = "sending",
        /// The network has all of it.
        Submitted = "submitted",
        /// The network has all of it, and was not asked to say what becomes of it.
        Sent = "sent",
        /// The phone has all of it.
        Delivered = "delivered",
        /// The phone cannot be reached, or does not exist.
        Undelivered = "undelivered",
        /// It could not be sent.
        Failed = "failed",
        /// Its time was over before it was sent, or before it was delivered.
        Expired = "expired",
        /// The network refused it.
        Rejected = "rejected",
        /// We refused it: no way there, a closed destination, a receiver who does not want it.
        Refused = "refused",
        /// It was taken back before it was sent.
        Canceled = "canceled",
        /// It may or may not have been sent, or nobody says what became of it. A receipt that comes later may still
        /// tell.
        Unknown = "unknown",
        /// It came in, and is ours.
        Received = "received",
    }
}

impl MessageState {
    /// Whether we do nothing more with it. Of one that is unknown a late receipt may still tell what became of it.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Scheduled | Self::Queued | Self::Sending | Self::Submitted => false,
            Self::Sent
            | Self::Delivered
            | Self::Undelivered
            | Self::Failed
            | Self::Expired
            | Self::Rejected
            | Self::Refused
            | Self::Canceled
            | Self::Unknown
            | Self::Received => true,
        }
    }
}

words! {
    /// What is done with a message of which nobody knows whether it was sent.
    #[derive(Default)]
    OnUnknown {
        /// It ends as unknown.
        #[default]
        Leave = "leave",
        /// It is sent again, and may be read twice.
        Retry = "retry",
    }
}

words! {
    /// What a refusal of ours was for, for programs.
    RefusalCode {
        /// The receiver wants no texts of this account.
        DoNotDisturb = "failed-dnd",
        /// There is no way there.
        NoRoute = "no_route",
    }
}

/// What to send, to whom, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePlan {
    /// Who shall have it.
    pub to: Address,
    /// Who sends it: a number or a name; the trunk's own when none is given.
    pub from: Option<String>,
    /// What is sent, with plain typography where that was asked for.
    pub body: String,
    /// How urgent it is.
    #[serde(default)]
    pub priority: Priority,
    /// The name of the only trunk to use, where the request names one.
    pub via: Option<String>,
    /// Not to be sent before this time; a further try has a time of its own.
    pub due: Timestamp,
    /// Neither to be sent nor to be delivered at this time or later.
    pub expires: Timestamp,
    /// Only to be sent within these hours; at any time where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// What is done when nobody knows whether it was sent.
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// How often it is sent again at most because nobody knows whether it was, where it is at all.
    #[serde(
        default = "MessagePlan::once_more",
        skip_serializing_if = "MessagePlan::is_once_more"
    )]
    pub unknown_retries: u16,
    /// Whether it answers its receiver's own word, as STOP: then it is sent although they want no texts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answers_word: bool,
    /// Free text, echoed everywhere.
    pub tag: Option<String>,
    /// The sender's own name for the message, echoed everywhere.
    pub reference: Option<String>,
    /// Who is told of what happens to this message, besides the account's webhooks.
    pub webhook: Option<CallWebhook>,
}

impl MessagePlan {
    /// The most times that a plan may have a message sent again because nobody knows whether it was.
    pub const MOST_UNKNOWN_RETRIES: u16 = 20;

    /// The first moment from this one on at which it may be sent; `None` when there is none in its time, or its hours
    /// cannot be reckoned.
    #[must_use]
    pub fn opening(&self, from: Timestamp) -> Option<Timestamp> {
        match &self.hours {
            Some(hours) => hours.opening(&self.to, from, Some(self.expires)).ok().flatten(),
            None => Some(from).filter(|from| *from < self.expires),
        }
    }

    /// How often that is where nothing is said of it.
    #[must_use]
    pub fn once_more() -> u16 {
        1
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_once_more(retries: &u16) -> bool {
        *retries == Self::once_more()
    }
}

/// One text to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Names it.
    pub id: MessageId,
    /// Whose it is.
    pub account: AccountId,
    /// Whether we send it, or it came in.
    pub direction: Direction,
    /// Where it stands.
    pub state: MessageState,
    /// What to send, to whom, and until when.
    pub plan: MessagePlan,
    /// How its characters are written.
    pub encoding: Encoding,
    /// How many parts it has over the air, which is what is charged.
    pub parts: usize,
    /// What was submitted, or is to be: the parts, or the text as a whole, as the trunk wants it. Empty before the
    /// first try.
    pub submissions: Vec<Submission>,
    /// The trunk of the newest try.
    pub trunk: Option<String>,
    /// The trunks that will never take it.
    pub refused_by: Vec<String>,
    /// How often it was tried.
    pub tries: u16,
    /// How many of its tries failed, which those do not that came while the trunk had too much.
    pub failures: u16,
    /// How often it was sent again because nobody knew whether it was.
    pub sent_again: u16,
    /// How many events it has.
    pub events: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// When the network had all of it.
    pub sent_at: Option<Timestamp>,
    /// When the phone had all of it.
    pub delivered_at: Option<Timestamp>,
    /// When nothing followed any more.
    pub ended_at: Option<Timestamp>,
    /// Why it stands where it stands, in words, where that says more than the state.
    pub reason: Option<String>,
    /// What we refused it for.
    pub refusal: Option<RefusalCode>,
}

words! {
    /// Where a submission stands. It only moves forward, but for one that certainly did not leave.
    SubmissionState {
        /// It is to be submitted.
        Waiting = "waiting",
        /// It is in the journal: from now on it may have left.
        Sending = "sending",
        /// The network has it.
        Submitted = "submitted",
        /// The phone has it.
        Delivered = "delivered",
        /// The phone cannot be reached, or does not exist.
        Undelivered = "undelivered",
        /// Its time was over.
        Expired = "expired",
        /// The network refused to deliver it.
        Rejected = "rejected",
        /// Somebody took it out of the network's queue.
        Deleted = "deleted",
        /// Nobody knows.
        Unknown = "unknown",
    }
}

/// What is submitted at one time: a part, or the text as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Where it stands.
    pub state: SubmissionState,
    /// The network's name for it.
    pub id: Option<String>,
    /// What the network gave as the reason, where it did.
    pub error: Option<String>,
    /// Whether the network may have it from a try of which nobody knows the end, although it is submitted again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub perhaps: bool,
}

/// Something that happened to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MessageEvent {
    /// It was accepted and is on disk.
    Created {
        /// Who shall have it.
        to: String,
        /// Who sends it.
        from: Option<String>,
        /// Not before this time.
        due: Timestamp,
        /// By which interface it came.
        face: String,
    },
    /// Its time has come, and it cannot leave yet.
    Queued {
        /// What it waits for, in words.
        because: String,
    },
    /// It is in the journal, and leaves now.
    Sending {
        /// The trunk.
        trunk: String,
        /// The number of the try, from 1.
        attempt: u16,
        /// Why the trunks before it were passed over.
        passed_over: Vec<String>,
    },
    /// The network has all of it.
    Submitted {
        /// The network's names for its submissions, where it gave any.
        ids: Vec<Option<String>>,
    },
    /// It will be tried again.
    RetryScheduled {
        /// When.
        at: Timestamp,
        /// Why the try before failed, in words.
        because: String,
    },
    /// The network says something of a submission.
    Reported {
        /// Which one, from 1.
        submission: usize,
        /// Where it stands now.
        state: SubmissionState,
        /// The network's code for what went wrong.
        error: Option<String>,
    },
    /// It came in over a trunk of ours, with all its parts.
    Received {
        /// Who sent it.
        from: String,
        /// For which number of ours.
        to: String,
        /// The trunk.
        trunk: String,
        /// What its sender asks for by it, where it is one of the words for that.
        keyword: Option<Keyword>,
    },
    /// Nothing follows any more.
    Ended {
        /// How.
        state: MessageState,
        /// Why, in words, where that says more than the state.
        reason: Option<String>,
    },
}

/// What a message is in no state for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message that is {state} cannot be {what}")]
pub struct WrongState {
    /// Where it stands.
    pub state: MessageState,
    /// What was wanted.
    pub what: &'static str,
}

impl Message {
    /// So long after the time of a message its receipt is waited for: the network finds at the same moment as we that
    /// it is over, and has to say so.
    pub const RECEIPTS_LATE: SignedDuration = SignedDuration::from_secs(10);

    /// A new message that waits for its time.
    #[must_use]
    pub fn new(id: MessageId, account: AccountId, plan: MessagePlan, composed: &Composed, now: Timestamp) -> Self {
        Self {
            id,
            account,
            direction: Direction::Outgoing,
            state: waiting(&plan, now),
            plan,
            encoding: composed.encoding,
            parts: composed.parts.len(),
            submissions: Vec::new(),
            trunk: None,
            refused_by: Vec::new(),
            tries: 0,
            failures: 0,
            sent_again: 0,
            events: 0,
            created_at: now,
            updated_at: now,
            sent_at: None,
            delivered_at: None,
            ended_at: None,
            reason: None,
            refusal: None,
        }
    }

    /// A message that came in over this trunk, with all its parts.
    #[must_use]
    pub fn received(
        id: MessageId,
        account: AccountId,
        plan: MessagePlan,
        composed: &Composed,
        trunk: String,
        now: Timestamp,
    ) -> Self {
        Self {
            direction: Direction::Incoming,
            state: MessageState::Received,
            trunk: Some(trunk),
            ended_at: Some(now),
            ..Self::new(id, account, plan, composed, now)
        }
    }

    /// Writes down that something happened to this message.
    pub fn record(&mut self, id: EventId, event: MessageEvent, now: Timestamp) -> Event {
        self.events += 1;
        Event {
            id,
            account: self.account,
            subject: Subject::Message(self.id),
            sequence: self.events,
            at: now,
            kind: EventKind::Message { event },
        }
    }

    /// Writes down that its time has come and it cannot leave yet.
    ///
    /// # Errors
    ///
    /// [`WrongState`] when it does not wait.
    pub fn hold(&mut self, because: String, now: Timestamp) -> Result<MessageEvent, WrongState> {
        self.must_wait("held")?;
        self.state = MessageState::Queued;
        self.updated_at = now;
        Ok(MessageEvent::Queued { because })
    }

    /// Decides whether its hours allow it to be sent now. When they do not, it waits for their next opening, or ends
    /// where they do not open in its time.
    pub fn put_off(&mut self, now: Timestamp) -> Option<MessageEvent> {
        let because = format!("outside the hours of {}", self.plan.to);
        match self.plan.opening(now) {
            Some(opening) if opening <= now => None,
            Some(opening) => {
                self.plan.due = opening;
                self.state = MessageState::Scheduled;
                self.updated_at = now;
                Some(MessageEvent::Queued {
                    because: format!("{because}, which open at {opening}"),
                })
            }
            None => Some(self.end_unsent(MessageState::Expired, Some(because), now)),
        }
    }

    /// Takes it back.
    ///
    /// # Errors
    ///
    /// [`WrongState`] once any of it may have left.
    pub fn cancel(&mut self, now: Timestamp) -> Result<MessageEvent, WrongState> {
        self.must_wait("canceled")?;
        if !self.have().is_empty() || self.perhaps_left() {
            return Err(WrongState {
                state: MessageState::Sending,
                what: "canceled",
            });
        }
        Ok(self.end(MessageState::Canceled, None, now))
    }

    /// Refuses it before it is sent: no way there, or a rule of ours. Where the network has some of its parts, it has
    /// failed, because the rest is not sent; where it may have them, it is unknown.
    ///
    /// # Errors
    ///
    /// [`WrongState`] when it does not wait.
    pub fn refuse(&mut self, code: RefusalCode, reason: String, now: Timestamp) -> Result<MessageEvent, WrongState> {
        self.must_wait("refused")?;
        self.refusal = Some(code);
        let state = match self.have().is_empty() {
            true => MessageState::Refused,
            false => MessageState::Failed,
        };
        Ok(self.end_unsent(state, Some(reason), now))
    }

    /// Ends it when its time is over: one that waits has expired, unless it may have left before; of one that the network has nobody said what
    /// became of it.
    pub fn overdue(&mut self, now: Timestamp) -> Option<MessageEvent> {
        if self.waits() && self.plan.expires <= now {
            let reason = self.reason.take();
            return Some(self.end_unsent(MessageState::Expired, reason, now));
        }
        if self.state == MessageState::Submitted && self.deadline() <= now {
            let reason = "no receipt came".to_owned();
            return Some(self.end(MessageState::Unknown, Some(reason), now));
        }
        None
    }

    /// When nothing more is to be expected.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        // Beyond the calendar there is no deadline to miss.
        self.plan
            .expires
            .checked_add(Self::RECEIPTS_LATE)
            .unwrap_or(Timestamp::MAX)
    }

    fn must_wait(&self, what: &'static str) -> Result<(), WrongState> {
        let state = self.state;
        self.waits().then_some(()).ok_or(WrongState { state, what })
    }

    /// Whether it waits to be sent, for the first time or again.
    fn waits(&self) -> bool {
        matches!(self.state, MessageState::Scheduled | MessageState::Queued)
    }

    /// Whether the network may have some of it from a try of which nobody knows the end.
    fn perhaps_left(&self) -> bool {
        self.submissions.iter().any(|submission| submission.perhaps)
    }

    /// Ends it as not sent, unless it may have been sent by an earlier try: then nobody knows.
    fn end_unsent(&mut self, state: MessageState, reason: Option<String>, now: Timestamp) -> MessageEvent {
        if !self.perhaps_left() {
            return self.end(state, reason, now);
        }
        let before = "it may have been sent by a try before";
        let reason = reason.map_or_else(|| before.to_owned(), |reason| format!("{before}; {reason}"));
        self.end(MessageState::Unknown, Some(reason), now)
    }

    fn end(&mut self, state: MessageState, reason: Option<String>, now: Timestamp) -> MessageEvent {
        self.state = state;
        self.reason.clone_from(&reason);
        self.updated_at = now;
        self.ended_at = Some(now);
        MessageEvent::Ended { state, reason }
    }
}

fn waiting(plan: &MessagePlan, now: Timestamp) -> MessageState {
    if plan.due > now {
        MessageState::Scheduled
    } else {
        MessageState::Queued
    }
}
