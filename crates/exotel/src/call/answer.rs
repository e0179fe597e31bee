//! A call, as answers show it.

use crate::Fields;
use crate::document::Node;
use crate::invalid::Invalid;
use crate::record::{Record, record};
use crate::request::{Answer, part};
use crate::value::words;
use jiff::Zoned;
use rust_decimal::Decimal;

words! {
    /// How far a call is.
    open CallStatus {
        /// It waits.
        Queued = "queued",
        /// It rings.
        Ringing = "ringing",
        /// It goes on.
        InProgress = "in-progress",
        /// It was answered and is over.
        Completed = "completed",
        /// It could not be made.
        Failed = "failed",
        /// It was busy.
        Busy = "busy",
        /// Nobody answered.
        NoAnswer = "no-answer",
        /// It was withdrawn.
        Canceled = "canceled",
    }
}

impl CallStatus {
    /// Whether it will not change any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Busy | Self::NoAnswer | Self::Canceled
        )
    }
}

words! {
    /// Where a call comes from.
    open Direction {
        /// It came in.
        Inbound = "inbound",
        /// A flow dialled it.
        OutboundDial = "outbound-dial",
        /// A request made it.
        OutboundApi = "outbound-api",
    }
}

record! {
    /// A call.
    Call {
        required pub new {
            /// Its name at the service.
            sid: String ["Sid"],
        }
        nullable {
            /// The call that it belongs to.
            parent_call_sid: String ["ParentCallSid"],
            /// When it was asked for.
            date_created: Zoned ["DateCreated"],
            /// When it last changed.
            date_updated: Zoned ["DateUpdated"],
            /// The account.
            account_sid: String ["AccountSid"],
            /// The number that is rung second.
            to: String ["To"],
            /// The number that is rung first.
            from: String ["From"],
            /// The number of the account.
            phone_number_sid: String ["PhoneNumberSid"],
            /// How far it is.
            status: CallStatus ["Status"],
            /// When it began.
            start_time: Zoned ["StartTime"],
            /// When it ended.
            end_time: Zoned ["EndTime"],
            /// Seconds.
            duration: u32 ["Duration"],
            /// What it cost.
            price: Decimal ["Price"],
            /// Where it comes from.
            direction: Direction ["Direction"],
            /// `human` or `machine`, when it was looked for.
            answered_by: String ["AnsweredBy"],
            /// From where it was forwarded.
            forwarded_from: String ["ForwardedFrom"],
            /// The name of the caller.
            caller_name: String ["CallerName"],
            /// Its path at the service.
            uri: String ["Uri"],
            /// Where its recording lies.
            recording_url: String ["RecordingUrl"],
        }
    }
}

impl Call {
    /// Whether it will not end differently any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.status.as_ref().is_some_and(CallStatus::is_final)
    }

    /// Whether its price is known, too, which the service tells a few minutes after the end.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_final() && self.price.is_some()
    }
}

record! {
    /// One side of a call.
    Leg {
        required pub new {
            /// Which one, from 1.
            id: u32 ["Id"],
        }
        nullable {
            /// Seconds that it was connected.
            on_call_duration: u32 ["OnCallDuration"],
        }
    }
}

record! {
    /// What `details=true` adds, but for the legs.
    Conversation {
        nullable {
            /// Seconds that both sides talked.
            conversation_duration: u32 ["ConversationDuration"],
            /// What became of the first.
            leg1_status: CallStatus ["Leg1Status"],
            /// What became of the second.
            leg2_status: CallStatus ["Leg2Status"],
        }
    }
}

/// What `details=true` adds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Details {
    /// Of both sides together.
    pub conversation: Conversation,
    /// Each side.
    pub legs: Vec<Leg>,
}

/// The answer that shows a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallAnswer {
    /// The call.
    pub call: Call,
    /// More of it, if it was asked for.
    pub details: Option<Details>,
}

impl From<Call> for CallAnswer {
    fn from(call: Call) -> Self {
        Self { call, details: None }
    }
}

impl Answer for CallAnswer {
    fn from_node(node: &Node) -> Result<Self, Invalid> {
        let node = part(node, "Call")?;
        let details = match node.get("Details") {
            Some(details @ Node::Fields(_)) => {
                let legs = details.get("Legs").map(Node::items).unwrap_or_default();
                let legs: Result<Vec<Leg>, Invalid> = legs
                    .into_iter()
                    .map(|leg| Leg::from_fields(&Fields::from_node(leg.get("Leg").unwrap_or(leg))))
                    .collect();
                Some(Details {
                    conversation: Conversation::from_fields(&Fields::from_node(details))?,
                    legs: legs?,
                })
            }
            _ => None,
        };
        Ok(Self {
            call: Call::from_fields(&Fields::from_node(node))?,
            details,
        })
    }

    fn to_node(&self) -> Node {
        let mut parts = self.call.to_parts();
        if let Some(details) = &self.details {
            let legs = details
                .legs
                .iter()
                .map(|leg| Node::named("Leg", Node::Fields(leg.to_parts())));
            let mut inner = details.conversation.to_parts();
            inner.push(("Legs".to_owned(), Node::List("Item", legs.collect())));
            parts.push(("Details".to_owned(), Node::Fields(inner)));
        }
        Node::named("Call", Node::Fields(parts))
    }
}
