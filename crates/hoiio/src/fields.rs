//! Named texts, as they stand in a form or in a flat JSON object.

use crate::Invalid;
use crate::value::Value;
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;
use std::fmt;

/// How long a form or an answer may be. A fax is the longest: its file travels as text.
pub const LONGEST_BODY: usize = 32 * 1024 * 1024;

/// How many fields a form may have. No request knows more than a dozen.
const MOST_FIELDS: usize = 256;

/// The fields of a request or a notification, in the order in which they came.
///
/// Use it to look at a form before it is known what it asks for: which request it is, and whose.
/// The values of `access_token` and `file` are left out of `Debug`.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads an urlencoded form, from a query or a body.
    ///
    /// # Errors
    ///
    /// When the text is too long, has too many fields, is not UTF-8 once decoded, or names a field
    /// twice with different values: nobody could say which of them was meant.
    pub fn from_form(form: &str) -> Result<Self, Invalid> {
        if form.len() > LONGEST_BODY {
            return Err(Invalid::bad("form", "is too long"));
        }
        let mut fields = Self::default();
        for pair in form.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name).ok_or_else(|| Invalid::bad("form", "has a name that is not UTF-8"))?;
            let value = decoded(value).ok_or_else(|| Invalid::bad(&name, "is not UTF-8"))?;
            fields.add(name, value)?;
        }
        Ok(fields)
    }

    /// Reads a flat JSON object: texts, numbers and booleans by their text, a list of them separated by
    /// commas. What is `null` counts as absent.
    ///
    /// # Errors
    ///
    /// When it is not an object, or a value is an object or a list of something else.
    pub fn from_json(object: &Json) -> Result<Self, Invalid> {
        let Json::Object(entries) = object else {
            return Err(Invalid::bad("request", "must be a JSON object"));
        };
        let mut fields = Self::default();
        for (name, value) in entries {
            match value {
                Json::Null => {}
                Json::Array(items) => {
                    let texts: Option<Vec<String>> = items.iter().map(scalar).collect();
                    let texts = texts.ok_or_else(|| Invalid::bad(name, "must be a list of texts"))?;
                    fields.add(name.clone(), texts.join(","))?;
                }
                Json::String(_) | Json::Number(_) | Json::Bool(_) | Json::Object(_) => {
                    let text = scalar(value).ok_or_else(|| Invalid::bad(name, "must be a text or a number"))?;
                    fields.add(name.clone(), text)?;
                }
            }
        }
        Ok(fields)
    }

    /// Takes pairs of names and values, such as those of a map.
    ///
    /// # Errors
    ///
    /// When a name comes twice with different values.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Invalid> {
        let mut fields = Self::default();
        for (name, value) in pairs {
            fields.add(name.into(), value.into())?;
        }
        Ok(fields)
    }

    fn add(&mut self, name: String, value: String) -> Result<(), Invalid> {
        match self.get(&name) {
            Some(there) if there == value => return Ok(()),
            Some(_) => return Err(Invalid::bad(&name, "is given twice with different values")),
            None => {}
        }
        if self.0.len() == MOST_FIELDS {
            return Err(Invalid::bad("form", "has too many fields"));
        }
        self.0.push((name, value));
        Ok(())
    }

    pub(crate) fn with<T: Value>(mut self, name: &str, value: &T) -> Self {
        self.0.push((name.to_owned(), value.print()));
        self
    }

    /// The value of a field, if it is there, even when it is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(there, _)| there == name)
            .map(|(_, value)| value.as_str())
    }

    /// Names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The urlencoded form, UTF-8, with a plus sign written as `%2B`.
    #[must_use]
    pub fn to_form(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.iter())
            .finish()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map()
            .entries(self.iter().map(|(name, value)| match name {
                "access_token" | "file" => (name, "…"),
                _ => (name, value),
            }))
            .finish()
    }
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(text.into_owned())
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
