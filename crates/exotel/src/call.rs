//! Calls: starting, asking, listing.

mod list;

pub use list::{CallList, ListCalls, Metadata};

use crate::Fields;
use crate::document::Node;
use crate::invalid::{Check, Invalid};
use crate::record::{Record, record};
use crate::request::{Answer, Carries, Request, part, segment};
use crate::value::{List, words};
use jiff::Zoned;
use rust_decimal::Decimal;

/// The longest conversation, in seconds: four hours.
pub const LONGEST_TALK: u32 = 14_400;
/// The longest ringing, in seconds.
pub const LONGEST_RING: u32 = 60;
/// How long [`Connect::custom_field`] may be.
pub const LONGEST_CUSTOM_FIELD: usize = 128;

/// How the address of a flow began when the first clients were written.
pub const OLD_FLOW_PREFIX: &str = "http://my.exotel.in/exoml/start/";

words! {
    /// When a callback is wanted.
    closed CallEvent {
        /// When somebody has answered.
        Answered = "answered",
        /// When the call is over.
        Terminal = "terminal",
    }
}

words! {
    /// How a callback is encoded.
    closed CallbackType {
        /// As `multipart/form-data`, unless asked otherwise.
        Multipart = "multipart/form-data",
        /// As JSON.
        Json = "application/json",
    }
}

words! {
    /// What a call is for.
    closed CallType {
        /// Transactional.
        Transactional = "trans",
        /// Promotional; obsolete.
        Promotional = "promo",
    }
}

record! {
    /// Starts a call: rings one number, and when it has answered, another one or a flow.
    ///
    /// ```
    /// use outdial_exotel::{Record, call::Connect};
    ///
    /// let call = Connect::numbers("0987654321", "09988776655", "8088919888").time_limit(300).time_out(10);
    /// assert_eq!(
    ///     call.to_fields().to_form(),
    ///     "From=0987654321&CallerId=8088919888&To=09988776655&CallType=trans&TimeLimit=300&TimeOut=10"
    /// );
    /// ```
    Connect {
        required pub(crate) bare {
            /// The number that is rung first.
            from: String ["From"],
            /// The number of the account that both sides are shown.
            caller_id: String ["CallerId"],
        }
        optional {
            /// The number that is rung when the first has answered.
            to: String ["To"],
            /// The flow that follows when the first has answered. It wins over `to`.
            url: String ["Url"],
            /// What the call is for.
            call_type: CallType ["CallType"],
            /// Seconds of conversation until the call is cut, at most [`LONGEST_TALK`].
            time_limit: u32 ["TimeLimit"],
            /// Seconds that each side is rung, at most [`LONGEST_RING`].
            time_out: u32 ["TimeOut"],
            /// Where to post callbacks.
            status_callback: String ["StatusCallback"],
            /// When to post them, besides the end; makes them longer.
            status_callback_events: List ["StatusCallbackEvents"],
            /// How to encode them.
            status_callback_content_type: CallbackType ["StatusCallbackContentType"],
            /// A text of your own, which comes back in callbacks.
            custom_field: String ["CustomField"],
            /// Whether to record.
            record: bool ["Record"],
            /// `single` or `dual`.
            recording_channels: String ["RecordingChannels"],
            /// `mp3` or `mp3-hq`.
            recording_format: String ["RecordingFormat"],
            /// What is heard while the second side rings.
            wait_url: String ["WaitUrl"],
            /// Who hears the announcement at the start.
            start_playback_to: String ["StartPlaybackToNew"],
            /// The announcement at the start: the address of a file.
            start_playback_value: String ["StartPlaybackValueNew"],
            /// Where to send the sound as it goes.
            stream_url: String ["StreamUrl"],
            /// When to begin with it.
            stream_begin: String ["StreamBegin"],
        }
    }
}

impl Connect {
    /// Connects two numbers. `caller_id` is a number of the account.
    #[must_use]
    pub fn numbers(from: impl Into<String>, to: impl Into<String>, caller_id: impl Into<String>) -> Self {
        Self::bare(from, caller_id).to(to).call_type(CallType::Transactional)
    }

    /// Connects a number with a flow, by the address that the service gave it.
    #[must_use]
    pub fn flow(from: impl Into<String>, url: impl Into<String>, caller_id: impl Into<String>) -> Self {
        Self::bare(from, caller_id).url(url).call_type(CallType::Transactional)
    }

    /// Creates it from a map: `first`, `second` (a number, or the address of a flow) and `caller_id`, and any
    /// other field as it is called here or on the wire.
    ///
    /// # Errors
    ///
    /// With every field that is missing, unknown or cannot be read.
    pub fn from_map<N: AsRef<str>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Invalid> {
        let pairs = pairs.into_iter().map(|(name, value)| {
            let value = value.into();
            let name = match name.as_ref() {
                "first" => "From".to_owned(),
                "second" if value.starts_with("http://") || value.starts_with("https://") => "Url".to_owned(),
                "second" => "To".to_owned(),
                "start_playback_to" => "StartPlaybackToNew".to_owned(),
                "start_playback_value" => "StartPlaybackValueNew".to_owned(),
                other => crate::record::pascal::<Self>(other),
            };
            (name, value)
        });
        let call: Self = crate::record::strictly(&Fields::from_pairs(pairs), |call: &Self, invalid| {
            if call.to.is_none() && call.url.is_none() {
                invalid.missing("To");
            }
        })?;
        Ok(match call.call_type {
            Some(_) => call,
            None => call.call_type(CallType::Transactional),
        })
    }

