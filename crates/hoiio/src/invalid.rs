//! What is wrong with the fields of a request.

use crate::Status;
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
    /// It holds more numbers than so many.
    TooMany(usize),
    /// It is the number that this other field has.
    SameAs(&'static str),
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

    /// The status word with which the service answers such a request: what is missing comes before
    /// what is malformed.
    #[must_use]
    pub fn status(&self) -> Status {
        let missing = self.0.iter().find(|fault| fault.problem == Problem::Missing);
        match (missing, self.0.first()) {
            (Some(fault), _) => Status::ParamMissing(fault.field.clone()),
            (None, Some(fault)) => match &fault.problem {
                Problem::TooMany(_) => Status::DestTooMany,
                Problem::SameAs(_) => Status::SameDest1Dest2,
                Problem::Missing | Problem::Unknown | Problem::Bad(_) => Status::of_bad_field(&fault.field),
            },
            (None, None) => Status::MalformedParams,
        }
    }

    /// The same without the faults that somebody else judges, as how many numbers there may be where a configuration says it.
    ///
    /// # Errors
    ///
    /// With the faults that are left, if there are any.
    pub fn but_for(self, judged_elsewhere: impl Fn(&Fault) -> bool) -> Result<(), Self> {
        let left = self.0.into_iter().filter(|fault| !judged_elsewhere(fault));
        Self(left.collect()).into_result()
    }

    /// The fault that a status word of the service tells, if it tells of a field.
    #[must_use]
    pub fn from_status(status: &Status) -> Option<Self> {
        if let Status::ParamMissing(field) = status {
            let mut invalid = Self::default();
            invalid.add(field, Problem::Missing);
            return Some(invalid);
        }
        let field = status.bad_field()?;
        Some(Self::bad(field, format!("was refused by the service ({status})")))
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
                Problem::TooMany(most) => write!(out, "{} must hold at most {most} numbers", fault.field)?,
                Problem::SameAs(other) => write!(out, "{} must not be the same as {other}", fault.field)?,
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

    /// E.164: a plus and up to fifteen digits.
    pub(crate) fn number(&mut self, field: &str, number: &str) {
        let fine = number.strip_prefix('+').is_some_and(|digits| {
            (3..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
        });
        self.that(field, fine, "must be a number with its country, such as +6511111111");
    }

    pub(crate) fn numbers(&mut self, field: &str, numbers: &[String], most: usize) {
        self.that(field, !numbers.is_empty(), "must hold a number");
        if numbers.len() > most {
            self.0.add(field, Problem::TooMany(most));
        }
        if let Some(bad) = numbers.iter().find(|number| {
            let mut one = Self::default();
            one.number(field, number);
            one.finish().is_err()
        }) {
            let why = format!("holds {bad:?}: a number with its country is needed, such as +6511111111");
            self.that(field, false, &why);
        }
    }

    pub(crate) fn differ(&mut self, field: &str, differ: bool, other: &'static str) {
        if !differ {
            self.0.add(field, Problem::SameAs(other));
        }
    }

    /// The fields that most requests have in common.
    pub(crate) fn tag_and_notify(&mut self, tag: Option<&str>, notify_url: Option<&str>) {
        self.longest("tag", tag, 256);
        self.url("notify_url", notify_url);
    }

    pub(crate) fn url(&mut self, field: &str, url: Option<&str>) {
        self.longest(field, url, 4000);
        let fine = url.is_none_or(|url| url.starts_with("http://") || url.starts_with("https://"));
        self.that(field, fine, "must begin with http:// or https://");
    }

    pub(crate) fn finish(self) -> Result<(), Invalid> {
        self.0.into_result()
    }
}
