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

    fn jiff_epoch() -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}
