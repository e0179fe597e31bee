//! Takes a request to send a text to one receiver or to many: checks it, saves it, and wakes the scheduler.

use std::{collections::HashMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use outdial_domain::{
    Address, CallWebhook, Message, MessageEvent, MessageId, MessagePlan, NumberUse, Plan, Priority, Scope,
    message::{OnUnknown, RefusalCode},
};
use outdial_flow::Problem;

use super::{Actor, Once, WebhookOfCall, preview_message, webhooks};
use crate::{
    Engine, fault,
    ports::{FirstAnswer, MessageBatch, MessageChange, SavedMessage, StoreError, Which},
    routing::NoRoute,
    texting::{event, route, save_new},
    verbs::hash_request,
};

/// The most receivers of one request: all of them are saved in one transaction, which others wait for.
pub const MOST_RECEIVERS: usize = 1_000;

/// How long a message is good for when the request does not say.
pub const USUAL_VALIDITY: Duration = Duration::from_secs(24 * 3600);

/// The longest that it may be good for.
pub const LONGEST_VALIDITY: Duration = Duration::from_secs(7 * 24 * 3600);

/// The longest time within which the same text is not sent twice.
pub const LONGEST_UNIQUE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The most bytes of a sender: the air carries 11 characters, or 20 digits.
const LONGEST_SENDER: usize = 21;

/// How far in the future a message may lie.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 366);

/// How late a request may come for its time and still be meant.
const LATEST: SignedDuration = SignedDuration::from_hours(1);

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
    /// How urgent they are.
    pub priority: Priority,
    /// Whether plain characters may stand for typographic ones where that saves parts.
    pub smart: bool,
    /// What is done when nobody knows whether one was sent.
    pub on_unknown: OnUnknown,
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
            priority: Priority::default(),
            smart: false,
            on_unknown: OnUnknown::default(),
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
    let common = Common::check(engine, actor, &request, now)?;
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
    common: &Common,
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
fn created(engine: &Engine, actor: &Actor, message: &mut Message, common: &Common, now: Timestamp) -> MessageChange {
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

/// What is kept so that the same text is not sent to the same receiver by the same sender again.
fn mark(message: &Message, unique: Duration, now: Timestamp) -> FirstAnswer {
    FirstAnswer {
        account: message.account,
        key: fingerprint(message),
        request: [0; 32],
        answer: message.id.to_string().into_bytes(),
        made_at: now,
        kept_until: now.saturating_add(unique).unwrap_or(Timestamp::MAX),
    }
}

fn fingerprint(message: &Message) -> [u8; 32] {
    let plan = &message.plan;
    let from = plan.from.as_deref().unwrap_or_default();
    let to = plan.to.to_string();
    hash_request(&[b"the same text", from.as_bytes(), to.as_bytes(), plan.body.as_bytes()])
}

/// Finds those that were sent before, or stand in the request twice.
async fn duplicates_are_known(
    engine: &Engine,
    actor: &Actor,
    sent: &mut [SentTo],
    unique: Duration,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut here: HashMap<[u8; 32], MessageId> = HashMap::new();
    for one in sent.iter_mut() {
        let SentTo::Taken(message) = one else { continue };
        let key = mark(message, unique, now).key;
        let earlier = match here.get(&key) {
            Some(id) => Some(*id),
            None => {
                let kept = engine.store.first_answer(actor.account, key, now).await?;
                kept.and_then(|kept| std::str::from_utf8(&kept.answer).ok()?.parse().ok())
            }
        };
        match earlier {
            Some(id) => *one = SentTo::Duplicate(id),
            None => drop(here.insert(key, message.id)),
        }
    }
    Ok(())
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

/// What all messages of a request have in common.
struct Common {
    from: Option<String>,
    via: Option<String>,
    due: Timestamp,
    expires: Timestamp,
    priority: Priority,
    smart: bool,
    on_unknown: OnUnknown,
    unique_within: Option<Duration>,
    tag: Option<String>,
    webhook: Option<CallWebhook>,
}

impl Common {
    fn check(
        engine: &Engine,
        actor: &Actor,
        request: &SendMessages,
        now: Timestamp,
    ) -> Result<Self, SendMessagesError> {
        let mut problems = Vec::new();
        let mut wrong = |field: &str, code, message: String| problems.push(problem(field, code, message));
        if !(1..=MOST_RECEIVERS).contains(&request.receivers.len()) {
            wrong("to", "out_of_range", format!("give 1 to {MOST_RECEIVERS} receivers"));
        }
        if request.due.is_some_and(|due| now.duration_since(due) > LATEST) {
            wrong(
                "at",
                "out_of_range",
                "give a time to come, or none to send now".to_owned(),
            );
        }
        let due = request.due.unwrap_or(now).max(now);
        if due.duration_since(now) > FURTHEST {
            wrong("at", "out_of_range", "give a time within the next 366 days".to_owned());
        }
        let validity = request.validity.unwrap_or(USUAL_VALIDITY);
        for (field, length, longest) in [
            ("validity", Some(validity), LONGEST_VALIDITY),
            ("unique_within", request.unique_within, LONGEST_UNIQUE),
        ] {
            if length.is_some_and(|length| length.is_zero() || length > longest) {
                let message = format!("give more than 0 and at most {} s", longest.as_secs());
                wrong(field, "out_of_range", message);
            }
        }
        if request.tag.as_ref().is_some_and(|tag| tag.len() > Plan::LONGEST_TAG) {
            wrong("tag", "too_long", format!("give at most {} bytes", Plan::LONGEST_TAG));
        }
        let from = request.from.as_deref().map(str::trim).filter(|from| !from.is_empty());
        if from.is_some_and(|from| from.len() > LONGEST_SENDER || from.chars().any(char::is_control)) {
            let message = format!("give a number, or a name of at most 11 characters: {LONGEST_SENDER} bytes at most");
            wrong("from", "invalid", message);
        }
        let webhook = request.webhook.clone().and_then(|given| {
            webhooks::of_call(&engine.settings.outgoing, actor.account, given)
                .map_err(|refused| wrong("webhook.url", "invalid", refused.to_string()))
                .ok()
        });
        if !problems.is_empty() {
            return Err(SendMessagesError::Invalid(problems));
        }
        let from = from.map(|from| may_send_as(engine, actor, from)).transpose()?;
        Ok(Self {
            from,
            via: request.via.clone(),
            due,
            expires: due.saturating_add(validity).unwrap_or(Timestamp::MAX),
            priority: request.priority,
            smart: request.smart,
            on_unknown: request.on_unknown,
            unique_within: request.unique_within,
            tag: request.tag.clone(),
            webhook,
        })
    }

    /// The message to one receiver, or what is wrong with it.
    fn message(&self, engine: &Engine, actor: &Actor, receiver: Receiver, now: Timestamp) -> SentTo {
        let to = match Address::parse(&receiver.to) {
            Ok(to) => to,
            Err(error) => return SentTo::Refused(vec![problem("to", "invalid", error.to_string())]),
        };
        if to.number().is_none() {
            let message = "a text goes to a number, not to a SIP URI".to_owned();
            return SentTo::Refused(vec![problem("to", "invalid", message)]);
        }
        let reference = receiver.reference.as_ref();
        if reference.is_some_and(|reference| reference.len() > Plan::LONGEST_REFERENCE) {
            let message = format!("give at most {} bytes", Plan::LONGEST_REFERENCE);
            return SentTo::Refused(vec![problem("reference", "too_long", message)]);
        }
        let mut plan = MessagePlan {
            to,
            from: self.from.clone(),
            body: receiver.body,
            priority: self.priority,
            via: self.via.clone(),
            due: self.due,
            expires: self.expires,
            on_unknown: self.on_unknown,
            tag: self.tag.clone(),
            reference: receiver.reference,
            webhook: self.webhook.clone(),
        };
        let joined = match route::first_choice(&plan, &engine.settings, &engine.text_carriers) {
            Ok(joined) => joined,
            Err(error) => return SentTo::Refused(vec![no_route(&error)]),
        };
        match preview_message(&plan.body, self.smart, joined) {
            Ok(composed) => {
                plan.body = composed.text();
                let id = engine.ids.make(MessageId::new);
                SentTo::Taken(Box::new(Message::new(id, actor.account, plan, &composed, now)))
            }
            Err(error) => SentTo::Refused(vec![problem("body", "invalid", error.to_string())]),
        }
    }
}

/// The sender as the network is told it. A number must be one of the account's; names are the network's affair.
fn may_send_as(engine: &Engine, actor: &Actor, from: &str) -> Result<String, SendMessagesError> {
    if from.chars().any(char::is_alphabetic) {
        return Ok(from.to_owned());
    }
    let foreign = || SendMessagesError::ForeignSender(from.to_owned());
    let address = Address::parse(from).map_err(|_| foreign())?;
    let is_ours = engine.settings.numbers.iter().any(|number| {
        let may = number.uses.contains(&NumberUse::CallerId) || number.uses.contains(&NumberUse::ReceivesTexts);
        number.account == actor.account_name && may && number.address.destination() == address.destination()
    });
    match is_ours || actor.scopes.contains(&Scope::AnyCallerId) {
        true => address.number().ok_or_else(foreign),
        false => Err(foreign()),
    }
}

fn no_route(error: &NoRoute) -> Problem {
    let (field, code) = match error {
        NoRoute::Closed(_) => ("to", "invalid"),
        NoRoute::UnknownTrunk { .. } => ("via", "invalid"),
        NoRoute::NoTrunk(_) | NoRoute::NoSmsTrunk(_) => ("to", "invalid"),
    };
    problem(field, code, error.to_string())
}

fn problem(field: &str, code: &'static str, message: String) -> Problem {
    Problem {
        field: field.to_owned(),
        code,
        message,
    }
}
