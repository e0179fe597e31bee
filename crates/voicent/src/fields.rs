//! Fields of a form into values, and what is wrong with them.

use crate::{Form, Invalid, Problem};
use std::str::FromStr;

/// Reads fields one after the other, and keeps what is wrong with them. What is empty counts as absent.
pub(crate) struct Reader<'a> {
    form: &'a Form,
    invalid: Invalid,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(form: &'a Form) -> Self {
        Self {
            form,
            invalid: Invalid::default(),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.form.get(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    pub(crate) fn needed(&mut self, name: &str) -> String {
        let text = self.text(name);
        if text.is_none() {
            self.invalid.add(name, Problem::Missing);
        }
        text.unwrap_or_default()
    }

    pub(crate) fn number<N: FromStr>(&mut self, name: &str) -> Option<N> {
        let text = self.text(name)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            self.bad(name, "must be a whole number");
        }
        number
    }

    /// `1` or `0`; anything else is taken for no.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| text.trim() == "1")
    }

    pub(crate) fn bad(&mut self, name: &str, why: &str) {
        self.invalid.add(name, Problem::Bad(why.to_owned()));
    }

    /// Refuses fields that are not among these.
    pub(crate) fn only(&mut self, names: &[&str]) {
        for (name, _) in self.form.iter().filter(|(name, _)| !names.contains(name)) {
            self.invalid.add(name, Problem::Unknown);
        }
    }

    pub(crate) fn finish(self) -> Result<(), Invalid> {
        self.invalid.into_result()
    }
}
