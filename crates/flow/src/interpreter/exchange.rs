//! What an interpreter is told, and what it says.

use std::time::Duration;

use outdial_domain::{Digit, Outcome, RecordingEnd, digit::Digits};

use crate::{Conference, Dial, Party, Prompt, Record, RecordingAction};

/// Something that happened on the leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The leg was answered, and sound can flow.
    Started,
    /// The prompt that was commanded last has been heard to its end.
    PlayDone,
    /// The far side pressed a key.
    Digit(Digit),
    /// The keys that were commanded have been sent.
    DigitsSent,
    /// The recording that was commanded with an `until` is complete, or could not begin.
    Recorded {
        /// Why it ended.
        end: RecordingEnd,
        /// How long it plays.
        length: Duration,
    },
    /// The two whom a dial brings together hear each other.
    Connected,
    /// The other party of a dial pressed a key.
    OtherDigit(Digit),
    /// The dial that was commanded is over.
    DialEnded(DialEnd),
    /// The leg is out of the room that it entered.
    LeftRoom,
    /// The leg was not let into the room that it was to enter, for this reason, or did not get to hear anybody in it.
    NotLetIn(Outcome),
}

/// How a dial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialEnd {
    /// The two parties talked, and one of them, or their time, ended it.
    Talked,
    /// Nobody was reached, for this reason: that of the last number.
    NotReached(Outcome),
}

/// Something to do on the leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Play these one after the other, to both while two talk; [`Input::PlayDone`] is awaited.
    Prompt(Vec<Prompt>),
    /// Stop what is played, at once. No [`Input::PlayDone`] is awaited.
    StopPrompt,
    /// Press keys; [`Input::DigitsSent`] is awaited.
    SendDigits(Digits),
    /// Ring somebody else and connect the two; [`Input::DialEnded`] is awaited.
    Dial(Box<Dial>),
    /// Let go of the other party of the dial that was commanded last. No [`Input::DialEnded`] is awaited.
    Part,
    /// Let the leg hear why nobody was reached, or why it was not let in; [`Input::PlayDone`] is awaited.
    Announce(Outcome),
    /// Enter a room; [`Input::LeftRoom`] or [`Input::NotLetIn`] is awaited.
    Join(Conference),
    /// Begin a recording. With an `until`, [`Input::Recorded`] is awaited.
    Record(Record),
    /// End the recording that [`Input::Recorded`] is awaited of, because of its key.
    EndMessage,
    /// Do this to all recordings of the leg that are under way.
    Recording(RecordingAction),
    /// End the leg.
    HangUp,
}

/// Something worth keeping in the event log.
///
/// `step` is the place in the document, as `2` for the third instruction or `1.on.3.0` for the
/// first one in the branch of key 3 of the second. Every `Started` is followed by one `Done` for the
/// same step unless the call ends in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// An instruction began.
    Started {
        /// Where it stands.
        step: String,
        /// What it does, in words.
        what: String,
    },
    /// An instruction is done.
    Done {
        /// Where it stands.
        step: String,
        /// What came of it, in words.
        result: String,
    },
    /// A gather ended; its `Done` follows.
    Gathered {
        /// Where it stands.
        step: String,
        /// The name its digits are kept under.
        name: String,
        /// The answer; empty when too few keys were pressed, none where the gather keeps them to itself.
        digits: Option<String>,
    },
    /// A code was pressed while two talked; its steps follow.
    Code {
        /// Where the dial stands that listens for it.
        step: String,
        /// The keys.
        code: String,
        /// Who pressed them.
        by: Party,
    },
}
