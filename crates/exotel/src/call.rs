//! Calls: starting, asking, listing.

mod answer;
mod get;
mod list;

pub use answer::{Call, CallAnswer, CallStatus, Conversation, Details, Direction, Leg};
pub use get::{GetCall, GetCallOptions};
pub use list::{CallList, ListCalls, Metadata};

use crate::Fields;
use crate::invalid::{Check, Invalid};
use crate::record::{Record, record};
use crate::request::{Carries, Request};
use crate::value::{List, words};

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
