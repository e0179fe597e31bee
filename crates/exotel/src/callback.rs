//! Callbacks: what the service posts when a call or a text has come to an end.

use crate::Fields;
use crate::call::{CallEvent, CallStatus, CallbackType, Direction};
use crate::document::Node;
use crate::invalid::Invalid;
use crate::record::{Record, record};
use crate::sms::{DetailedStatus, SmsStatus};
use crate::value::words;
use jiff::Zoned;

words! {
    /// Who answered, when it was looked for.
    open AnsweredBy {
        /// It was not looked for.
        NotApplicable = "NA",
        /// Somebody.
        Human = "HUMAN",
        /// A machine.
        Machine = "MACHINE",
        /// It could be either.
        NotSure = "NotSure",
    }
}

record! {
    /// What a callback says of a call.
    CallNotice {
        required pub new {
            /// The call.
            call_sid: String ["CallSid"],
        }
        optional {
            /// What has happened; only where events were asked for, as what follows the first four.
            event_type: CallEvent ["EventType"],
            /// How far the call is.
            status: CallStatus ["Status"],
            /// Where its recording lies.
            recording_url: String ["RecordingUrl"],
            /// When it last changed.
            date_updated: Zoned ["DateUpdated"],
            /// When it was asked for.
            date_created: Zoned ["DateCreated"],
            /// The number that was rung second.
            to: String ["To"],
            /// The number that was rung first.
            from: String ["From"],
            /// The number of the account.
            phone_number_sid: String ["PhoneNumberSid"],
            /// When it began.
            start_time: Zoned ["StartTime"],
            /// When it ended.
            end_time: Zoned ["EndTime"],
            /// Seconds that both sides talked.
            conversation_duration: u32 ["ConversationDuration"],
            /// Where it comes from.
            direction: Direction ["Direction"],
            /// The text that came with the request.
            custom_field: String ["CustomField"],
        }
    }
}

record! {
    /// What a callback says of one side.
    LegNotice {
        optional {
            /// Seconds that it was connected.
            on_call_duration: u32 ["OnCallDuration"],
            /// What became of it.
            status: CallStatus ["Status"],
            /// Who answered.
            answered_by: AnsweredBy ["AnsweredBy"],
        }
    }
}

/// The callback of a call.
///
/// Whoever receives one answers 200 within 15 seconds; otherwise it comes again, twice at most.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallCallback {
    /// What it says of the call.
    pub call: CallNotice,
    /// What it says of each side, where events were asked for.
    pub legs: Vec<LegNotice>,
}

/// How many sides are read.
const MOST_LEGS: usize = 16;

impl CallCallback {
    /// Reads it in any of its encodings.
    ///
    /// # Errors
    ///
    /// When the body cannot be read, or has no `CallSid`.
    pub fn read(content_type: Option<&str>, body: &[u8]) -> Result<Self, Invalid> {
        let fields = Fields::from_request(None, content_type, body)?;
        let mut legs = Vec::new();
        for place in 0..MOST_LEGS {
            let prefixes = [format!("Legs[{place}]["), format!("Legs[{place}][Leg][")];
            let of_leg = fields.iter().filter_map(|(name, value)| {
                let rest = prefixes
                    .iter()
                    .rev()
                    .find_map(|prefix| name.strip_prefix(prefix.as_str()))?;
                Some((rest.strip_suffix(']')?, value))
            });
            let leg = Fields::from_pairs(of_leg);
            if leg.iter().next().is_none() {
                break;
            }
            legs.push(LegNotice::from_fields(&leg)?);
        }
        Ok(Self {
            call: CallNotice::from_fields(&fields)?,
            legs,
        })
    }

    /// Prints it: its `Content-Type` and its body.
    #[must_use]
    pub fn print(&self, kind: CallbackType) -> (String, Vec<u8>) {
        let mut parts = self.call.to_parts();
        if !self.legs.is_empty() {
            // Every side keeps its place, even when nothing is known of it.
            let legs = self.legs.iter().map(|leg| match leg.to_parts() {
                nothing if nothing.is_empty() => Node::named("Status", Node::Text(String::new())),
                parts => Node::Fields(parts),
            });
            parts.push(("Legs".to_owned(), Node::List("Leg", legs.collect())));
        }
        let node = Node::Fields(parts);
        match kind {
            CallbackType::Multipart => Fields::from_node(&node).to_multipart(),
            CallbackType::Json => (kind.as_str().to_owned(), node.print(crate::Format::Json).into_bytes()),
        }
    }
}

record! {
    /// The callback of a text: an urlencoded form, posted when it will not change any more.
    SmsCallback {
        required pub new {
            /// The text.
            sms_sid: String ["SmsSid"],
        }
        optional {
            /// The receiver.
            to: String ["To"],
            /// What became of it.
            status: SmsStatus ["Status"],
            /// Of how many parts it was made.
            sms_units: u32 ["SmsUnits"],
            /// What became of it closely, as a word.
            detailed_status: String ["DetailedStatus"],
            /// The same as a code.
            detailed_status_code: DetailedStatus ["DetailedStatusCode"],
            /// When it was sent.
            date_sent: Zoned ["DateSent"],
            /// The text that came with the request.
            custom_field: String ["CustomField"],
        }
    }
}
