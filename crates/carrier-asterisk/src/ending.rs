//! What Asterisk's words mean.

use std::time::Duration;

use outdial_callfile::{Key, Outcome as Result, Status};
use outdial_domain::{EndedBy, Ending, Outcome};

/// The ending that a file in the archive tells.
pub(crate) fn of_file(result: &Result) -> Ending {
    // A file that was begun is refused only when it is read once more.
    let restarted = result.history.notes.iter().any(|note| note.word == Key::AbortRetry)
        || (result.status == Status::Failed && result.history.attempts() > 0);
    let early = result.file.as_ref().is_some_and(|file| file.early_media);
    match result.status {
        _ if restarted => Ending::new(
            Outcome::Unknown,
            EndedBy::Network,
            "Asterisk was restarted during this call: the phone may or may not have rung",
        ),
        Status::Completed if early => unknown(
            "Asterisk connected the call at its first sound, and a call file does not tell whether the phone was \
             answered then: give the trunk `[trunk.asterisk.ami]`",
        ),
        Status::Completed => Ending::new(
            Outcome::Completed,
            EndedBy::Network,
            "Asterisk reports that the phone was answered and that the call is over; what was done in it, a call file \
             does not tell",
        ),
        // Why it was not answered is only in Asterisk's log.
        Status::Expired => Ending::new(Outcome::Failed, EndedBy::Network, "unreached"),
        Status::Failed => Ending::new(
            Outcome::Failed,
            EndedBy::Network,
            "Asterisk did not accept the call file, and rang nobody: its log says why",
        ),
    }
}

/// What a channel left when it was gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channel {
    /// The far side hung up.
    pub(crate) by_callee: bool,
    /// The Q.850 cause.
    pub(crate) cause: Option<u32>,
    /// Why it was not answered, as the manager interface counts reasons.
    pub(crate) reason: Option<u32>,
}

impl Channel {
    fn q850(self) -> Option<u8> {
        let cause = self.cause.and_then(|cause| u8::try_from(cause).ok());
        cause.filter(|cause| *cause != 0)
    }

    fn ended(self, outcome: Outcome, by: EndedBy, text: &str) -> Ending {
        Ending {
            q850: self.q850(),
            ..Ending::new(outcome, by, text)
        }
    }

    /// What the cause tells of a call that was not answered.
    fn by_cause(self) -> Option<Ending> {
        let (outcome, by, text) = match self.q850()? {
            17 => BUSY,
            1 | 22 | 28 => (Outcome::InvalidNumber, EndedBy::Network, "there is no such number"),
            21 => (Outcome::Rejected, EndedBy::Callee, "the far side refused the call"),
            34 | 38 | 41 | 42 | 44 => CONGESTION,
            18 | 19 => NO_ANSWER,
            _ => return None,
        };
        Some(self.ended(outcome, by, text))
    }
}

const BUSY: (Outcome, EndedBy, &str) = (Outcome::Busy, EndedBy::Callee, "the far side is busy");
const NO_ANSWER: (Outcome, EndedBy, &str) = (Outcome::NoAnswer, EndedBy::Callee, "nobody answered in time");
const CONGESTION: (Outcome, EndedBy, &str) = (
    Outcome::Congestion,
    EndedBy::Network,
    "the network has no room for the call",
);

/// The ending of a channel that was answered.
pub(crate) fn of_answered(channel: Channel) -> Ending {
    if channel.by_callee {
        channel.ended(Outcome::Completed, EndedBy::Callee, "the far side hung up")
    } else {
        channel.ended(
            Outcome::Completed,
            EndedBy::Flow,
            "Asterisk came to the end of the flow",
        )
    }
}

/// The ending of a channel that was not answered: by its cause, or by the reason where the cause says nothing.
pub(crate) fn of_unanswered(channel: Channel) -> Ending {
    let (outcome, by, text) = match channel.reason {
        // The reason is Asterisk's own where both are given, but the cause says more than congestion.
        Some(5) => BUSY,
        reason => match (channel.by_cause(), reason) {
            (Some(ending), _) => return ending,
            (None, Some(8)) => CONGESTION,
            (None, Some(3)) => NO_ANSWER,
            (None, _) => match channel.q850() {
                Some(cause) => {
                    let text = format!("Asterisk could not complete the call (Q.850 cause {cause})");
                    return channel.ended(Outcome::Failed, EndedBy::Network, &text);
                }
                None => (Outcome::Failed, EndedBy::Network, "unreached"),
            },
        },
    };
    channel.ended(outcome, by, text)
}

/// The ending of a channel that was connected at its first sound. Asterisk takes it for answered from then on,
/// so that only the cause tells of a phone that was not.
pub(crate) fn of_early_media(channel: Channel) -> Ending {
    channel.by_cause().unwrap_or_else(|| {
        if channel.by_callee {
            let text = "the far side hung up, as it does after an answer";
            channel.ended(Outcome::Completed, EndedBy::Callee, text)
        } else {
            let text = "Asterisk connected the call at its first sound and ended it; it does not tell whether the \
                        phone was answered meanwhile";
            channel.ended(Outcome::Unknown, EndedBy::Network, text)
        }
    })
}

