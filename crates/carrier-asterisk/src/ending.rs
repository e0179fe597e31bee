//! What Asterisk's words mean.

use outdial_callfile::{Key, Outcome as Result, Status};
use outdial_domain::{EndedBy, Ending, Outcome};

/// The ending that a file in the archive tells.
pub(crate) fn of_file(result: &Result) -> Ending {
    let restarted = result.history.notes.iter().any(|note| note.word == Key::AbortRetry);
    match result.status {
        _ if restarted => Ending::new(
            Outcome::Unknown,
            EndedBy::Network,
            "Asterisk was restarted during this call: the phone may or may not have rung",
        ),
        Status::Completed => Ending::new(
            Outcome::Completed,
            EndedBy::Network,
            "Asterisk reports that the call was answered and is over",
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

/// The ending of a channel: by its Q.850 cause, and before an answer by the reason that the manager
/// interface gives, where the cause says nothing.
pub(crate) fn of_channel(answered: bool, by_callee: bool, cause: Option<u32>, reason: Option<u32>) -> Ending {
    let q850 = cause
        .and_then(|cause| u8::try_from(cause).ok())
        .filter(|cause| *cause != 0);
    let (outcome, by, text) = match (q850, reason) {
        _ if answered && by_callee => (Outcome::Completed, EndedBy::Callee, "the far side hung up"),
        _ if answered => (
            Outcome::Completed,
            EndedBy::Flow,
            "Asterisk came to the end of the flow",
        ),
        (Some(17), _) | (_, Some(5)) => (Outcome::Busy, EndedBy::Callee, "the far side is busy"),
        (Some(1 | 22 | 28), _) => (Outcome::InvalidNumber, EndedBy::Network, "there is no such number"),
        (Some(21), _) => (Outcome::Rejected, EndedBy::Callee, "the far side refused the call"),
        (Some(34 | 38 | 41 | 42 | 44), _) | (_, Some(8)) => (
            Outcome::Congestion,
            EndedBy::Network,
            "the network has no room for the call",
        ),
        (Some(18 | 19), _) | (_, Some(3)) => (Outcome::NoAnswer, EndedBy::Callee, "nobody answered in time"),
        (Some(cause), _) => {
            let reason = format!("Asterisk could not complete the call (Q.850 cause {cause})");
            return Ending {
                q850,
                ..Ending::new(Outcome::Failed, EndedBy::Network, reason)
            };
        }
        (None, _) => (Outcome::Failed, EndedBy::Network, "unreached"),
    };
    Ending {
        q850,
        ..Ending::new(outcome, by, text)
    }
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
    fn causes_and_reasons_tell_the_ending() {
        let table = [
            (true, Some(16), None, Outcome::Completed),
            (false, Some(17), Some(5), Outcome::Busy),
            (false, Some(0), Some(5), Outcome::Busy),
            (false, Some(1), Some(1), Outcome::InvalidNumber),
            (false, Some(21), Some(1), Outcome::Rejected),
            (false, Some(34), Some(8), Outcome::Congestion),
            (false, Some(19), Some(3), Outcome::NoAnswer),
            (false, Some(0), Some(3), Outcome::NoAnswer),
            (false, Some(16), Some(3), Outcome::NoAnswer),
            (false, Some(20), Some(0), Outcome::Failed),
            (false, None, Some(0), Outcome::Failed),
        ];
        for (answered, cause, reason, wanted) in table {
            let ending = of_channel(answered, false, cause, reason);
            assert_eq!(ending.outcome, wanted, "{cause:?} {reason:?}");
            assert_eq!(ending.q850.map(u32::from), cause.filter(|cause| *cause > 0));
        }
        assert_eq!(of_channel(true, true, Some(16), None).by, EndedBy::Callee);
    }

    fn jiff_epoch() -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}
