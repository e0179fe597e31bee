//! Answers: a status word, and with `success_ok` what was asked for.

use crate::Status;
use crate::fields::LONGEST_BODY;
use crate::value::Value;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// Why an answer cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableAnswer {
    /// It is longer than any answer of the service.
    #[error("the answer is too long")]
    TooLong,
    /// It is no JSON object, or has no `status`.
    #[error("the answer is no JSON object with a status")]
    NoStatus,
    /// The status is `success_ok`, but what should come with it is not there or cannot be read.
    #[error("the answer cannot be read: {0}")]
    Fields(#[source] serde_json::Error),
}

/// Reads an answer: what was asked for, or the word that says why not.
///
/// Numbers may be JSON numbers or texts that hold one; what is unknown is passed over.
///
/// # Errors
///
/// When the text is no answer of the service.
pub fn read_answer<A: DeserializeOwned>(text: &[u8]) -> Result<Result<A, Status>, UnreadableAnswer> {
    if text.len() > LONGEST_BODY {
        return Err(UnreadableAnswer::TooLong);
    }
    let object: Map<String, Json> = serde_json::from_slice(text).map_err(|_| UnreadableAnswer::NoStatus)?;
    let word = object.get("status").and_then(Json::as_str);
    match Status::read(word.ok_or(UnreadableAnswer::NoStatus)?) {
        Status::Ok => serde_json::from_value(Json::Object(object))
            .map(Ok)
            .map_err(UnreadableAnswer::Fields),
        refused => Ok(Err(refused)),
    }
}

/// Prints an answer that gives what was asked for.
///
/// # Panics
///
/// When the type does not serialise to a JSON object, which all answers of this crate do.
#[must_use]
pub fn print_answer<A: Serialize>(answer: &A) -> String {
    let mut value = serde_json::to_value(answer).expect("an answer is made of texts and lists");
    value["status"] = Json::String(Status::Ok.to_string());
    value.to_string()
}

/// Prints an answer that refuses: the word alone.
#[must_use]
pub fn print_refusal(status: &Status) -> String {
    serde_json::json!({ "status": status.to_string() }).to_string()
}

/// The answer to a request that gives nothing back but its success.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Done {}

crate::record::record! {
    /// The answer to a request that made one transaction.
    Placed {
        required {
            /// The transaction, to be asked about later.
            txn_ref: String ["txn_ref"],
        }
    }
}

/// A page of a history: at most a hundred entries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page<E> {
    /// How many entries all pages have together.
    pub total_entries_count: u32,
    /// What is on this page.
    pub entries: Vec<E>,
}

impl<E: Serialize> Serialize for Page<E> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PageOnWire {
            total_entries_count: Some(Text(self.total_entries_count)),
            entries_count: Some(Text(u32::try_from(self.entries.len()).unwrap_or(u32::MAX))),
            entries: Some(&self.entries),
        }
        .serialize(serializer)
    }
}

impl<'de, E: Deserialize<'de>> Deserialize<'de> for Page<E> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let page = PageOnWire::<Vec<E>>::deserialize(deserializer)?;
        let entries = page.entries.unwrap_or_default();
        let counted = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let said = page.total_entries_count.or(page.entries_count);
        Ok(Self {
            total_entries_count: said.map_or(counted, |Text(count)| count),
            entries,
        })
    }
}

#[derive(Deserialize, Serialize)]
#[serde(bound(deserialize = "L: Deserialize<'de>"))]
struct PageOnWire<L> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_entries_count: Option<Text<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entries_count: Option<Text<u32>>,
    #[serde(default = "Option::default")]
    entries: Option<L>,
}

/// A value inside JSON that travels as text, and is read from a JSON number, too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Value> Serialize for Text<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.print())
    }
}

impl<'de, T: Value> Deserialize<'de> for Text<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Json::deserialize(deserializer)? {
            Json::String(text) => text,
            Json::Number(number) => number.to_string(),
            other @ (Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_)) => {
                return Err(serde::de::Error::custom(format!("{other} is not {}", T::EXPECTED)));
            }
        };
        T::read(&text)
            .map(Text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not {}", T::EXPECTED)))
    }
}

/// A list of texts that may come as a JSON array or as one text with commas.
pub(crate) mod list {
    use crate::value::Value;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Array(Vec<String>),
        Text(String),
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        Ok(match Option::<Either>::deserialize(deserializer)? {
            Some(Either::Array(items)) => items,
            Some(Either::Text(text)) => Vec::<String>::read(&text).unwrap_or_default(),
            None => Vec::new(),
        })
    }
}