    /// Creates it from the text of a JSON object, with the names of [`from_map`](Self::from_map).
    ///
    /// # Errors
    ///
    /// As there, and when it is no JSON object.
    pub fn from_json(text: &str) -> Result<Self, Invalid> {
        Self::from_map(crate::record::json_pairs(text)?)
    }

    /// Reads it as the service does, which needs a number or a flow.
    ///
    /// # Errors
    ///
    /// With every field that is missing or cannot be read.
    pub fn from_request(fields: &Fields) -> Result<Self, Invalid> {
        let call = Self::from_fields(fields)?;
        if call.to.is_none() && call.url.is_none() {
            let mut invalid = Invalid::default();
            invalid.missing("To");
            return Err(invalid);
        }
        Ok(call)
    }

    /// The flow by its id, if the address is one of the service: what follows `exoml/start/` or
    /// `exoml/start_voice/`.
    #[must_use]
    pub fn flow_id(&self) -> Option<&str> {
        let url = self.url.as_deref().or(self.to.as_deref())?;
        let (_, id) = url
            .split_once("/exoml/start/")
            .or_else(|| url.split_once("/exoml/start_voice/"))?;
        let id = id.split(['/', '?', '#']).next()?;
        (!id.is_empty()).then_some(id)
    }

    /// When callbacks are wanted, without words that are no event.
    #[must_use]
    pub fn events(&self) -> Vec<CallEvent> {
        use crate::value::Value;
        let words = self.status_callback_events.as_deref().unwrap_or_default();
        words.iter().filter_map(|word| CallEvent::read(word)).collect()
    }
}

impl Request for Connect {
    type Answer = CallAnswer;
    fn path(&self) -> String {
        "Calls/connect".to_owned()
    }
    fn carries(&self) -> Carries {
        Carries::Form(self.to_fields())
    }
    fn look_over(&self, check: &mut Check) {
        check.number("From", &self.from);
        check.number("CallerId", &self.caller_id);
        match (&self.url, &self.to) {
            (Some(url), _) => check.url("Url", Some(url)),
            (None, Some(to)) => check.number("To", to),
            (None, None) => check.that("To", false, "or Url must be given"),
        }
        let fine = self
            .time_limit
            .is_none_or(|seconds| (1..=LONGEST_TALK).contains(&seconds));
        check.that("TimeLimit", fine, "must be 1 to 14400 seconds");
        let fine = self
            .time_out
            .is_none_or(|seconds| (1..=LONGEST_RING).contains(&seconds));
        check.that("TimeOut", fine, "must be 1 to 60 seconds");
        check.url("StatusCallback", self.status_callback.as_deref());
        let wanted = self.status_callback_events.as_deref().unwrap_or_default();
        check.that(
            "StatusCallbackEvents",
            self.events().len() == wanted.len(),
            "must be terminal or answered",
        );
        check.longest("CustomField", self.custom_field.as_deref(), LONGEST_CUSTOM_FIELD);
        check.one_of(
            "RecordingChannels",
            self.recording_channels.as_deref(),
            &["single", "dual"],
        );
        check.one_of("RecordingFormat", self.recording_format.as_deref(), &["mp3", "mp3-hq"]);
        check.url("WaitUrl", self.wait_url.as_deref());
    }
}

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

/// Asks for a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GetCall {
    /// The call.
    pub sid: String,
    /// The options.
    pub options: GetCallOptions,
}

record! {
    /// How to ask for a call.
    GetCallOptions {
        optional {
            /// Whether to show both sides.
            details: bool ["details"],
            /// For how many minutes the recording's address shall be valid without credentials: 5 to 60.
            recording_url_validity: u32 ["RecordingUrlValidity"],
        }
    }
}

impl GetCall {
    /// Asks for this call.
    #[must_use]
    pub fn new(sid: impl Into<String>) -> Self {
        Self {
            sid: sid.into(),
            options: GetCallOptions::new(),
        }
    }

    /// With both sides.
    #[must_use]
    pub fn details(mut self) -> Self {
        self.options.details = Some(true);
        self
    }

    /// With an address of the recording that needs no credentials for so many minutes.
    #[must_use]
    pub fn recording_url_validity(mut self, minutes: u32) -> Self {
        self.options.recording_url_validity = Some(minutes);
        self
    }
}

impl Request for GetCall {
    type Answer = CallAnswer;
    fn path(&self) -> String {
        format!("Calls/{}", segment(&self.sid))
    }
    fn carries(&self) -> Carries {
        Carries::Query(self.options.to_fields())
    }
    fn look_over(&self, check: &mut Check) {
        check.that("Sid", !self.sid.is_empty(), "must not be empty");
        let fine = self
            .options
            .recording_url_validity
            .is_none_or(|minutes| (5..=60).contains(&minutes));
        check.that("RecordingUrlValidity", fine, "must be 5 to 60 minutes");
    }
}
