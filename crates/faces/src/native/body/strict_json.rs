//! Reads JSON so that a field given twice is a problem: which of the two was meant, nobody can know.

use std::fmt;

use outdial_flow::{Problems, fields::shortened};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::native::{code::Code, document::Document, refusal::Refusal};

/// Reads a whole JSON document.
pub(super) fn read(bytes: &[u8]) -> Result<Document, Refusal> {
    if bytes.trim_ascii().is_empty() {
        return Err(Refusal::new(
            Code::MalformedJson,
            "the body is empty: send a JSON object",
        ));
    }
    let problems = Problems::new();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict {
        path: None,
        problems: &problems,
    }
    .deserialize(&mut deserializer)
    .and_then(|value| deserializer.end().map(|()| value));
    match value {
        Ok(value) => Ok(Document { value, problems }),
        Err(error) => Err(Refusal::new(
            Code::MalformedJson,
            format!("the body is not JSON: {error}"),
        )),
    }
}

/// Reads one value at its place.
#[derive(Clone, Copy)]
struct Strict<'a> {
    path: Option<&'a Path<'a>>,
    problems: &'a Problems,
}

/// The way to a value, written down only when something is wrong there.
struct Path<'a> {
    before: Option<&'a Path<'a>>,
    name: &'a dyn fmt::Display,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = self.before {
            write!(f, "{before}.")?;
        }
        f.write_str(&shortened(&self.name.to_string()))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let index = list.len();
            let path = Path {
                before: self.path,
                name: &index,
            };
            match elements.next_element_seed(Strict {
                path: Some(&path),
                ..self
            })? {
                Some(element) => list.push(element),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let path = Path {
                before: self.path,
                name: &name,
            };
            let value = entries.next_value_seed(Strict {
                path: Some(&path),
                ..self
            })?;
            if object.contains_key(&name) {
                self.problems
                    .add(path.to_string(), "invalid", "the field is given twice: leave one out");
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_reads_what_serde_json_reads() {
        let text = r#"{"a": [1, -2, 3.5, 1e3, true, null, "x\ny", {}], "b": {"c": []}}"#;
        assert_eq!(
            read(text.as_bytes()).unwrap().value,
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    #[test]
    fn fields_given_twice_are_found_where_they_stand() {
        let body = br#"{"to": 1, "flow": [{"say": "a", "say": "b"}], "to": 2}"#;
        let document = read(body).unwrap();
        assert_eq!(document.value["to"], json!(2));
        let list = document.problems.into_result(Some(())).unwrap_err();
        let shown: Vec<String> = list.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "flow.0.say: the field is given twice: leave one out",
                "to: the field is given twice: leave one out"
            ]
        );
    }

    #[test]
    fn deep_nesting_does_not_bring_it_down() {
        for body in ["[".repeat(1 << 17), "{\"a\":".repeat(1 << 16)] {
            assert!(read(body.as_bytes()).is_err());
        }
    }
}
