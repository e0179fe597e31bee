//! One value that was given, and where.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use serde_json::{Map, Value};

use super::{Fields, Problems, duration, shortened, suggest};

/// One value that was given, at its place in the document.
///
/// Each getter returns what it read, or `None` after it has added a problem.
#[derive(Debug, Clone)]
pub struct Given<'v, 'p> {
    value: &'v Value,
    path: String,
    depth: usize,
    problems: &'p Problems,
}

/// The whole numbers that can be read.
pub trait Whole: Copy + PartialOrd + Display + TryFrom<i128> {}
impl<T: Copy + PartialOrd + Display + TryFrom<i128>> Whole for T {}

impl<'v, 'p> Given<'v, 'p> {
    /// The deepest that values may be nested in one another.
    pub const DEEPEST: usize = 100;

    /// The value of a whole document, or of a part that stands at this path.
    #[must_use]
    pub fn new(value: &'v Value, path: &str, problems: &'p Problems) -> Self {
        Self {
            value,
            path: path.to_owned(),
            depth: 0,
            problems,
        }
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &'v Value {
        self.value
    }

    /// Where it stands, as `flow.1.say`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where all problems of the document are collected.
    #[must_use]
    pub fn problems(&self) -> &'p Problems {
        self.problems
    }

    /// Reports a problem with this value.
    pub fn problem(&self, code: &'static str, message: impl Into<String>) {
        self.problems.add(&self.path, code, message);
    }

    /// A text of at most so many bytes that is not blank; it may have several lines, whichever way they end.
    #[must_use]
    pub fn text(&self, longest: usize) -> Option<&'v str> {
        self.characters(longest, |character| matches!(character, '\n' | '\r' | '\t'))
    }

    /// A text of one line, of at most so many bytes, that is not blank.
    #[must_use]
    pub fn line(&self, longest: usize) -> Option<&'v str> {
        self.characters(longest, |_| false)
    }

    /// A text of one line that a type can be made of.
    #[must_use]
    pub fn parse<T: FromStr<Err: Display>>(&self, longest: usize) -> Option<T> {
        let text = self.line(longest)?;
        text.parse()
            .map_err(|error: T::Err| self.problem("invalid", error.to_string()))
            .ok()
    }

    /// One of these words.
    #[must_use]
    pub fn word(&self, words: &[&'static str]) -> Option<&'static str> {
        let given = self.as_text()?;
        let word = words.iter().find(|word| **word == given);
        if word.is_none() {
            let hint = suggest::hint(given, words);
            self.problem("invalid", format!("unknown word `{}`{hint}", shortened(given)));
        }
        word.copied()
    }

    /// A whole number within bounds. `3.0` is one, `"3"` is not.
    #[must_use]
    pub fn integer<N: Whole>(&self, bounds: RangeInclusive<N>) -> Option<N> {
        let wanted = format!("give a whole number from {} to {}", bounds.start(), bounds.end());
        let Value::Number(number) = self.value else {
            self.problem("type", format!("{wanted}, not {}", self.kind()));
            return None;
        };
        let whole = number.as_i128().or_else(|| {
            // Beyond 2^53 a floating-point number no longer says which whole number it is.
            let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
            #[expect(clippy::cast_possible_truncation, reason = "both bounds are far within i128")]
            (float.abs() <= 9e15).then_some(float as i128)
        });
        let read = whole.and_then(|whole| N::try_from(whole).ok());
        let read = read.filter(|read| bounds.contains(read));
        if read.is_none() {
            self.problem("out_of_range", format!("{wanted}, not {number}"));
        }
        read
    }

    /// A number within bounds, whole or not.
    #[must_use]
    pub fn decimal(&self, bounds: RangeInclusive<f64>) -> Option<f64> {
        let wanted = format!("give a number from {} to {}", bounds.start(), bounds.end());
        let Some(number) = self.value.as_f64() else {
            self.problem("type", format!("{wanted}, not {}", self.kind()));
            return None;
        };
        let is_within = bounds.contains(&number);
        if !is_within {
            self.problem("out_of_range", format!("{wanted}, not {number}"));
        }
        is_within.then_some(number)
    }

    /// A length of time within bounds: a number of seconds, or a text as [`duration::parse`] reads it.
    #[must_use]
    pub fn duration(&self, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        let (given, read) = match self.value {
            Value::Number(number) => (shortened(&number.to_string()), duration::from_seconds(number)),
            Value::String(text) => (shortened(text), duration::parse(text)),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return self.wrong_type("a number of seconds or a text as `30s`");
            }
        };
        match read {
            Ok(read) if bounds.contains(&read) => return Some(read),
            Ok(_) | Err(duration::DurationError::OutOfRange) => {
                let (least, most) = (duration::shown(*bounds.start()), duration::shown(*bounds.end()));
                self.problem(
                    "out_of_range",
                    format!("`{given}` is out of range: give {least} to {most}"),
                );
            }
            Err(error @ (duration::DurationError::Unit | duration::DurationError::Form)) => {
                self.problem("invalid", format!("`{given}` is no length of time: {error}"));
            }
        }
        None
    }

    /// `true` or `false`.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong_type("true or false"))
    }

    /// The elements of a list of at most so many.
    #[must_use]
    pub fn list(&self, most: usize) -> Option<Vec<Given<'v, 'p>>> {
        let Some(list) = self.value.as_array() else {
            return self.wrong_type("a list");
        };
        self.may_hold(list.len(), most).then(|| {
            let at = |(index, value)| self.inside(&format!("{index}"), value);
            list.iter().enumerate().map(at).collect()
        })
    }

    /// The names and values of an object of at most so many fields with free names.
    #[must_use]
    pub fn entries(&self, most: usize) -> Option<Vec<(&'v str, Given<'v, 'p>)>> {
        let object = self.as_object()?;
        self.may_hold(object.len(), most).then(|| {
            let at = |(name, value): (&'v String, &'v Value)| (name.as_str(), self.inside(name, value));
            object.iter().map(at).collect()
        })
    }

    /// The fields of an object.
    #[must_use]
    pub fn object(&self) -> Option<Fields<'v, 'p>> {
        Some(Fields::of(self.clone())).filter(Fields::is_object)
    }

    /// What it is instead of what it should be, as `a number`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    /// A value inside this one.
    pub(super) fn inside(&self, name: &str, value: &'v Value) -> Self {
        let name = shortened(name);
        Self {
            value,
            path: if self.path.is_empty() {
                name
            } else {
                format!("{}.{name}", self.path)
            },
            depth: self.depth + 1,
            problems: self.problems,
        }
    }

    /// The object, if it is one and not too deep.
    pub(super) fn as_object(&self) -> Option<&'v Map<String, Value>> {
        let Some(object) = self.value.as_object() else {
            return self.wrong_type("an object");
        };
        self.may_hold(0, 0).then_some(object)
    }

    fn as_text(&self) -> Option<&'v str> {
        self.value.as_str().or_else(|| self.wrong_type("a text"))
    }

    fn characters(&self, longest: usize, allows: impl Fn(char) -> bool) -> Option<&'v str> {
        let text = self.as_text()?;
        if text.len() > longest {
            let length = text.len();
            self.problem(
                "too_long",
                format!("the text has {length} bytes, the most allowed is {longest}: shorten it"),
            );
            return None;
        }
        if let Some(control) = text.chars().find(|c| c.is_control() && !allows(*c)) {
            let code = u32::from(control);
            self.problem(
                "invalid",
                format!("the text has the control character U+{code:04X}: take it out"),
            );
            return None;
        }
        if text.trim().is_empty() {
            self.problem("invalid", "the text is blank");
            return None;
        }
        Some(text)
    }

    /// Whether so many values may stand inside this one.
    fn may_hold(&self, count: usize, most: usize) -> bool {
        if count > most {
            self.problem("too_long", format!("{count} are given, the most allowed is {most}"));
        }
        if self.depth >= Self::DEEPEST {
            self.problem(
                "too_long",
                format!("values are nested more than {} deep", Self::DEEPEST),
            );
        }
        count <= most && self.depth < Self::DEEPEST
    }

    fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        self.problem("type", format!("give {wanted}, not {}", self.kind()));
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn one<'v, T>(value: &'v Value, read: impl FnOnce(Given<'v, '_>) -> Option<T>) -> Result<T, String> {
        let problems = Problems::new();
        let read = read(Given::new(value, "", &problems));
        problems.into_result(read).map_err(|list| list[0].to_string())
    }

    #[test]
    fn whole_numbers_have_bounds() {
        let read = |value: Value| one(&value, |given| given.integer(1..=10u8)).ok();
        let table = [
            (json!(1), Some(1)),
            (json!(10), Some(10)),
            (json!(3.0), Some(3)),
            (json!(0), None),
            (json!(11), None),
            (json!(-1), None),
            (json!(1.5), None),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!("3"), None),
            (json!(true), None),
        ];
        for (value, expected) in table {
            assert_eq!(read(value.clone()), expected, "{value}");
        }
        assert_eq!(one(&json!(u64::MAX), |given| given.integer(0..=u64::MAX)), Ok(u64::MAX));
        assert_eq!(one(&json!(i64::MIN), |given| given.integer(i64::MIN..=0)), Ok(i64::MIN));
    }

    #[test]
    fn texts_have_bounds() {
        assert_eq!(one(&json!("a\n\tb"), |given| given.text(4)), Ok("a\n\tb"));
        for bad in ["abcde", "a\u{7}", "\r\n", ""] {
            assert!(one(&json!(bad), |given| given.text(4)).is_err(), "{bad:?}");
        }
        assert_eq!(one(&json!("a\r\nb"), |given| given.text(4)), Ok("a\r\nb"));
        for lines in ["a\nb", "a\r"] {
            assert!(one(&json!(lines), |given| given.line(4)).is_err());
        }
    }

    #[test]
    fn words_and_types_made_of_text_say_what_is_wrong() {
        assert_eq!(one(&json!("end"), |given| given.word(&["end", "retry"])), Ok("end"));
        assert_eq!(
            one(&json!("rety"), |given| given.word(&["end", "retry"])),
            Err("unknown word `rety`: did you mean `retry`?".into())
        );
        assert_eq!(one(&json!("17"), |given| given.parse::<u8>(9)), Ok(17));
        assert!(one(&json!("x"), |given| given.parse::<u8>(9)).is_err());
    }

    #[test]
    fn lists_and_depth_are_bounded() {
        assert_eq!(one(&json!([1, 2]), |given| Some(given.list(2)?.len())), Ok(2));
        assert!(one(&json!([1, 2, 3]), |given| Some(given.list(2)?.len())).is_err());
        assert_eq!(one(&json!({"b": 1}), |given| Some(given.entries(2)?[0].0)), Ok("b"));

        let deep = (0..200).fold(json!([]), |inner, _| json!([inner]));
        let problems = Problems::new();
        let mut given = Given::new(&deep, "", &problems);
        let mut depth = 0;
        while let Some(inner) = given.list(1).and_then(|mut list| list.pop()) {
            given = inner;
            depth += 1;
        }
        assert_eq!(depth, Given::DEEPEST);
        assert!(!problems.is_empty());
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 10, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn whoever_reads_nothing_says_why(value in values()) {
            // `into_result` panics when nothing was read and nothing was said.
            let _ = one(&value, |given| given.text(10));
            let _ = one(&value, |given| given.line(10));
            let _ = one(&value, |given| given.word(&["a", "b"]));
            let _ = one(&value, |given| given.parse::<u8>(10));
            let _ = one(&value, |given| given.integer(-5..=5i64));
            let _ = one(&value, |given| given.duration(Duration::ZERO..=Duration::from_secs(9)));
            let _ = one(&value, |given| given.boolean());
            let _ = one(&value, |given| given.list(2).map(drop));
            let _ = one(&value, |given| given.entries(2).map(drop));
            let _ = one(&value, |given| given.object().map(drop));
        }
    }
}
