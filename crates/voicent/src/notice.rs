//! What `vcast` posts to its `-statusurl` when a call of a list is over.

use crate::fields::Reader;
use crate::{Form, Invalid};
use jiff::Timestamp;

/// The report of one call of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// The row.
    pub index: u32,
    /// The row's columns by name, among them `Confirmation` and `Status`, such as `confirmed` or `Call Made`.
    pub columns: Vec<(String, String)>,
    /// The number that was shown.
    pub caller: Option<String>,
    /// When the call was made.
    pub call_time: Option<Timestamp>,
    /// Seconds.
    pub call_duration: Option<u32>,
}

/// The fields that are no columns.
const OWN: [&str; 4] = ["index", "caller", "calltime", "callduration"];

impl Notice {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// With every field that is missing or cannot be read.
    pub fn from_form(form: &Form) -> Result<Self, Invalid> {
        let mut reader = Reader::new(form);
        if reader.text("index").is_none() {
            reader.needed("index");
        }
        let index = reader.number("index");
        let seconds: Option<i64> = reader.number("calltime");
        let call_time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        if seconds.is_some() && call_time.is_none() {
            reader.bad("calltime", "must be seconds since 1970");
        }
        let call_duration = reader.number("callduration");
        let caller = reader.text("caller");
        reader.finish()?;
        let columns = form.iter().filter(|(name, _)| !OWN.contains(name));
        Ok(Self {
            index: index.unwrap_or_default(),
            columns: columns
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            caller,
            call_time,
            call_duration,
        })
    }

    /// The form.
    #[must_use]
    pub fn to_form(&self) -> Form {
        let mut form = Form::default();
        form.push("index", self.index.to_string());
        for (name, value) in self.columns.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
            form.push(name, value);
        }
        if let Some(caller) = &self.caller {
            form.push("caller", caller);
        }
        if let Some(time) = self.call_time {
            form.push("calltime", time.as_second().to_string());
        }
        if let Some(seconds) = self.call_duration {
            form.push("callduration", seconds.to_string());
        }
        form
    }

    /// The value of a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&str> {
        let found = self.columns.iter().find(|(there, _)| there.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}
