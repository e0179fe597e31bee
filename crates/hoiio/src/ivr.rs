//! Interactive calls, block by block.
//!
//! One request starts a block; the next may be sent when the [notification](crate::notify::Ivr) of the
//! former has come. Too early, the service answers `error_session_not_ready`.

use crate::answer::Done;
use crate::invalid::Check;
use crate::record::record;
use crate::request::Request;
use crate::value::words;

/// How long a message may be.
const LONGEST_MSG: usize = 1000;

record! {
    /// Rings a number and begins a session with it.
    Dial {
        required {
            /// The number.
            dest: String ["dest"],
        }
        optional {
            /// What is said after the answer: plain text, or marked up.
            msg: String ["msg"],
            /// What the number is shown.
            caller_id: String ["caller_id"],
            /// Seconds until the call is cut.
            max_duration: u32 ["max_duration"],
            /// A text of your own.
            tag: String ["tag"],
            /// Where to send notifications.
            notify_url: String ["notify_url"],
        }
    }
}

impl Request for Dial {
    const PATHS: &'static [&'static str] = &["ivr/start/dial"];
    type Answer = Dialled;
    fn look_over(&self, check: &mut Check) {
        check.number("dest", &self.dest);
        check.longest("msg", self.msg.as_deref(), LONGEST_MSG);
        check.that(
            "max_duration",
            self.max_duration != Some(0),
            "must be at least 1 second",
        );
        check.tag_and_notify(self.tag.as_deref(), self.notify_url.as_deref());
    }
}

record! {
    /// The answer to a [`Dial`].
    Dialled {
        required {
            /// The session, for the following blocks.
            session: String ["session"],
            /// The call.
            txn_ref: String ["txn_ref"],
        }
    }
}

record! {
    /// Says something.
    Play {
        required {
            /// The session.
            session: String ["session"],
            /// What to say.
            msg: String ["msg"],
        }
        optional {
            /// A text of your own.
            tag: String ["tag"],
            /// Where to send the notification.
            notify_url: String ["notify_url"],
        }
    }
}

impl Request for Play {
    const PATHS: &'static [&'static str] = &["ivr/middle/play"];
    type Answer = Done;
    fn look_over(&self, check: &mut Check) {
        check.longest("msg", Some(&self.msg), LONGEST_MSG);
        check.tag_and_notify(self.tag.as_deref(), self.notify_url.as_deref());
    }
}

record! {
    /// Takes keys.
    Gather {
        required {
            /// The session.
            session: String ["session"],
            /// Where to send the keys.
            notify_url: String ["notify_url"],
        }
        optional {
            /// What to say before.
            msg: String ["msg"],
            /// How many keys, at most 255.
            max_digits: u32 ["max_digits"],
            /// Seconds to wait for a key; 15 when absent.
            timeout: u32 ["timeout"],
            /// How often to ask; once when absent.
            attempts: u32 ["attempts"],
            /// A text of your own.
            tag: String ["tag"],
        }
    }
}

impl Request for Gather {
    const PATHS: &'static [&'static str] = &["ivr/middle/gather"];
    type Answer = Done;
    fn look_over(&self, check: &mut Check) {
        check.longest("msg", self.msg.as_deref(), LONGEST_MSG);
        check.that(
            "max_digits",
            self.max_digits.is_none_or(|most| most <= 255),
            "must be at most 255",
        );
        check.tag_and_notify(self.tag.as_deref(), Some(&self.notify_url));
    }
}

record! {
    /// Records what the callee says.
    Record {
        required {
            /// The session.
            session: String ["session"],
            /// Where to send the recording's address.
            notify_url: String ["notify_url"],
        }
        optional {
            /// What to say before.
            msg: String ["msg"],
            /// Seconds at most; 120 when absent.
            max_duration: u32 ["max_duration"],
            /// A text of your own.
            tag: String ["tag"],
        }
    }
}

impl Request for Record {
    const PATHS: &'static [&'static str] = &["ivr/middle/record"];
    type Answer = Done;
    fn look_over(&self, check: &mut Check) {
        check.longest("msg", self.msg.as_deref(), LONGEST_MSG);
        check.that(
            "max_duration",
            self.max_duration != Some(0),
            "must be at least 1 second",
        );
        check.tag_and_notify(self.tag.as_deref(), Some(&self.notify_url));
    }
}

