//! Messages, and texts as they would be sent.

use outdial_domain::{
    self as domain, masking,
    message::RefusalCode,
    text::{Composed, Concatenation},
};
use outdial_engine::{
    ports,
    verbs::{self, Canceled, Disclosure, SentTo},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    CallWebhook, DirectionWord, EncodingWord, Event, MessageStateWord, PriorityWord, SubmissionStateWord, Time,
};
use crate::native::{plan::Hours, refusal::FieldError};

/// How a text would be sent.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct MessagePreview {
    /// `gsm7` for GSM 03.38 with its extension table, `ucs2` for UTF-16.
    encoding: EncodingWord,
    /// How many parts it has, each of which is charged.
    #[schema(example = 1)]
    part_count: usize,
    /// How many units all parts take: septets, where a character of the extension table takes two, or UTF-16 units.
    #[schema(example = 10)]
    units: usize,
    /// How many more units the last part has room for.
    #[schema(example = 60)]
    room_left: usize,
    /// What would be sent, which differs from the body only in its typography.
    body: String,
    /// The parts, in order.
    parts: Vec<MessagePart>,
}

/// A part of a text.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct MessagePart {
    /// What it says.
    body: String,
    /// How many units it takes.
    units: usize,
}

impl MessagePreview {
    pub(in crate::native) fn new(composed: Composed, concatenation: Concatenation) -> Self {
        Self {
            encoding: EncodingWord(composed.encoding),
            part_count: composed.parts.len(),
            units: composed.units(),
            room_left: composed.room_left(concatenation),
            body: composed.text(),
            parts: composed
                .parts
                .into_iter()
                .map(|part| MessagePart {
                    body: part.text,
                    units: part.units,
                })
                .collect(),
        }
    }
}

/// One text to one receiver, or one that came in.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Message {
    /// Names it.
    #[schema(example = "msg_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    direction: DirectionWord,
    state: MessageStateWord,
    /// Why it stands where it stands, in words, where that says more than the state.
    #[schema(required = true)]
    reason: Option<String>,
    /// What it was refused for: `failed-dnd` when the receiver wants no texts, `no_route` when there is no way there.
    #[schema(required = true)]
    refusal: Option<&'static str>,
    /// Who shall have it, as understood.
    #[schema(example = "+6598765432")]
    to: String,
    /// Who shall have it, as it was given.
    to_given: String,
    /// Who sends it: a number or a name; `null` for the trunk's own.
    #[schema(required = true)]
    from: Option<String>,
    /// What it says.
    body: String,
    encoding: EncodingWord,
    /// How many parts it has over the air, which is what is charged.
    part_count: usize,
    /// What became of each submission, once it was tried.
    submissions: Vec<Submission>,
    /// What it cost; `null` until there are rates.
    #[schema(required = true)]
    price: Option<String>,
    priority: PriorityWord,
    /// The only trunk to use.
    #[schema(required = true)]
    via: Option<String>,
    /// The trunk of the newest try, or the one that it came in by.
    #[schema(required = true)]
    trunk: Option<String>,
    /// How often it was tried.
    tries: u16,
    /// Not to be sent before this time.
    due: Time,
    /// Neither to be sent nor to be delivered at this time or later.
    expires: Time,
    /// When it may be sent; `null` for always.
    #[schema(required = true)]
    hours: Option<Hours>,
    /// Free text of the sender.
    #[schema(required = true)]
    tag: Option<String>,
    /// What the request called it.
    #[schema(required = true)]
    reference: Option<String>,
    /// Who is told of it, besides the account's webhooks.
    #[schema(required = true)]
    webhook: Option<CallWebhook>,
    /// Grows with everything that happens to it.
    version: u32,
    created_at: Time,
    updated_at: Time,
    /// When the network had all of it.
    #[schema(required = true)]
    sent_at: Option<Time>,
    /// When the phone had all of it.
    #[schema(required = true)]
    delivered_at: Option<Time>,
    /// When nothing followed any more.
    #[schema(required = true)]
    ended_at: Option<Time>,
}

/// What is submitted at one time: a part, or the text as a whole.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Submission {
    state: SubmissionStateWord,
    /// The network's name for it.
    #[schema(required = true)]
    id: Option<String>,
    /// What the network gave as the reason, where it did.
    #[schema(required = true)]
    error: Option<String>,
}

/// Some messages, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct MessageList {
    pub(in crate::native) messages: Vec<Message>,
    /// Give it as `cursor` for those after them; `null` at the end.
    #[schema(required = true)]
    pub(in crate::native) next: Option<String>,
}

impl From<domain::Message> for Message {
    fn from(message: domain::Message) -> Self {
        let plan = message.plan;
        Self {
            id: message.id.to_string(),
            direction: DirectionWord(message.direction),
            state: MessageStateWord(message.state),
            reason: message.reason,
            refusal: message.refusal.map(RefusalCode::as_str),
            to: plan.to.to_string(),
            to_given: plan.to.given().to_owned(),
            from: plan.from,
            body: plan.body,
            encoding: EncodingWord(message.encoding),
            part_count: message.parts,
            submissions: message.submissions.into_iter().map(Submission::from).collect(),
            price: None,
            priority: PriorityWord(plan.priority),
            via: plan.via,
            trunk: message.trunk,
            tries: message.tries,
            due: Time(plan.due),
            expires: Time(plan.expires),
            hours: plan.hours.map(Hours::from),
            tag: plan.tag,
            reference: plan.reference,
            webhook: plan.webhook.and_then(CallWebhook::of),
            version: message.events,
            created_at: Time(message.created_at),
            updated_at: Time(message.updated_at),
            sent_at: message.sent_at.map(Time),
            delivered_at: message.delivered_at.map(Time),
            ended_at: message.ended_at.map(Time),
        }
    }
}

