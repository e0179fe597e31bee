//! The whole story of a call.

use jiff::Timestamp;
use outdial_engine::{ports, verbs::CallStory};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Call, Event, Time};

/// All that is known about a call.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Story {
    /// The call with its attempts and legs.
    call: Call,
    /// What happened, in order.
    events: Vec<Event>,
    /// The SIP messages of each leg, known once it has ended. Secrets in them are masked.
    traces: Vec<Trace>,
}

/// The messages of one leg.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Trace {
    /// The leg.
    leg: String,
    /// The messages, in order.
    messages: Vec<WireMessage>,
}

/// One message as it went over the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct WireMessage {
    at: Time,
    /// Whether we sent it.
    sent: bool,
    /// The far side's address.
    peer: String,
    /// The whole text, with secrets masked.
    text: String,
}

impl Story {
    pub(in crate::native) fn new(story: CallStory, now: Timestamp) -> Self {
        Self {
            call: Call::whole(story.details, now),
            events: story.events.into_iter().map(Event::from).collect(),
            traces: story.traces.into_iter().map(Trace::from).collect(),
        }
    }
}

impl From<ports::Trace> for Trace {
    fn from(trace: ports::Trace) -> Self {
        let messages = trace.messages.into_iter().map(|message| WireMessage {
            at: Time(message.at),
            sent: message.sent,
            peer: message.peer,
            text: message.text,
        });
        Self {
            leg: trace.leg.to_string(),
            messages: messages.collect(),
        }
    }
}
