//! The whole story of a call.

use jiff::Timestamp;
use outdial_domain::masking;
use outdial_engine::{
    ports,
    verbs::{CallStory, Disclosure},
};
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
    /// The SIP messages of each leg, known once it has ended.
    traces: Vec<Trace>,
    /// Whether numbers and names are shown whole. Secrets never are.
    unmasked: bool,
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
    /// What it travelled over: `udp`, `tcp` or `tls`.
    transport: &'static str,
    /// The far side's address.
    peer: String,
    /// The whole text, with secrets masked, and people, too, unless the story is `unmasked`. A mask is
    /// as long as what it hides.
    text: String,
}

impl Story {
    pub(in crate::native) fn new(story: CallStory, disclosure: Disclosure, now: Timestamp) -> Self {
        let whole = Self {
            call: Call::whole(story.details, now).waiting(story.queue),
            events: story.events.into_iter().map(Event::from).collect(),
            traces: story.traces.into_iter().map(Trace::from).collect(),
            unmasked: true,
        };
        match disclosure {
            Disclosure::Whole => whole,
            Disclosure::Masked => whole.masked(),
        }
    }

    fn masked(self) -> Self {
        let people = self.call.people();
        let known: Vec<&str> = people.iter().map(String::as_str).collect();
        Self {
            events: self.events.into_iter().map(|event| event.masked(&known)).collect(),
            traces: self.traces.into_iter().map(Trace::masked).collect(),
            call: self.call.masked(&known),
            unmasked: false,
        }
    }
}

impl Trace {
    fn masked(mut self) -> Self {
        for message in &mut self.messages {
            message.text = masking::message(&message.text);
        }
        self
    }
}

impl From<ports::Trace> for Trace {
    fn from(trace: ports::Trace) -> Self {
        let messages = trace.messages.into_iter().map(|message| WireMessage {
            at: Time(message.at),
            sent: message.sent,
            transport: message.transport.as_str(),
            peer: message.peer,
            text: message.text,
        });
        Self {
            leg: trace.leg.to_string(),
            messages: messages.collect(),
        }
    }
}
