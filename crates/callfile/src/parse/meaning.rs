use super::{ProblemKind, explain};
use crate::Key;

/// A line of a call file and what Asterisk does with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// The line as it stands there.
    pub text: String,
    /// What Asterisk does with it.
    pub meaning: Meaning,
    /// What is wrong or surprising about it.
    pub problems: Vec<ProblemKind>,
}

impl Line {
    /// What Asterisk does with the line, as a sentence.
    #[must_use]
    pub fn explanation(&self) -> String {
        explain::line(&self.meaning)
    }
}

/// What Asterisk does with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing stands there.
    Blank,
    /// A comment.
    Comment,
    /// A directive, with the value that counts: without comments, escapes and blanks around it.
    Directive {
        /// The key.
        key: Key,
        /// The value.
        value: String,
    },
    /// The result, written at the end of an archived file. Asterisk does not read it again.
    Status,
    /// It has no effect; the problems say why.
    Skipped,
}
