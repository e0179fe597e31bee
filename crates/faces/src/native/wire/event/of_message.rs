//! What happened to messages.

use outdial_domain::{MessageEvent, message::Keyword};

use super::EventData;
use crate::native::wire::{MessageStateWord, SubmissionStateWord, Time};

impl From<MessageEvent> for EventData {
    fn from(event: MessageEvent) -> Self {
        match event {
            MessageEvent::Created { to, from, due, face } => Self::MessageCreated {
                to,
                from,
                due: Time(due),
                face,
            },
            MessageEvent::Queued { because } => Self::MessageQueued { because },
            MessageEvent::Sending {
                trunk,
                attempt,
                passed_over,
            } => Self::MessageSending {
                trunk,
                attempt,
                passed_over,
            },
            MessageEvent::Submitted { ids } => Self::MessageSubmitted { ids },
            MessageEvent::RetryScheduled { at, because } => Self::MessageRetryScheduled { at: Time(at), because },
            MessageEvent::Reported {
                submission,
                state,
                error,
            } => Self::MessageReported {
                part: submission,
                state: SubmissionStateWord(state),
                error,
            },
            MessageEvent::Received {
                from,
                to,
                trunk,
                keyword,
            } => Self::MessageReceived {
                from,
                to,
                trunk,
                keyword: keyword.map(Keyword::as_str),
            },
            MessageEvent::Ended { state, reason } => Self::MessageEnded {
                state: MessageStateWord(state),
                reason,
            },
        }
    }
}
