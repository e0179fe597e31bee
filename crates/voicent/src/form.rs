//! Forms, as old programs write them.

use crate::Invalid;
use std::borrow::Cow;

/// How long a form may be.
pub const LONGEST_BODY: usize = 16 * 1024 * 1024;

/// How many fields a form may have.
const MOST_FIELDS: usize = 256;

/// The fields of a form, in the order in which they came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a query or a body.
    ///
    /// Texts are UTF-8, or else Windows-1252. Some programs escape nothing: what cannot be the beginning of
    /// a field belongs to the value before it.
    ///
    /// # Errors
    ///
    /// When it is too long, has too many fields, or names a field twice with different values.
    pub fn read(body: &[u8]) -> Result<Self, Invalid> {
        if body.len() > LONGEST_BODY {
            return Err(Invalid::bad("form", "is too long"));
        }
        let mut raw: Vec<(&[u8], Vec<u8>)> = Vec::new();
        for piece in body.split(|byte| *byte == b'&') {
            let field = split(piece).filter(|(name, _)| is_name(name));
            match (field, raw.last_mut()) {
                (Some((name, value)), _) => raw.push((name, value.to_vec())),
                (None, Some((_, before))) => {
                    before.push(b'&');
                    before.extend_from_slice(piece);
                }
                (None, None) => {}
            }
            if raw.len() > MOST_FIELDS {
                return Err(Invalid::bad("form", "has too many fields"));
            }
        }
        let pairs = raw.iter().map(|(name, value)| (decoded(name), decoded(value)));
        Self::from_pairs(pairs)
    }

    /// Takes names and values, such as those of a map.
    ///
    /// # Errors
    ///
    /// When a name comes twice with different values.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Invalid> {
        let mut form = Self::default();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            match form.get(&name) {
                Some(there) if there == value => {}
                Some(_) => return Err(Invalid::bad(&name, "is given twice with different values")),
                None => form.0.push((name, value)),
            }
        }
        Ok(form)
    }

    /// Reads the text of a flat JSON object.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn from_json(text: &str) -> Result<Self, Invalid> {
        use serde_json::Value as Json;
        let json =
            serde_json::from_str(text).map_err(|error| Invalid::bad("request", format!("is no JSON: {error}")))?;
        let Json::Object(object) = json else {
            return Err(Invalid::bad("request", "must be a JSON object"));
        };
        let mut form = Self::default();
        for (name, value) in object {
            match value {
                Json::Null => {}
                Json::String(text) => form.push(&name, text),
                Json::Number(number) => form.push(&name, number.to_string()),
                Json::Bool(truth) => form.push(&name, u8::from(truth).to_string()),
                Json::Array(_) | Json::Object(_) => return Err(Invalid::bad(&name, "must be a text or a number")),
            }
        }
        Ok(form)
    }

    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// The value of a field, if it is there, even when it is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(there, _)| there == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The urlencoded form, UTF-8.
    #[must_use]
    pub fn print(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.iter())
            .finish()
    }
}

fn split(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    let place = piece.iter().position(|byte| *byte == b'=')?;
    Some((&piece[..place], &piece[place + 1..]))
}

/// Whether this can be an encoded name. A raw text has blanks and other marks before its next sign of equality.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+%-.*".contains(byte))
}

fn decoded(value: &[u8]) -> String {
    let spaced: Vec<u8> = value
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let bytes: Cow<'_, [u8]> = percent_encoding::percent_decode(&spaced).into();
    text(&bytes)
}

/// Bytes as text: UTF-8, or else Windows-1252, in which every byte is a character.
pub(crate) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252
            .decode_without_bom_handling(bytes)
            .0
            .into_owned(),
    }
}
