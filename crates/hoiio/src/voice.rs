//! Calls between two numbers, conferences, and what became of them.

use crate::answer::{Done, Page, Placed};
use crate::invalid::Check;
use crate::record::record;
use crate::request::{Request, paged};
use crate::value::{List, words};
use jiff::Zoned;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// How many numbers one request may bring into a room.
pub const MOST_IN_A_ROOM: usize = 8;

record! {
    /// Rings one number, and when it has answered, another one, and connects them.
    ///
    /// ```
    /// use outdial_hoiio::{Record, voice::Call};
    ///
    /// let call = Call::new("+6522222222").dest1("+6511111111").caller_id("private").max_duration(600);
    /// assert_eq!(call.to_form(), "dest2=%2B6522222222&dest1=%2B6511111111&caller_id=private&max_duration=600");
    /// ```
    Call {
        required {
            /// The number that is rung when the first has answered.
            dest2: String ["dest2"],
        }
        optional {
            /// The number that is rung first; without it, the account's registered one.
            dest1: String ["dest1"],
            /// What `dest2` is shown: a number of the account, or `private`.
            caller_id: String ["caller_id"],
            /// Seconds from the answer of `dest2` until the call is cut.
            max_duration: u32 ["max_duration"],
            /// A text of your own, at most 256 characters, which comes back in status and notifications.
            tag: String ["tag"],
            /// Where to send a notification when the call is over.
            notify_url: String ["notify_url"],
        }
    }
}

impl Request for Call {
    const PATHS: &'static [&'static str] = &["voice/call"];
    type Answer = Placed;
    fn look_over(&self, check: &mut Check) {
        if let Some(dest1) = &self.dest1 {
            check.number("dest1", dest1);
        }
        check.number("dest2", &self.dest2);
        check.differ("dest2", self.dest1.as_ref() != Some(&self.dest2), "dest1");
        check.that(
            "max_duration",
            self.max_duration != Some(0),
            "must be at least 1 second",
        );
        check.tag_and_notify(self.tag.as_deref(), self.notify_url.as_deref());
    }
}

record! {
    /// Rings several numbers and puts them into a room, each as a transaction of its own.
    Conference {
        required {
            /// The numbers, at most eight.
            dest: List ["dest"],
        }
        optional {
            /// The room: letters, digits, dots, underscores and hyphens, at most 32. Made up when absent.
            room: String ["room"],
            /// What the numbers are shown.
            caller_id: String ["caller_id"],
            /// A text of your own.
            tag: String ["tag"],
            /// Where to send notifications.
            notify_url: String ["notify_url"],
        }
    }
}

impl Request for Conference {
    const PATHS: &'static [&'static str] = &["voice/conference", "conference/call"];
    type Answer = InRoom;
    fn look_over(&self, check: &mut Check) {
        check.numbers("dest", &self.dest, MOST_IN_A_ROOM);
        let fine = self.room.as_ref().is_none_or(|room| is_room(room));
        check.that(
            "room",
            fine,
            "must be 1 to 32 letters, digits, dots, underscores and hyphens",
        );
        check.tag_and_notify(self.tag.as_deref(), self.notify_url.as_deref());
    }
}

/// Whether this can be the name of a room.
#[must_use]
pub fn is_room(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The answer to a [`Conference`].
///
/// It serialises as `voice/conference` answers it, with the transactions in one text, as the older
/// clients insist. [`print_array`](Self::print_array) is the newer form, of `conference/call`. Both are read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct InRoom {
    /// The room.
    pub room: String,
    /// A transaction for each number, in the order of the numbers.
    #[serde(default, deserialize_with = "crate::answer::list::deserialize")]
    pub txn_refs: Vec<String>,
}

impl InRoom {
    /// The whole answer with the transactions as a JSON array.
    #[must_use]
    pub fn print_array(&self) -> String {
        serde_json::json!({ "status": "success_ok", "room": self.room, "txn_refs": self.txn_refs }).to_string()
    }
}

impl Serialize for InRoom {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("room", &self.room), ("txn_refs", &self.txn_refs.join(","))])
    }
}

words! {
    /// What a moderator does with a participant.
    closed Moderation {
        /// Sends them out of the room.
        Kick = "kick",
        /// The others do not hear them any more.
        Mute = "mute",
        /// The others hear them again.
        Unmute = "unmute",
    }
}

record! {
    /// Sends a participant out of a conference, or changes whether they are heard.
    Moderate {
        required {
            /// The participant.
            txn_ref: String ["txn_ref"],
            /// What to do.
            action: Moderation ["action"],
        }
    }
}