record! {
    /// Records the rest of the call.
    Monitor {
        required {
            /// The session.
            session: String ["session"],
        }
        optional {
            /// Where to send the recording's address.
            monitor_notify_url: String ["monitor_notify_url"],
            /// Where to send the notification of this block.
            notify_url: String ["notify_url"],
            /// What to say before.
            msg: String ["msg"],
            /// A text of your own.
            tag: String ["tag"],
        }
    }
}

impl Request for Monitor {
    const PATHS: &'static [&'static str] = &["ivr/middle/monitor"];
    type Answer = Done;
    fn look_over(&self, check: &mut Check) {
        check.longest("msg", self.msg.as_deref(), LONGEST_MSG);
        check.url("monitor_notify_url", self.monitor_notify_url.as_deref());
        check.tag_and_notify(self.tag.as_deref(), self.notify_url.as_deref());
    }
}

record! {
    /// Lets the callee wait.
    Hold {
        required {
            /// The session.
            session: String ["session"],
        }
        optional {
            /// What to say meanwhile.
            msg: String ["msg"],
        }
    }
}

impl Request for Hold {
    const PATHS: &'static [&'static str] = &["ivr/middle/hold"];
    type Answer = Done;
    fn look_over(&self, check: &mut Check) {
        check.longest("msg", self.msg.as_deref(), LONGEST_MSG);
    }
}

record! {
    /// Ends the wait of the callee.
    Unhold {
        required {
            /// The session.
            session: String ["session"],
        }
        optional {
            /// What to say.
            msg: String ["msg"],
        }
    }
}

impl Request for Unhold {
    const PATHS: &'static [&'static str] = &["ivr/middle/unhold"];
    type Answer = Done;
    fn look_over(&self, check: &mut Check) {
        check.longest("msg", self.msg.as_deref(), LONGEST_MSG);
    }
}

words! {
    /// What follows a transfer that did not succeed.
    closed OnFailure {
        /// The call ends.
        Hangup = "hangup",
        /// The session goes on.
        Continue = "continue",
    }
}

record! {
    /// Connects the callee with another number, or brings them into a conference.
    Transfer {
        required {
            /// The session.
            session: String ["session"],
            /// A number, or `room:NAME`.
            dest: String ["dest"],
        }
        optional {
            /// What to say before.
            msg: String ["msg"],
            /// What the other number is shown.
            caller_id: String ["caller_id"],
            /// What follows when it does not succeed.
            on_failure: OnFailure ["on_failure"],
            /// A text of your own.
            tag: String ["tag"],
            /// Where to send the notification.
            notify_url: String ["notify_url"],
        }
    }
}

impl Transfer {
    /// The room, when it goes into one.
    #[must_use]
    pub fn room(&self) -> Option<&str> {
        self.dest.strip_prefix("room:")
    }
}

impl Request for Transfer {
    const PATHS: &'static [&'static str] = &["ivr/end/transfer"];
    type Answer = Transferred;
    fn look_over(&self, check: &mut Check) {
        match self.room() {
            Some(room) => check.that(
                "dest",
                room.is_empty() || crate::voice::is_room(room),
                "must be room:NAME",
            ),
            None => check.number("dest", &self.dest),
        }
        check.longest("msg", self.msg.as_deref(), LONGEST_MSG);
        check.tag_and_notify(self.tag.as_deref(), self.notify_url.as_deref());
    }
}

record! {
    /// The answer to a [`Transfer`].
    Transferred {
        optional {
            /// The room, when it went into one.
            room: String ["room"],
        }
    }
}

record! {
    /// Ends the session and its call.
    Hangup {
        required {
            /// The session.
            session: String ["session"],
        }
        optional {
            /// What to say before.
            msg: String ["msg"],
            /// `enabled` ends it in the middle of a block, too.
            force: String ["force"],
            /// A text of your own.
            tag: String ["tag"],
            /// Where to send the notification.
            notify_url: String ["notify_url"],
        }
    }
}

impl Request for Hangup {
    const PATHS: &'static [&'static str] = &["ivr/end/hangup"];
    type Answer = Done;
    fn look_over(&self, check: &mut Check) {
        check.longest("msg", self.msg.as_deref(), LONGEST_MSG);
        let fine = self.force.as_ref().is_none_or(|force| force == "enabled");
        check.that("force", fine, "must be enabled, or absent");
        check.tag_and_notify(self.tag.as_deref(), self.notify_url.as_deref());
    }
}
