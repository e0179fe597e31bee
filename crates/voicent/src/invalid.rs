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

    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The faults, in the order of the fields.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.0
    }

    pub(crate) fn missing(field: &str) -> Self {
        let mut invalid = Self::default();
        invalid.add(field, Problem::Missing);
        invalid
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
