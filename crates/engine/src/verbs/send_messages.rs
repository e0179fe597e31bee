//! Takes a request to send a text to one receiver or to many: checks it, saves it, and wakes the scheduler.

mod checked;
mod sender;
mod unique;

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{
    Hours, Message, MessageEvent, MessageId, MessagePlan, Priority,
    message::{OnUnknown, RefusalCode},
};
use outdial_flow::Problem;

use self::{
    checked::Checked,
    unique::{duplicates_are_known, mark},
};
use super::{Actor, Once, WebhookOfCall};
use crate::{
    Engine, fault,
    ports::{MessageBatch, MessageChange, SavedMessage, StoreError, Which},
    texting::{event, save_new},
};

/// The most receivers of one request: all of them are saved in one transaction, which others wait for.
pub const MOST_RECEIVERS: usize = 1_000;

/// How long a message is good for when the request does not say.
pub const USUAL_VALIDITY: Duration = Duration::from_secs(24 * 3600);

/// The longest that it may be good for.
pub const LONGEST_VALIDITY: Duration = Duration::from_secs(7 * 24 * 3600);

/// The longest time within which the same text is not sent twice.
pub const LONGEST_UNIQUE: Duration = Duration::from_secs(7 * 24 * 3600);

/// A request to send texts.
#[derive(Debug, Clone)]
pub struct SendMessages {
    /// To whom, and what each is told.
    pub receivers: Vec<Receiver>,
    /// Who sends them: a number or a name; the trunk's own where none is given.
    pub from: Option<String>,
    /// The name of the only trunk to use.
    pub via: Option<String>,
    /// Not before this time; now when none is given, or when it is just past.
    pub due: Option<Timestamp>,
    /// For how long from then on they may be delivered.
    pub validity: Option<Duration>,
    /// Only within these hours; each is due then when they open for its receiver.
    pub hours: Option<Hours>,
    /// How urgent they are.
    pub priority: Priority,
    /// Whether plain characters may stand for typographic ones where that saves parts.
    pub smart: bool,
    /// What is done when nobody knows whether one was sent.
    pub on_unknown: OnUnknown,
    /// How often one is sent again at most because of that, where that is what is done: 1 to
    /// [`MessagePlan::MOST_UNKNOWN_RETRIES`].
    pub unknown_retries: u16,
    /// Within this time the same text is not sent to the same receiver by the same sender again.
    pub unique_within: Option<Duration>,
    /// Free text, echoed everywhere.
    pub tag: Option<String>,
    /// Who is told of what happens to them, besides the account's webhooks.
    pub webhook: Option<WebhookOfCall>,
}

/// One receiver of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Their number, as it was given.
    pub to: String,
    /// What they are told.
    pub body: String,
    /// The sender's own name for the message.
    pub reference: Option<String>,
    /// What whoever asks has found wrong with it, as a value that its body lacks. Then it is refused in its place.
    pub flaws: Vec<Problem>,
}

impl SendMessages {
    /// A request that says nothing but to whom and what.
    #[must_use]
    pub fn new(receivers: Vec<Receiver>) -> Self {
        Self {
            receivers,
            from: None,
            via: None,
            due: None,
            validity: None,
            hours: None,
            priority: Priority::default(),
            smart: false,
            on_unknown: OnUnknown::default(),
            unknown_retries: MessagePlan::once_more(),
            unique_within: None,
            tag: None,
            webhook: None,
        }
    }

    /// The same to one receiver.
    #[must_use]
    pub fn to(number: impl Into<String>, body: impl Into<String>) -> Self {
        Self::new(vec![Receiver {
            to: number.into(),
            body: body.into(),
            reference: None,
            flaws: Vec::new(),
        }])
    }
}

/// What became of one receiver of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentTo {
    /// The message is on disk. It may be refused already, to one who wants no texts.
    Taken(Box<Message>),
    /// The same text was taken before, as this message.
    Duplicate(MessageId),
    /// Nothing was saved, because of this.
    Refused(Vec<Problem>),
}

/// Why a request was not taken at all. Nothing was saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendMessagesError {
    /// Some fields are not acceptable; all of them are listed.
    #[error("some fields of the request cannot be accepted")]
    Invalid(Vec<Problem>),
    /// The sender is not one of the account's numbers.
    #[error(
        "the sender {0} is not a number of this account: add it as a `[[number]]`, or use a key with the scope `any_caller_id`"
    )]
    ForeignSender(String),
    /// The engine is stopping.
    #[error("the server is stopping: try again when it has started")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a request to send texts. When this returns, those that were taken are on disk. What is wrong with one
