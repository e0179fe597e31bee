//! What is wrong with the fields of a request.

use std::fmt;

/// One field, and what is wrong with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The name of the field on the wire.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Problem {
    /// It must be there, and not be empty.
    Missing,
    /// No request of this kind has such a field.
    Unknown,
    /// Its value cannot be; the text says why.
    Bad(String),
}

/// All faults of one request, by field.
#[derive(Clone, Debug, Default, Eq, PartialEq, thiserror::Error)]
pub struct Invalid(Vec<Fault>);

impl Invalid {
    pub(crate) fn bad(field: &str, why: impl Into<String>) -> Self {
        let mut invalid = Self::default();
        invalid.add(field, Problem::Bad(why.into()));
        invalid
    }

    pub(crate) fn add(&mut self, field: &str, problem: Problem) {
        self.0.push(Fault {
            field: field.to_owned(),
            problem,
        });
    }

    pub(crate) fn missing(&mut self, field: &str) {
        self.add(field, Problem::Missing);
    }

    /// Takes over the faults of a part.
    pub(crate) fn take(&mut self, part: &str, faults: &Self) {
        for fault in &faults.0 {
            self.add(&format!("{part}[{}]", fault.field), fault.problem.clone());
        }
    }

    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The faults, in the order of the fields.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.0
    }

    /// Whether this field is missing.
    #[must_use]
    pub fn is_missing(&self, field: &str) -> bool {
        self.0
            .iter()
            .any(|fault| fault.field == field && fault.problem == Problem::Missing)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            if place > 0 {
                out.write_str("; ")?;
            }
            match &fault.problem {
                Problem::Missing => write!(out, "{} is missing", fault.field)?,
                Problem::Unknown => write!(out, "{} is not a field of this request", fault.field)?,
                Problem::Bad(why) => write!(out, "{} {why}", fault.field)?,
            }
        }
        Ok(())
    }
}

/// Looks at the fields of a request and notes what is out of bounds.
#[derive(Debug, Default)]
pub struct Check(Invalid);

impl Check {
    pub(crate) fn that(&mut self, field: &str, fine: bool, why: &str) {
        if !fine {
            self.0.add(field, Problem::Bad(why.to_owned()));
        }
    }

    pub(crate) fn longest(&mut self, field: &str, value: Option<&str>, characters: usize) {
        let fine = value.is_none_or(|text| text.chars().count() <= characters);
        self.that(field, fine, &format!("must have at most {characters} characters"));
    }

    /// A number as this service takes them: with or without the country, with or without a plus.
    pub(crate) fn number(&mut self, field: &str, number: &str) {
        let digits = number.strip_prefix('+').unwrap_or(number);
        let fine = (2..=20).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        self.that(
            field,
            fine,
            "must be a number: digits, with or without a plus before them",
        );
    }

    pub(crate) fn numbers(&mut self, field: &str, numbers: &[String], most: usize) {
        self.that(field, !numbers.is_empty(), "must hold a number");
        self.that(field, numbers.len() <= most, &format!("must hold at most {most}"));
        for number in numbers.iter().take(most) {
            self.number(field, number);
        }
    }

    pub(crate) fn one_of(&mut self, field: &str, value: Option<&str>, words: &[&str]) {
        let fine = value.is_none_or(|value| words.contains(&value));
        self.that(field, fine, &format!("must be one of {}", words.join(" ")));
    }

    pub(crate) fn url(&mut self, field: &str, url: Option<&str>) {
        let fine = url.is_none_or(|url| url.starts_with("http://") || url.starts_with("https://"));
        self.that(field, fine, "must begin with http:// or https://");
    }

    pub(crate) fn finish(self) -> Result<(), Invalid> {
        self.0.into_result()
    }
}