impl From<domain::message::Submission> for Submission {
    fn from(submission: domain::message::Submission) -> Self {
        Self {
            state: SubmissionStateWord(submission.state),
            id: submission.id,
            error: submission.error,
        }
    }
}

impl Message {
    /// The same for somebody who is not to see people: neither their numbers nor what is said to them.
    pub(in crate::native) fn masked(mut self, known: &[&str]) -> Self {
        self.body = masking::text(&self.body);
        for number in [&mut self.to, &mut self.to_given].into_iter().chain(&mut self.from) {
            *number = masking::address(number);
        }
        if let Some(words) = &mut self.reason {
            *words = masking::sentence(words, known);
        }
        self
    }

    /// Who is spoken of, as they are written in sentences.
    pub(in crate::native) fn people(&self) -> Vec<String> {
        let all = [&self.to, &self.to_given].into_iter().chain(&self.from);
        all.cloned().collect()
    }
}

/// All that is known about a message.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct MessageStory {
    message: Message,
    /// What happened, in order.
    events: Vec<Event>,
    /// Whether numbers and names are shown whole.
    unmasked: bool,
}

impl MessageStory {
    pub(in crate::native) fn new(story: verbs::MessageStory, disclosure: Disclosure) -> Self {
        let message = Message::from(story.message);
        let events = story.events.into_iter().map(Event::from);
        match disclosure {
            Disclosure::Whole => Self {
                message,
                events: events.collect(),
                unmasked: true,
            },
            Disclosure::Masked => {
                let people = message.people();
                let known: Vec<&str> = people.iter().map(String::as_str).collect();
                Self {
                    events: events.map(|event| event.masked(&known)).collect(),
                    message: message.masked(&known),
                    unmasked: false,
                }
            }
        }
    }
}

/// What became of the receivers of a request, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct SentList {
    /// How many messages were made.
    taken: usize,
    results: Vec<SentResult>,
}

/// What became of one receiver of a request: a message, one that had been sent before, or what is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct SentResult {
    /// The message that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<SentMessage>,
    /// The id of the message by which the same was sent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    duplicate_of: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

/// A message that was made, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct SentMessage {
    #[schema(example = "msg_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// Who shall have it, as understood.
    to: String,
    state: MessageStateWord,
    encoding: EncodingWord,
    /// How many parts it has, each of which is charged.
    part_count: usize,
    /// What it was refused for: `failed-dnd` when the receiver wants no texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refusal: Option<&'static str>,
    /// What the request called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reference: Option<String>,
}

impl SentList {
    pub(in crate::native) fn new(sent: &[SentTo]) -> Self {
        Self {
            taken: sent.iter().filter(|one| matches!(one, SentTo::Taken(_))).count(),
            results: sent.iter().map(SentResult::from).collect(),
        }
    }
}

impl From<&SentTo> for SentResult {
    fn from(sent: &SentTo) -> Self {
        let mut result = Self {
            message: None,
            duplicate_of: None,
            errors: Vec::new(),
        };
        match sent {
            SentTo::Taken(message) => {
                result.message = Some(SentMessage {
                    id: message.id.to_string(),
                    to: message.plan.to.to_string(),
                    state: MessageStateWord(message.state),
                    encoding: EncodingWord(message.encoding),
                    part_count: message.parts,
                    refusal: message.refusal.map(RefusalCode::as_str),
                    reference: message.plan.reference.clone(),
                });
            }
            SentTo::Duplicate(id) => result.duplicate_of = Some(id.to_string()),
            SentTo::Refused(problems) => result.errors = problems.iter().cloned().map(FieldError::from).collect(),
        }
        result
    }
}

/// What became of a wish to take a message back.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct CanceledMessage {
    /// `prevented`: it is not sent; `too_late`: some of it may have left, or it is over.
    result: &'static str,
    message: Message,
}

impl From<Canceled> for CanceledMessage {
    fn from(canceled: Canceled) -> Self {
        let (result, message) = match canceled {
            Canceled::Prevented(message) => ("prevented", message),
            Canceled::TooLate(message) => ("too_late", message),
        };
        Self {
            result,
            message: (*message).into(),
        }
    }
}

/// Somebody who wants no texts of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct LeftAlone {
    #[schema(example = "+6598765432")]
    number: String,
    since: Time,
    /// How it came to be known.
    because: String,
}

impl From<ports::LeftAlone> for LeftAlone {
    fn from(entry: ports::LeftAlone) -> Self {
        Self {
            number: entry.number,
            since: Time(entry.since),
            because: entry.because,
        }
    }
}

/// Some of those who want no texts, by number.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct LeftAloneList {
    pub(in crate::native) entries: Vec<LeftAlone>,
    /// Give it as `cursor` for those after them; `null` at the end.
    #[schema(required = true)]
    pub(in crate::native) next: Option<String>,
}

/// What became of a change of the list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct ChangedList {
    /// How many of the numbers it changed something for.
    pub(in crate::native) changed: usize,
}