/// receiver holds up no other; they are answered in their order.
///
/// A request that may come again gives `once`, by which its answer is saved with the messages.
///
/// # Errors
///
/// [`SendMessagesError`] says why nothing was taken; [`StoreError::Repeated`] in it says that it was taken before.
pub async fn send_messages(
    engine: &Engine,
    actor: &Actor,
    request: SendMessages,
    once: Option<Once<Vec<SentTo>>>,
) -> Result<Vec<SentTo>, SendMessagesError> {
    if engine.inner().stopping.is_cancelled() {
        return Err(SendMessagesError::Stopping);
    }
    let now = engine.ids.now();
    let common = Checked::new(engine, actor, &request, now)?;
    let mut sent: Vec<SentTo> = Vec::with_capacity(request.receivers.len());
    for receiver in request.receivers {
        sent.push(common.message(engine, actor, receiver, now));
    }
    refuse_who_wants_none(engine, actor, &mut sent, now).await?;
    save(engine, actor, &common, sent, once, now).await
}

/// Saves what was taken. Where a text turns out to have been sent before, the rest is saved without it.
async fn save(
    engine: &Engine,
    actor: &Actor,
    common: &Checked,
    mut sent: Vec<SentTo>,
    once: Option<Once<Vec<SentTo>>>,
    now: Timestamp,
) -> Result<Vec<SentTo>, SendMessagesError> {
    loop {
        if let Some(unique) = common.unique_within {
            duplicates_are_known(engine, actor, &mut sent, unique, now).await?;
        }
        let mut shown = sent.clone();
        let made = shown.iter_mut().filter_map(|one| match one {
            SentTo::Taken(message) => Some(created(engine, actor, message, common, now)),
            SentTo::Duplicate(_) | SentTo::Refused(_) => None,
        });
        let changes: Vec<MessageChange> = made.collect();
        let answer = once.as_ref().map(|once| once(&shown));
        let many = changes.len() as u64;
        if many == 0 && answer.is_none() {
            return Ok(shown);
        }
        fault::point("before_create");
        let saved = save_new(engine, MessageBatch { changes, answer }).await?;
        fault::point("after_create");
        // When somebody sent the same in this very moment, nothing was saved, and now it is known.
        if !saved.contains(&SavedMessage::Repeated) {
            metrics::counter!("outdial_messages_created_total", "face" => actor.face).increment(many);
            return Ok(shown);
        }
    }
}

/// The change that makes a message, with its first events. One that is over already has no job.
fn created(engine: &Engine, actor: &Actor, message: &mut Message, common: &Checked, now: Timestamp) -> MessageChange {
    let plan = &message.plan;
    let mut events = vec![MessageEvent::Created {
        to: plan.to.to_string(),
        from: plan.from.clone(),
        due: plan.due,
        face: actor.face.to_owned(),
    }];
    if message.state.is_final() {
        events.push(MessageEvent::Ended {
            state: message.state,
            reason: message.reason.clone(),
        });
    }
    let events = events.into_iter().map(|happened| event(engine, message, happened));
    let events = events.collect();
    let mark = common.unique_within.map(|unique| mark(message, unique, now));
    MessageChange {
        mark: mark.filter(|_| !message.state.is_final()),
        ..MessageChange::new(message.clone(), events)
    }
}

/// Ends the messages to those who want none before they begin.
async fn refuse_who_wants_none(
    engine: &Engine,
    actor: &Actor,
    sent: &mut [SentTo],
    now: Timestamp,
) -> Result<(), StoreError> {
    let taken = sent.iter().filter_map(|one| match one {
        SentTo::Taken(message) => Some(message.plan.to.to_string()),
        SentTo::Duplicate(_) | SentTo::Refused(_) => None,
    });
    let numbers: Vec<String> = taken.collect();
    if numbers.is_empty() {
        return Ok(());
    }
    let left_alone = engine.store.left_alone(actor.account, Which::Of(numbers)).await?;
    if left_alone.is_empty() {
        return Ok(());
    }
    for one in sent {
        let SentTo::Taken(message) = one else { continue };
        let number = message.plan.to.to_string();
        if let Some(entry) = left_alone.iter().find(|entry| entry.number == number) {
            let reason = format!("the receiver wants no texts: {}", entry.because);
            // A new message waits, so it can be refused.
            let _ = message.refuse(RefusalCode::DoNotDisturb, reason, now);
        }
    }
    Ok(())
}
