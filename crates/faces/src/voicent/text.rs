//! Texts (`sms=1`): sent in the place of a call, and asked for by the same forms.
//!
//! A message has no record of this face as a call has: its name here stands in its reference.

use jiff::{Timestamp, tz::TimeZone};
use outdial_domain::{Message, MessageState};
use outdial_engine::{
    ports::MessageFilter,
    verbs::{self, MessageError, Receiver, SendMessages, SendMessagesError, SentTo},
};
use outdial_voicent::{Attempt, CallRequest, ReqId, Word};

use super::{
    Gateway, Refusal,
    call::{failed, foreign_number, in_minutes, last, stopping, told},
    kept::on_the_wall,
};
use crate::tag::shortened;

/// What a reference begins with that is a name of this face.
const MAKER: &str = "voicent ";

/// Sends a text, and gives the name that it is asked for by, and when it is due.
pub(super) async fn send(gateway: &Gateway, asked: &CallRequest, body: &str) -> Result<(ReqId, Timestamp), Refusal> {
    let now = gateway.engine.ids.now();
    let name = gateway.names.next(now);
    let due = in_minutes(now, asked.call_time.unwrap_or(0));
    let request = SendMessages {
        from: asked.caller_id.clone(),
        due: asked.call_time.map(|_| due),
        validity: last(asked, now).duration_since(due).try_into().ok(),
        tag: shortened(&asked.info),
        ..SendMessages::new(vec![Receiver {
            to: asked.phone.clone(),
            body: body.to_owned(),
            reference: Some(format!("{MAKER}{name}")),
            flaws: Vec::new(),
        }])
    };
    let sent = verbs::send_messages(&gateway.engine, &gateway.actor, request, None).await;
    match sent.map_err(refusal)?.pop() {
        Some(SentTo::Taken(message)) => Ok((name, message.plan.due)),
        Some(SentTo::Refused(problems)) => Err(told(&problems)),
        _ => Err(Refusal::told("phoneno: there is no receiver")),
    }
}

/// The text that is called so.
pub(super) async fn find(gateway: &Gateway, name: &ReqId) -> Result<Option<Message>, Refusal> {
    let filter = MessageFilter {
        reference: Some(format!("{MAKER}{name}")),
        most: 1,
        ..MessageFilter::default()
    };
    let found = verbs::list_messages(&gateway.engine, &gateway.actor, filter).await;
    let found = found.map_err(|error| failed(&error))?.items.pop();
    // One that was taken back has no record any more.
    Ok(found.filter(|message| message.state != MessageState::Canceled))
}

/// Takes a text back, unless it has been sent: then it goes its way, and so does its record.
pub(super) async fn remove(gateway: &Gateway, message: &Message) -> Result<(), Refusal> {
    match verbs::cancel_message(&gateway.engine, &gateway.actor, message.id).await {
        Ok(_) | Err(MessageError::NotFound) => Ok(()),
        Err(MessageError::Store(error)) => Err(failed(&error)),
    }
}

/// What became of a text. One that the network has is as good as sent: not every network tells more.
pub(super) fn attempts(message: &Message, zone: &TimeZone) -> Vec<Attempt> {
    let (word, why) = match message.state {
        MessageState::Scheduled | MessageState::Queued | MessageState::Sending | MessageState::Canceled => {
            return Vec::new();
        }
        MessageState::Submitted | MessageState::Sent | MessageState::Received => (Word::Made, "Message sent"),
        MessageState::Delivered => (Word::Made, "Message delivered"),
        MessageState::Expired => (Word::Failed, "Too late to send"),
        MessageState::Unknown => (Word::Failed, "Message may not have been sent"),
        MessageState::Undelivered | MessageState::Failed | MessageState::Rejected | MessageState::Refused => {
            (Word::Failed, "Message did not go through")
        }
    };
    let at = message.sent_at.or(message.ended_at).unwrap_or(message.created_at);
    vec![Attempt::new(
        word,
        on_the_wall(at, zone),
        on_the_wall(message.plan.due, zone),
        why,
    )]
}

fn refusal(error: SendMessagesError) -> Refusal {
    match error {
        SendMessagesError::Invalid(problems) => told(&problems),
        SendMessagesError::ForeignSender(_) => foreign_number(),
        SendMessagesError::Stopping => stopping(),
        SendMessagesError::Store(error) => failed(&error),
    }
}