/// The ending of a channel that was answered, where the other party was not reached: dialling it ended with this
/// word, or without one.
pub(crate) fn of_other(channel: Channel, status: &str) -> Ending {
    let (outcome, by, text) = match status {
        _ if channel.by_callee => (
            Outcome::Canceled,
            EndedBy::Callee,
            "the first party hung up before it was connected to the other one",
        ),
        "BUSY" => (Outcome::Busy, EndedBy::Callee, "the other party is busy"),
        "NOANSWER" => (
            Outcome::NoAnswer,
            EndedBy::Callee,
            "the other party did not answer in time",
        ),
        "CONGESTION" => (
            Outcome::Congestion,
            EndedBy::Network,
            "the network has no room for the call to the other party",
        ),
        _ => (
            Outcome::Failed,
            EndedBy::Network,
            "Asterisk could not reach the other party: its log says why",
        ),
    };
    channel.ended(outcome, by, text)
}

/// The ending of a channel that was answered and never in its room.
pub(crate) fn of_no_room(channel: Channel) -> Ending {
    let (outcome, by, text) = if channel.by_callee {
        (
            Outcome::Canceled,
            EndedBy::Callee,
            "the far side hung up before it was in the room",
        )
    } else {
        (
            Outcome::Failed,
            EndedBy::Network,
            "Asterisk did not let it into the room: it is full or locked, or app_confbridge is not loaded",
        )
    };
    channel.ended(outcome, by, text)
}

/// The ending of a channel that Asterisk hung up so long after its answer, when it should have lasted longer.
pub(crate) fn cut_short(ending: &Ending, lasted: Duration, length: Duration) -> Option<Ending> {
    // Events come a little late, and clocks differ.
    let too_soon = lasted + Duration::from_secs(1) + length / 10 < length;
    (too_soon && ending.by == EndedBy::Flow).then(|| Ending {
        outcome: Outcome::Failed,
        by: EndedBy::Network,
        reason: format!(
            "Asterisk hung up after {:.1} of {:.1} s: is app_playback loaded, and can Asterisk read what is in `sounds`? \
             Its log says why",
            lasted.as_secs_f32(),
            length.as_secs_f32()
        ),
        ..ending.clone()
    })
}

/// The ending of a leg that was answered, by whoever it was ended.
pub(crate) fn completed(reason: &str) -> Ending {
    Ending::new(Outcome::Completed, EndedBy::Network, reason)
}

/// An ending of our own making.
pub(crate) fn unknown(reason: &str) -> Ending {
    Ending::new(Outcome::Unknown, EndedBy::System, reason)
}

/// The ending of a leg that was certainly not dialled.
pub(crate) fn not_dialled(reason: impl Into<String>) -> Ending {
    Ending::new(Outcome::Failed, EndedBy::System, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_tells_the_ending() {
        let word = |text: &str| {
            let parsed = outdial_callfile::parse(text.as_bytes());
            let result = Result {
                status: Status::at_the_end_of(text.as_bytes()).unwrap(),
                attempts: parsed.history.attempts(),
                history: parsed.history,
                ended: jiff_epoch(),
                file: parsed.file,
            };
            of_file(&result)
        };
        let file = "Channel: Local/1@a\nApplication: Hangup\n\nStartRetry: 9 1 (60)\n";
        assert_eq!(word(&format!("{file}Status: Completed\n")).outcome, Outcome::Completed);
        let expired = word(&format!("{file}Status: Expired\n"));
        assert_eq!(
            (expired.outcome, expired.reason.as_str()),
            (Outcome::Failed, "unreached")
        );
        assert_eq!(word("Channel: x\nStatus: Failed\n").outcome, Outcome::Failed);
        let again = word(&format!(
            "{file}\nAbortRetry: 10 2 (90)\n\nStartRetry: 10 2 (99)\nStatus: Completed\n"
        ));
        assert_eq!(again.outcome, Outcome::Unknown);
    }

    #[test]
    fn a_file_that_is_read_once_more_or_connected_early_tells_less() {
        let word = |text: &str, status| {
            let parsed = outdial_callfile::parse(text.as_bytes());
            of_file(&Result {
                status,
                attempts: parsed.history.attempts(),
                history: parsed.history,
                ended: jiff_epoch(),
                file: parsed.file,
            })
        };
        let begun = "Channel: Local/1@a\nContext: a\nExtension: s\n\nStartRetry: 9 1 (60)\n";
        assert_eq!(word(begun, Status::Failed).outcome, Outcome::Unknown);
        let early = format!("Early_media: yes\n{begun}");
        assert_eq!(word(&early, Status::Completed).outcome, Outcome::Unknown);
        assert_eq!(word(&early, Status::Expired).outcome, Outcome::Failed);
    }

    #[test]
    fn causes_and_reasons_tell_the_ending() {
        let table = [
            (Some(17), Some(5), Outcome::Busy),
            (Some(0), Some(5), Outcome::Busy),
            (Some(1), Some(1), Outcome::InvalidNumber),
            (Some(21), Some(1), Outcome::Rejected),
            (Some(34), Some(8), Outcome::Congestion),
            (Some(19), Some(3), Outcome::NoAnswer),
            (Some(0), Some(3), Outcome::NoAnswer),
            (Some(16), Some(3), Outcome::NoAnswer),
            (Some(20), Some(0), Outcome::Failed),
            (None, Some(0), Outcome::Failed),
        ];
        for (cause, reason, wanted) in table {
            let channel = Channel {
                by_callee: false,
                cause,
                reason,
            };
            let ending = of_unanswered(channel);
            assert_eq!(ending.outcome, wanted, "{cause:?} {reason:?}");
            assert_eq!(ending.q850.map(u32::from), cause.filter(|cause| *cause > 0));
        }
    }

    fn jiff_epoch() -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}
