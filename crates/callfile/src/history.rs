use std::fmt;

use jiff::Timestamp;

use crate::Key;

/// What became of a call file: the word that Asterisk writes at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The phone was answered, or, with `Early_media`, connected at its first sound. What happened afterwards has no
    /// influence, not even that there was no such application or extension.
    Completed,
    /// Every attempt failed.
    Expired,
    /// There was no attempt: the file could not be read, or is not valid.
    Failed,
}

impl Status {
    const ALL: [Self; 3] = [Self::Completed, Self::Expired, Self::Failed];

    /// The word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Expired => "Expired",
            Self::Failed => "Failed",
        }
    }

    /// The status at the end of an archived file, also when it is glued to a last line that had no
    /// line feed.
    #[must_use]
    pub fn at_the_end_of(bytes: &[u8]) -> Option<Self> {
        let text = bytes.trim_ascii_end();
        Self::ALL.into_iter().find(|status| {
            let before = text.strip_suffix(status.name().as_bytes());
            before.is_some_and(|before| before.ends_with(b"Status: "))
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A note that Asterisk appended to a call file: `Word: pid number (seconds)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `StartRetry`, `EndRetry`, `AbortRetry`, `DelayedRetry` or `Retry`.
    pub word: Key,
    /// The process of the Asterisk that wrote it.
    pub pid: Option<i32>,
    /// Which attempt it is about, counted from 1.
    pub attempt: Option<u32>,
    /// The time in parentheses. For `StartRetry` Asterisk writes not when the attempt began but
    /// when the next would; [`History::began`] knows better.
    pub time: Option<Timestamp>,
}

/// As it stands in a file, without a line feed.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.map_or(0, Timestamp::as_second);
        let (pid, attempt) = (self.pid.unwrap_or(0), self.attempt.unwrap_or(0));
        write!(f, "{}: {pid} {attempt} ({seconds})", self.word)
    }
}

impl Note {
    pub(crate) fn read(word: Key, value: &str, pid: Option<i32>) -> Self {
        let mut parts = value.split_ascii_whitespace().skip(1);
        let attempt = parts.next().and_then(|part| part.parse().ok());
        let seconds = parts
            .next()
            .and_then(|part| part.strip_prefix('(')?.strip_suffix(')')?.parse().ok());
        Self {
            word,
            pid: pid.filter(|pid| *pid != 0),
            attempt,
            time: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        }
    }
}

/// The notes about attempts in a call file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// All notes, in their order.
    pub notes: Vec<Note>,
}

impl History {
    /// How many attempts began.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        let began = self.notes.iter().filter(|note| note.word == Key::StartRetry).count();
        u32::try_from(began).unwrap_or(u32::MAX)
    }

    /// How many attempts are over, as Asterisk counts them when it reads the file again.
    #[must_use]
    pub fn used(&self) -> u32 {
        let over = |note: &&Note| matches!(note.word, Key::EndRetry | Key::AbortRetry | Key::Retry);
        u32::try_from(self.notes.iter().filter(over).count()).unwrap_or(u32::MAX)
    }

    /// The process that is placing the call now, by the notes: an attempt began and did not end.
    #[must_use]
    pub fn running(&self) -> Option<i32> {
        self.notes.iter().fold(None, |running, note| match note.word {
            Key::StartRetry => note.pid,
            Key::EndRetry | Key::AbortRetry => None,
            _ => running,
        })
    }

    /// When each attempt began, given the `RetryTime` of the file.
    pub fn began(&self, retry_time: u32) -> impl Iterator<Item = Timestamp> + '_ {
        let wait = jiff::SignedDuration::from_secs(retry_time.into());
        let starts = self.notes.iter().filter(|note| note.word == Key::StartRetry);
        starts.filter_map(move |note| note.time?.checked_sub(wait).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_found_also_where_it_is_glued() {
        for (text, status) in [
            (
                "Archive: yes\n\nStartRetry: 1 1 (2)\nStatus: Completed\n",
                Some(Status::Completed),
            ),
            ("Archive: yesStatus: Failed\n", Some(Status::Failed)),
            ("Status: Expired", Some(Status::Expired)),
            ("Archive: yes\n", None),
            ("Status: Expired\nArchive: yes\n", None),
            ("Data: Completed\n", None),
            ("", None),
        ] {
            assert_eq!(Status::at_the_end_of(text.as_bytes()), status, "{text:?}");
        }
    }

    #[test]
    fn notes_tell_attempts_and_their_times() {
        let note = |word, value: &str, pid| Note::read(word, value, pid);
        let mut history = History {
            notes: vec![
                note(Key::StartRetry, "77 1 (1300)", Some(77)),
                note(Key::EndRetry, "77 1 (1010)", Some(77)),
                note(Key::StartRetry, "77 2 (1610)", Some(77)),
                note(Key::DelayedRetry, "77 1 (1320)", Some(77)),
            ],
        };
        assert_eq!(
            (history.attempts(), history.used(), history.running()),
            (2, 1, Some(77))
        );
        let began: Vec<i64> = history.began(300).map(Timestamp::as_second).collect();
        assert_eq!(began, [1000, 1310]);
        history.notes.push(note(Key::AbortRetry, "nonsense", None));
        assert_eq!((history.used(), history.running()), (2, None));
    }
}
