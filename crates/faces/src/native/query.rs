//! Reads the query of a request as a document, so that its fields are checked as those of a body.

use outdial_flow::{Problems, fields::shortened};
use serde_json::{Map, Number, Value};

use super::{code::Code, document::Document, refusal::Refusal};

/// Reads a query. The parameters with these names become numbers where they are written as such; all
/// others stay texts.
pub(super) fn read(query: Option<&str>, numbers: &[&str]) -> Result<Document, Refusal> {
    let problems = Problems::new();
    let mut object = Map::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        if object.contains_key(&name) {
            problems.add(
                shortened(&name),
                "invalid",
                "the parameter is given twice: leave one out",
            );
        }
        let number = if numbers.contains(&name.as_str()) {
            number(&value)
        } else {
            None
        };
        object.insert(name, number.map_or(Value::String(value), Value::Number));
    }
    Ok(Document {
        value: Value::Object(object),
        problems,
    })
}

fn number(text: &str) -> Option<Number> {
    text.parse::<i64>()
        .ok()
        .map(Number::from)
        .or_else(|| Number::from_f64(text.parse().ok()?))
}

/// Undoes the encoding of forms: `+` is a blank, `%` and two hexadecimal digits are a byte of UTF-8.
fn decoded(text: &str) -> Result<String, Refusal> {
    let malformed = || Refusal::new(Code::MalformedQuery, "the query must be percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit().ok_or_else(malformed)?, digit().ok_or_else(malformed)?);
                u8::try_from(high * 16 + low).map_err(|_| malformed())?
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let document = read(
            Some("tag=a%20b+c&limit=5&to=%2B65&empty&wait=1.5&x=7"),
            &["limit", "wait"],
        )
        .unwrap();
        assert_eq!(
            document.value,
            json!({"tag": "a b c", "limit": 5, "to": "+65", "empty": "", "wait": 1.5, "x": "7"})
        );
        assert_eq!(read(None, &[]).unwrap().value, json!({}));
    }

    #[test]
    fn what_is_no_utf8_is_refused() {
        for query in ["tag=%ff", "tag=%zz", "tag=%2", "tag=%", "%c3=1"] {
            assert!(read(Some(query), &[]).is_err(), "{query}");
        }
    }

    #[test]
    fn parameters_given_twice_are_a_problem() {
        let document = read(Some("tag=a&tag=b"), &[]).unwrap();
        assert!(!document.problems.is_empty());
    }
}
