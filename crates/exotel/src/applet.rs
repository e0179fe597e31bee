//! Applets: what a flow of the service asks a web server of its customer, by GET.

use crate::record::record;
use crate::value::words;
use jiff::Zoned;

words! {
    /// How far the call was when the applet asked.
    open PassthruCallType {
        /// Nobody has talked yet.
        CallAttempt = "call-attempt",
        /// A conversation has ended.
        Completed = "completed",
        /// The caller hung up.
        ClientHangup = "client-hangup",
        /// The conversation did not come about.
        Incomplete = "incomplete",
        /// Something was left in the voice mail.
        Voicemail = "voicemail",
    }
}

record! {
    /// What a flow says of its call when it asks. A synchronous Passthru takes its first way on 200, its second on 302.
    FlowQuery {
        required pub new {
            /// The call.
            call_sid: String ["CallSid"],
        }
        optional {
            /// Who calls.
            call_from: String ["CallFrom"],
            /// The number of the account.
            call_to: String ["CallTo"],
            /// `incoming` or `outbound-dial`.
            direction: String ["Direction"],
            /// When the call was made.
            created: String ["Created"],
            /// Seconds of the last conversation.
            dial_call_duration: u32 ["DialCallDuration"],
            /// When the call began.
            start_time: Zoned ["StartTime"],
            /// Always the beginning of 1970.
            end_time: Zoned ["EndTime"],
            /// How far the call is.
            call_type: PassthruCallType ["CallType"],
            /// Whom the flow rang.
            dial_whom_number: String ["DialWhomNumber"],
            /// The state of the call.
            call_status: String ["CallStatus"],
            /// Where a recording lies.
            recording_url: String ["RecordingUrl"],
            /// The keys, in double quotes. Ask [`keys`](FlowQuery::keys).
            digits: String ["digits"],
            /// As `call_from`; older flows have only this one.
            from: String ["From"],
            /// As `call_to`; older flows have only this one.
            to: String ["To"],
            /// When it was asked.
            current_time: Zoned ["CurrentTime"],
            /// The text that came with the request for the call.
            custom_field: String ["CustomField"],
        }
    }
}

impl FlowQuery {
    /// The keys that were pressed, without their quotes.
    #[must_use]
    pub fn keys(&self) -> Option<&str> {
        self.digits.as_deref().map(|digits| digits.trim_matches('"'))
    }

    /// The same with these keys, in the quotes that the service puts around them.
    #[must_use]
    pub fn with_keys(self, keys: &str) -> Self {
        self.digits(format!("\"{keys}\""))
    }

    /// Who calls, from old flows, too.
    #[must_use]
    pub fn caller(&self) -> Option<&str> {
        self.call_from.as_deref().or(self.from.as_deref())
    }
}

record! {
    /// What is said of a text that came in, when its answer is asked for.
    SmsQuery {
        required pub new {
            /// The text.
            sms_sid: String ["SmsSid"],
            /// Who sent it.
            from: String ["From"],
            /// The number of the account.
            to: String ["To"],
        }
        optional {
            /// When it came.
            date: String ["Date"],
            /// What it says.
            body: String ["Body"],
        }
    }
}

/// Reads the numbers that a server gave for a Connect applet: text, separated by commas.
#[must_use]
pub fn read_numbers(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|number| !number.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Prints numbers for a Connect applet.
#[must_use]
pub fn print_numbers(numbers: &[String]) -> String {
    numbers.join(",")
}
