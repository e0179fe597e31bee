//! Forms, in all the ways in which they come.

mod multipart;

use crate::Invalid;
use crate::document::{LONGEST_BODY, Node};
use percent_encoding::percent_decode_str;

/// How many fields a form may have.
const MOST_FIELDS: usize = 1024;

/// The fields of a form, in the order in which they came. A name may come several times.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads what a request carries, however its sender meant it: urlencoded or multipart, with a
    /// right or a wrong `Content-Type`, or in the query when the body is empty.
    ///
    /// # Errors
    ///
    /// When it is too long, has too many fields, is not UTF-8, or is broken multipart.
    pub fn from_request(query: Option<&str>, content_type: Option<&str>, body: &[u8]) -> Result<Self, Invalid> {
        if body.len() > LONGEST_BODY {
            return Err(Invalid::bad("body", "is too long"));
        }
        if body.is_empty() {
            return Self::from_form(query.unwrap_or_default());
        }
        if let Some(boundary) = multipart::boundary(content_type, body) {
            return multipart::read(&boundary, body);
        }
        let text = std::str::from_utf8(body).map_err(|_| Invalid::bad("body", "is not UTF-8"))?;
        if text.trim_start().starts_with('{') {
            return Ok(Self::from_node(&Node::read_request(body)?));
        }
        Self::from_form(text)
    }

    /// Reads an urlencoded form.
    ///
    /// # Errors
    ///
    /// When it is too long, has too many fields, or is not UTF-8 once decoded.
    pub fn from_form(form: &str) -> Result<Self, Invalid> {
        if form.len() > LONGEST_BODY {
            return Err(Invalid::bad("body", "is too long"));
        }
        let mut fields = Self::default();
        for pair in form.trim().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name).ok_or_else(|| Invalid::bad("body", "has a name that is not UTF-8"))?;
            let value = decoded(value).ok_or_else(|| Invalid::bad(&name, "is not UTF-8"))?;
            fields.add(name, value)?;
        }
        Ok(fields)
    }

    fn add(&mut self, name: String, value: String) -> Result<(), Invalid> {
        if self.0.len() == MOST_FIELDS {
            return Err(Invalid::bad("body", "has too many fields"));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Names and values, such as those of a map.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// The fields of a tree: parts of parts as `Legs[0][Status]`. What is `null` is left out.
    #[must_use]
    pub fn from_node(node: &Node) -> Self {
        let mut fields = Self::default();
        if let Node::Fields(parts) = node {
            for (name, part) in parts {
                fields.flatten(name, part);
            }
        }
        fields
    }

    fn flatten(&mut self, name: &str, node: &Node) {
        match node {
            Node::Null => {}
            Node::Text(text) => self.0.push((name.to_owned(), text.clone())),
            Node::Number(number) => self.0.push((name.to_owned(), number.to_string())),
            Node::List(_, items) if items.len() == 1 && matches!(items[0], Node::Text(_)) => {
                self.flatten(name, &items[0]);
            }
            Node::List(_, items) => {
                for (place, item) in items.iter().enumerate() {
                    self.flatten(&format!("{name}[{place}]"), item);
                }
            }
            Node::Fields(parts) => {
                for (part, node) in parts {
                    self.flatten(&format!("{name}[{part}]"), node);
                }
            }
        }
    }

    /// Every value of a field that is not empty: `To`, `To[]`, `To[0]`, in their order.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(there, value)| !value.is_empty() && plain(there) == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The first value of a field that is not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// Every name, without what stands in brackets.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| plain(name))
    }

    /// Names and values as they stand on the wire.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The urlencoded form.
    #[must_use]
    pub fn to_form(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.iter())
            .finish()
    }

    /// The form as `multipart/form-data`, with its `Content-Type`.
    #[must_use]
    pub fn to_multipart(&self) -> (String, Vec<u8>) {
        multipart::print(self)
    }
}

/// A name without the brackets of a list: of `[]` or of a number, and only those.
fn plain(name: &str) -> &str {
    match name.split_once('[') {
        Some((plain, rest))
            if rest
                .strip_suffix(']')
                .is_some_and(|place| place.bytes().all(|byte| byte.is_ascii_digit())) =>
        {
            plain
        }
        _ => name,
    }
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(text.into_owned())
}