impl Request for Moderate {
    const PATHS: &'static [&'static str] = &["conference/moderate", "voice/moderate"];
    type Answer = Done;
    fn look_over(&self, _: &mut Check) {}
}

record! {
    /// Ends a call. A call between two numbers ends as a whole, in a conference only this participant leaves.
    Hangup {
        required {
            /// The call.
            txn_ref: String ["txn_ref"],
        }
    }
}

impl Request for Hangup {
    const PATHS: &'static [&'static str] = &["voice/hangup"];
    type Answer = Done;
    fn look_over(&self, _: &mut Check) {}
}

record! {
    /// Asks what a call does, or what became of it.
    QueryStatus {
        required {
            /// The call.
            txn_ref: String ["txn_ref"],
        }
    }
}

impl Request for QueryStatus {
    const PATHS: &'static [&'static str] = &["voice/query_status"];
    type Answer = CallStatus;
    fn look_over(&self, _: &mut Check) {}
}

words! {
    /// What became of one side of a call.
    open CallState {
        /// It was answered.
        Answered = "answered",
        /// It rang, and nobody answered.
        Unanswered = "unanswered",
        /// It could not be reached.
        Failed = "failed",
        /// It was busy.
        Busy = "busy",
        /// It is being rung, or talks.
        Ongoing = "ongoing",
    }
}

record! {
    /// What a call does, or what became of it.
    CallStatus {
        required {
            /// The call.
            txn_ref: String ["txn_ref"],
        }
        always {
            /// The text that came with the request, or nothing.
            tag: String ["tag"],
            /// The number that was rung first, or the only one.
            dest1: String ["dest1" | "number"],
            /// The second number; nothing for a participant of a conference.
            dest2: String ["dest2"],
        }
        optional {
            /// The only number, where there is but one.
            number: String ["number"],
            /// The state of the first.
            call_status_dest1: CallState ["call_status_dest1" + "call_status_dest_1"],
            /// The state of the second.
            call_status_dest2: CallState ["call_status_dest2" + "call_status_dest_2"],
            /// When it began.
            date: Zoned ["date"],
            /// Minutes, begun ones counted. Absent while it goes on.
            duration: u32 ["duration"],
            /// The currency of the following.
            currency: String ["currency"],
            /// The price of a minute.
            rate: Decimal ["rate"],
            /// What it cost. Absent while it goes on.
            debit: Decimal ["debit"],
        }
    }
}

impl CallStatus {
    /// Whether it is over, so that it will not change any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let over = |state: &Option<CallState>| state.as_ref().is_none_or(|state| *state != CallState::Ongoing);
        self.call_status_dest1.is_some() && over(&self.call_status_dest1) && over(&self.call_status_dest2)
    }
}

record! {
    /// Asks for the calls of the account, a hundred at a time.
    History {
        optional {
            /// The earliest start.
            from: Zoned ["from" | "resultFrom"],
            /// The latest start.
            to: Zoned ["to" | "resultTo"],
            /// Which page, from 1.
            page: u32 ["page"],
            /// How many on a page, where the service allows it.
            page_size: u32 ["page_size"],
        }
    }
}

impl Request for History {
    const PATHS: &'static [&'static str] = &["voice/get_history"];
    type Answer = Page<CallStatus>;
    fn look_over(&self, check: &mut Check) {
        crate::request::span(check, self.from.as_ref(), self.to.as_ref(), self.page);
        check.that("page_size", self.page_size != Some(0), "must be at least 1");
    }
}

paged!(History of CallStatus);

record! {
    /// Asks what a call would cost, and how long the balance lasts for it.
    GetRate {
        required {
            /// The second number.
            dest2: String ["dest2"],
        }
        optional {
            /// The first number.
            dest1: String ["dest1"],
        }
    }
}

impl Request for GetRate {
    const PATHS: &'static [&'static str] = &["voice/get_rate"];
    type Answer = Rate;
    fn look_over(&self, check: &mut Check) {
        if let Some(dest1) = &self.dest1 {
            check.number("dest1", dest1);
        }
        check.number("dest2", &self.dest2);
    }
}

record! {
    /// What a call costs.
    Rate {
        required {
            /// The currency.
            currency: String ["currency"],
            /// The price of a minute, both sides together.
            rate: Decimal ["rate"],
        }
        optional {
            /// How many minutes the balance lasts.
            talktime: u32 ["talktime"],
        }
    }
}
