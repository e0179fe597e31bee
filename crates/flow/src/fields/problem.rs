//! What is wrong with a document, and where all of it is collected.

use std::{cell::RefCell, fmt};

/// One thing that is wrong with what was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: the names and numbers on the way there with dots between, as `flow.1.say.text`.
    pub field: String,
    /// What kind of problem it is: one of [`Problem::CODES`]. Programs may rely on it.
    pub code: &'static str,
    /// What is wrong and how to mend it, for people.
    pub message: String,
}

impl Problem {
    /// Every code, with what it means.
    pub const CODES: &'static [(&'static str, &'static str)] = &[
        ("missing", "a field that must be given is not there"),
        ("unknown", "there is no such field"),
        (
            "type",
            "the value is of another type, as a text where a number is needed",
        ),
        ("too_long", "a text or a list is longer than allowed, or nested deeper"),
        ("out_of_range", "a number or a duration is too small or too great"),
        (
            "invalid",
            "the value has the right type but cannot be used for another reason",
        ),
    ];
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.field, self.message)
        }
    }
}

/// Collects problems. It is shared by all that read parts of one document.
#[derive(Debug, Default)]
pub struct Problems {
    list: RefCell<Vec<Problem>>,
}

impl Problems {
    /// The most problems that are kept; those after them say nothing that anybody would read.
    pub const MOST: usize = 100;

    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a problem. A message longer than a few lines is cut.
    pub fn add(&self, field: impl Into<String>, code: &'static str, message: impl Into<String>) {
        let mut list = self.list.borrow_mut();
        if list.len() < Self::MOST {
            list.push(Problem {
                field: field.into(),
                code,
                message: cut(&message.into(), 500),
            });
        }
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// What was read, or all that is wrong with it.
    ///
    /// # Errors
    ///
    /// The problems, when there is one.
    ///
    /// # Panics
    ///
    /// When nothing was read although nothing is wrong: whoever returns `None` must have said why.
    pub fn into_result<T>(self, read: Option<T>) -> Result<T, Vec<Problem>> {
        let list = self.list.into_inner();
        if list.is_empty() {
            Ok(read.expect("a reader that returns nothing has added a problem"))
        } else {
            Err(list)
        }
    }
}

/// The beginning of a text that was given, for messages: what was given may be a megabyte.
#[must_use]
pub fn shortened(given: &str) -> String {
    cut(given, 60)
}

/// At most so many characters, in one line, with a mark where something is left out.
fn cut(text: &str, most: usize) -> String {
    let mut short: String = text
        .chars()
        .take(most)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_cut_and_kept_in_one_line() {
        assert_eq!(shortened("a\nb"), "a b");
        assert_eq!(shortened(&"é".repeat(1_000_000)), format!("{}…", "é".repeat(60)));
    }

    #[test]
    fn the_collection_is_bounded() {
        let problems = Problems::new();
        (0..1_000).for_each(|n| problems.add(n.to_string(), "invalid", "no"));
        assert_eq!(problems.into_result(Some(())).unwrap_err().len(), Problems::MOST);
    }

    #[test]
    fn a_problem_shows_its_place() {
        let problem = |field: &str| Problem {
            field: field.into(),
            code: "missing",
            message: "give it".into(),
        };
        assert_eq!(problem("flow.1").to_string(), "flow.1: give it");
        assert_eq!(problem("").to_string(), "give it");
    }
}
