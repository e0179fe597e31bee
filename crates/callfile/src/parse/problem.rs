use std::fmt;

use crate::Key;

/// Something in a call file that does not mean what its author may have thought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1; none when it is about the whole file.
    pub line: Option<usize>,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong in a call file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A line of more than 1022 bytes, which Asterisk skips.
    LineTooLong,
    /// A NUL byte. Asterisk takes the line for too long, and skips it and the next one.
    Nul,
    /// The line after one with a NUL byte, skipped with it.
    AfterNul,
    /// A line without a colon, which Asterisk skips.
    NoColon,
    /// A word before the colon that is no key, which Asterisk skips. A blank before the word or
    /// before the colon is part of it, and so is a byte-order mark.
    UnknownKey(String),
    /// The rest of the line is a comment: `;` anywhere, or `#` after a blank.
    Comment(String),
    /// A channel without `/`, which changes nothing.
    ChannelWithoutSlash,
    /// No number, or one that is too small; Asterisk takes another one.
    Number {
        /// The key.
        key: Key,
        /// What it takes.
        taken: i32,
    },
    /// A number followed by something else, or with more digits than Asterisk counts.
    NumberInPart {
        /// The key.
        key: Key,
        /// What it takes.
        taken: i32,
    },
    /// Neither yes nor no; Asterisk takes it for no.
    NeitherYesNorNo(Key),
    /// A variable without `=`, which Asterisk skips.
    NoEquals,
    /// Bytes that are not UTF-8. Asterisk passes them on as they are; here they are shown as `�`.
    NotUtf8,
    /// A key that was given before; the last one counts.
    Again(Key),
    /// Both an application and an extension; the application counts.
    ApplicationWins,
    /// Early media with an application, which Asterisk does not heed.
    EarlyMediaUnused,
    /// `AlwaysDelete: no`: with Asterisk 22 on Linux the file stays in the queue and is not run again.
    NeverDeleted,
    /// The finished file is not kept, so its result cannot be read.
    NotArchived,
    /// A negative number of retries: Asterisk rings nobody, and the file expires.
    NoAttempt,
    /// The notes in it say that all attempts were made; Asterisk rings nobody, and the file expires.
    AttemptsUsed,
    /// An extension without a context; Asterisk answers the call and has nowhere to go.
    NoContext,
    /// No channel that can be rung. Asterisk refuses the file.
    NoChannel,
    /// Neither an application nor an extension. Asterisk refuses the file.
    NoAction,
}

impl ProblemKind {
    /// Whether Asterisk rings nobody because of it.
    #[must_use]
    pub fn prevents_call(&self) -> bool {
        matches!(
            self,
            Self::NoChannel | Self::NoAction | Self::NoAttempt | Self::AttemptsUsed
        )
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong => f.write_str("the line is longer than 1022 bytes, and is skipped"),
            Self::Nul => f.write_str("the line holds a NUL byte; it and the next one are skipped"),
            Self::AfterNul => f.write_str("the line is skipped, because the one before holds a NUL byte"),
            Self::NoColon => f.write_str("there is no colon; the line is skipped"),
            Self::UnknownKey(word) if Key::read(word.trim_matches(blank_or_mark).as_bytes()).is_some() => write!(
                f,
                "{word:?} is no key because of what stands around it; the line is skipped, write {:?}",
                word.trim_matches(blank_or_mark)
            ),
            Self::UnknownKey(word) => write!(f, "{word:?} is no key; the line is skipped"),
            Self::Comment(rest) => write!(f, "{rest:?} is a comment"),
            Self::ChannelWithoutSlash => f.write_str("the channel has no /; the line changes nothing"),
            Self::Number { key, taken } => write!(f, "{key} is no number of use here; {taken} is taken"),
            Self::NumberInPart { key, taken } => write!(f, "of {key} only a part counts; {taken} is taken"),
            Self::NeitherYesNorNo(key) => write!(f, "{key} is neither yes nor no; no is taken"),
            Self::NoEquals => f.write_str("there is no = between name and value; the line is skipped"),
            Self::NotUtf8 => f.write_str("the value is not UTF-8; its bytes are passed on as they are"),
            Self::Again(key) => write!(f, "{key} was given before; this one counts"),
            Self::ApplicationWins => {
                f.write_str("there are both an application and an extension; the application counts")
            }
            Self::EarlyMediaUnused => f.write_str("early media is heeded only with an extension"),
            Self::NeverDeleted => f.write_str(
                "with AlwaysDelete: no, Asterisk 22 on Linux keeps the file in its queue without running it again",
            ),
            Self::NotArchived => f.write_str("the finished file is not kept (no Archive: yes), so its result is lost"),
            Self::NoAttempt => f.write_str("MaxRetries is negative; nobody is rung, and the file expires"),
            Self::AttemptsUsed => f.write_str("all attempts were made; nobody is rung, and the file expires"),
            Self::NoContext => f.write_str("there is no context; the call is answered and goes nowhere"),
            Self::NoChannel => f.write_str("there is no Channel with technology and destination; the file is refused"),
            Self::NoAction => f.write_str("there is neither an Application nor an Extension; the file is refused"),
        }
    }
}

fn blank_or_mark(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        self.kind.fmt(f)
    }
}
