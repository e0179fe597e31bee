use std::fmt;

use crate::Key;

/// Why a value cannot stand in a call file, or would not mean there what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing is given where something must be; an optional value that is empty is left out instead.
    Empty,
    /// A control character. A line feed would begin a directive of its own.
    Control(char),
    /// A character that this value cannot have.
    Character(char),
    /// A `#` after a blank begins a comment, and nothing can prevent it.
    Comment,
    /// A blank at the beginning or the end, which Asterisk drops.
    EdgeBlank,
    /// More bytes than Asterisk reads.
    TooLong {
        /// How many there are.
        bytes: usize,
        /// How many it reads.
        at_most: usize,
    },
    /// A number outside of what Asterisk counts with.
    OutOfRange {
        /// The smallest.
        least: i64,
        /// The largest.
        most: i64,
    },
    /// A channel without a `/`.
    NoSlash,
    /// The name of a variable has letters, digits and `_` only.
    VariableName,
    /// A dialplan function that is not on the list of harmless ones.
    Function,
    /// It is heeded only when the call goes to the dialplan.
    OnlyForDialplan,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty; give a value, or leave it out where it is optional"),
            Self::Control(c) => write!(f, "holds the control character U+{:04X}; remove it", u32::from(*c)),
            Self::Character(c) => write!(f, "cannot hold {c:?}; remove it"),
            Self::Comment => {
                f.write_str("has a # after a blank, which begins a comment; put something between them, or remove one")
            }
            Self::EdgeBlank => f.write_str("begins or ends with a blank, which Asterisk drops; remove it"),
            Self::TooLong { bytes, at_most } => {
                write!(f, "takes {bytes} bytes, and Asterisk reads {at_most}; shorten it")
            }
            Self::OutOfRange { least, most } => write!(f, "is not between {least} and {most}"),
            Self::NoSlash => f.write_str("has no /; write it as Technology/destination"),
            Self::VariableName => f.write_str("is no name of a variable; use letters, digits and _"),
            Self::Function => {
                f.write_str("is a dialplan function that may act on the system; set it in the dialplan instead")
            }
            Self::OnlyForDialplan => {
                f.write_str("is heeded only with a context and an extension; leave it out with an application")
            }
        }
    }
}

/// One value that cannot be written: its key, the value, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Where it would have been written.
    pub key: Key,
    /// The value, or the part of it that is wrong, shortened.
    pub value: String,
    /// What is wrong.
    pub reason: Reason,
}

impl FieldProblem {
    pub(crate) fn new(key: Key, value: &str, reason: Reason) -> Self {
        Self {
            key,
            value: value.chars().take(60).collect(),
            reason,
        }
    }
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.is_empty() {
            write!(f, "{} {}", self.key, self.reason)
        } else {
            write!(f, "{} {:?} {}", self.key, self.value, self.reason)
        }
    }
}

/// A call file that cannot be written. Every value that is wrong is named.
///
/// Remedy: mend the values that [`problems`](Self::problems) names. Nothing has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCallFile {
    problems: Vec<FieldProblem>,
}

impl InvalidCallFile {
    pub(crate) fn new(problems: Vec<FieldProblem>) -> Self {
        debug_assert!(!problems.is_empty(), "a call file without problems is valid");
        Self { problems }
    }

    /// All values that are wrong, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[FieldProblem] {
        &self.problems
    }
}

impl fmt::Display for InvalidCallFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidCallFile {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_value_is_named() {
        let invalid = InvalidCallFile::new(vec![
            FieldProblem::new(Key::Data, "a\nb", Reason::Control('\n')),
            FieldProblem::new(Key::Context, "", Reason::Empty),
        ]);
        let text = invalid.to_string();
        assert!(
            text.starts_with("Data \"a\\nb\" holds the control character U+000A"),
            "{text}"
        );
        assert!(text.contains("; Context is empty"), "{text}");
    }
}
