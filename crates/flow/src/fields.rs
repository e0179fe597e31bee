//! Reads the fields of a JSON object and lists every problem it finds.
//!
//! People mend a document faster when they are told everything that is wrong with it at once. So
//! nothing here stops at the first problem: each getter returns what it read, or `None` after it has
//! added a [`Problem`] to the shared [`Problems`]. At the end [`Fields::finish`] reports the fields
//! that nobody asked for, with the name that was probably meant.
//!
//! ```
//! use std::time::Duration;
//! use outdial_flow::fields::{Fields, Problem, Problems};
//!
//! #[derive(Debug)]
//! struct Ring { to: String, ring: Duration, tries: u8 }
//!
//! fn read(value: &serde_json::Value) -> Result<Ring, Vec<Problem>> {
//!     let problems = Problems::new();
//!     let mut fields = Fields::new(value, "", &problems);
//!     let to = fields.text("to", 255);
//!     let ring = fields.optional_duration("ring", Duration::from_secs(1)..=Duration::from_secs(600));
//!     let tries = fields.optional_integer("tries", 1..=10);
//!     fields.finish();
//!     problems.into_result(to.map(|to| Ring {
//!         to: to.to_owned(),
//!         ring: ring.unwrap_or(Duration::from_secs(45)),
//!         tries: tries.unwrap_or(1),
//!     }))
//! }
//!
//! let ring = read(&serde_json::json!({"to": "+6598765432", "ring": "1.5m"})).unwrap();
//! assert_eq!(ring.ring, Duration::from_secs(90));
//!
//! let problems = read(&serde_json::json!({"ot": "+6598765432", "ring": "1h", "tries": "3"})).unwrap_err();
//! let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
//! assert_eq!(shown, [
//!     "to: `to` is missing",
//!     "ring: `1h` is out of range: give 1s to 10m",
//!     "tries: give a whole number from 1 to 10, not a text",
//!     "ot: unknown field `ot`: did you mean `to`?",
//! ]);
//! ```
//!
//! # Rules that hold everywhere
//!
//! - `null` is the same as not giving the field, as typed clients write what they leave unset. Only a
//!   change tells them apart, by [`clears`](Fields::clears).
//! - What is repeated in a message is shortened, and so are field names in paths: what is given may
//!   be a megabyte.
//! - Texts have no control characters. [`text`](Fields::text) allows line breaks and tabs,
//!   [`line`](Fields::line) does not.
//! - Values nested deeper than [`Given::DEEPEST`] are refused, and no more than [`Problems::MOST`]
//!   problems are kept.

pub mod duration;
mod given;
mod problem;
mod suggest;

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use serde_json::{Map, Value};

pub use given::Given;
pub use problem::{Problem, Problems, shortened};

/// The fields of one JSON object.
///
/// Ask for each field that there may be, then call [`finish`](Self::finish). A getter named
/// `optional_…` returns `None` when the field is not given, which is no problem; the others report it.
#[derive(Debug)]
pub struct Fields<'v, 'p> {
    /// The object; none when something else was given, which is reported once and not per field.
    object: Option<&'v Map<String, Value>>,
    place: Given<'v, 'p>,
    known: Vec<&'static str>,
}

impl<'v, 'p> Fields<'v, 'p> {
    /// The fields of a value that should be an object. The path stands before each field's name.
    #[must_use]
    pub fn new(value: &'v Value, path: &str, problems: &'p Problems) -> Self {
        Self::of(Given::new(value, path, problems))
    }

    /// The fields of a value at its place.
    #[must_use]
    pub fn of(place: Given<'v, 'p>) -> Self {
        Self {
            object: place.as_object(),
            place,
            known: Vec::new(),
        }
    }

    /// Where the object stands; for problems that concern it as a whole.
    #[must_use]
    pub fn place(&self) -> &Given<'v, 'p> {
        &self.place
    }

    /// Whether an object was given at all. When it was not, that has been reported.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.object.is_some()
    }

    /// Whether the field is given, as anything but `null`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.object
            .and_then(|object| object.get(name))
            .is_some_and(|value| !value.is_null())
    }

    /// Whether the field is given as `null`, by which a change takes away what is there (RFC 7396).
    #[must_use]
    pub fn clears(&self, name: &str) -> bool {
        self.object
            .and_then(|object| object.get(name))
            .is_some_and(Value::is_null)
    }

    /// Reports a problem with one field.
    pub fn problem(&self, name: &str, code: &'static str, message: impl Into<String>) {
        self.place.inside(name, &Value::Null).problem(code, message);
    }

    /// Makes a field known that is not read, so that [`finish`](Self::finish) does not report it.
    pub fn ignore(&mut self, name: &'static str) {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
    }

    /// A field as it was given.
    pub fn optional(&mut self, name: &'static str) -> Option<Given<'v, 'p>> {
        self.ignore(name);
        let value = self.object?.get(name).filter(|value| !value.is_null())?;
        Some(self.place.inside(name, value))
    }

    /// A field that must be given, as it was given.
    pub fn required(&mut self, name: &'static str) -> Option<Given<'v, 'p>> {
        let given = self.optional(name);
        if given.is_none() && self.is_object() {
            self.problem(name, "missing", format!("`{name}` is missing"));
        }
        given
    }

    /// Reports the fields that nobody asked for.
    pub fn finish(self) {
        let Some(object) = self.object else { return };
        let unknown = object.keys().filter(|name| !self.known.contains(&name.as_str()));
        for name in unknown.take(Problems::MOST) {
            let hint = suggest::hint(name, &self.known);
            self.problem(name, "unknown", format!("unknown field `{}`{hint}", shortened(name)));
        }
    }
}

/// Makes the pair of getters, for a field that must be given and for one that may be.
macro_rules! getters {
    ($(
        $(#[$doc:meta])*
        $name:ident, $optional:ident $(<$kind:ident: $bound:path>)? ($($argument:ident: $type:ty),*) -> $result:ty;
    )+) => {
        impl<'v, 'p> Fields<'v, 'p> {$(
            $(#[$doc])*
            pub fn $name $(<$kind: $bound>)? (&mut self, name: &'static str $(, $argument: $type)*) -> Option<$result> {
                self.required(name)?.$name($($argument),*)
            }

            #[doc = concat!("As [`", stringify!($name), "`](Self::", stringify!($name), "), when it is given.")]
            pub fn $optional $(<$kind: $bound>)? (&mut self, name: &'static str $(, $argument: $type)*) -> Option<$result> {
                self.optional(name)?.$name($($argument),*)
            }
        )+}
    };
}

getters! {
    /// A text of at most so many bytes that is not blank; it may have several lines.
    text, optional_text(longest: usize) -> &'v str;
    /// A text of one line, of at most so many bytes, that is not blank.
    line, optional_line(longest: usize) -> &'v str;
    /// One of these words.
    word, optional_word(words: &[&'static str]) -> &'static str;
    /// A whole number within bounds.
    integer, optional_integer<N: given::Whole>(bounds: RangeInclusive<N>) -> N;
    /// A number within bounds, whole or not.
    decimal, optional_decimal(bounds: RangeInclusive<f64>) -> f64;
    /// A length of time within bounds: a number of seconds, or a text as [`duration::parse`] reads it.
    duration, optional_duration(bounds: RangeInclusive<Duration>) -> Duration;
    /// `true` or `false`.
    boolean, optional_boolean() -> bool;
    /// The elements of a list of at most so many.
    list, optional_list(most: usize) -> Vec<Given<'v, 'p>>;
    /// The names and values of an object of at most so many fields with free names.
    entries, optional_entries(most: usize) -> Vec<(&'v str, Given<'v, 'p>)>;
    /// The fields of an object.
    object, optional_object() -> Fields<'v, 'p>;
}

impl<'v, 'p> Fields<'v, 'p> {
    /// A text of one line that a type can be made of: an address, an id, a time. What the type says
    /// against it becomes the message.
    pub fn parse<T: FromStr<Err: Display>>(&mut self, name: &'static str, longest: usize) -> Option<T> {
        self.required(name)?.parse(longest)
    }

    /// As [`parse`](Self::parse), when it is given.
    pub fn optional_parse<T: FromStr<Err: Display>>(&mut self, name: &'static str, longest: usize) -> Option<T> {
        self.optional(name)?.parse(longest)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// All problems as `code field: message`.
    fn problems_of(value: &Value, read: impl FnOnce(&mut Fields<'_, '_>)) -> Vec<String> {
        let problems = Problems::new();
        let mut fields = Fields::new(value, "body", &problems);
        read(&mut fields);
        fields.finish();
        let list = problems.into_result(Some(())).err().unwrap_or_default();
        list.iter()
            .map(|problem| format!("{} {problem}", problem.code))
            .collect()
    }

    #[test]
    fn every_problem_is_found_at_once() {
        let value = json!({"a": 1, "b": "x", "c": " ", "d": [], "e": {}, "sya": null, "f": "\u{7}"});
        let found = problems_of(&value, |fields| {
            assert_eq!(fields.text("a", 9), None);
            assert_eq!(fields.integer("b", 1..=9u8), None);
            assert_eq!(fields.line("c", 9), None);
            assert_eq!(fields.boolean("d"), None);
            assert!(fields.list("e", 9).is_none());
            assert_eq!(fields.text("f", 9), None);
            assert_eq!(fields.text("say", 9), None);
        });
        assert_eq!(
            found,
            [
                "type body.a: give a text, not a number",
                "type body.b: give a whole number from 1 to 9, not a text",
                "invalid body.c: the text is blank",
                "type body.d: give true or false, not a list",
                "type body.e: give a list, not an object",
                "invalid body.f: the text has the control character U+0007: take it out",
                "missing body.say: `say` is missing",
                "unknown body.sya: unknown field `sya`: did you mean `say`?",
            ]
        );
    }

    #[test]
    fn what_is_no_object_is_reported_once() {
        let found = problems_of(&json!([1]), |fields| {
            assert!(!fields.is_object());
            assert_eq!(fields.text("a", 9), None);
            assert_eq!(fields.optional_boolean("b"), None);
        });
        assert_eq!(found, ["type body: give an object, not a list"]);
    }

    #[test]
    fn numbers_are_within_their_bounds() {
        let value = json!({"a": 0.5, "b": 3, "c": -0.5, "d": 1e300, "e": "1"});
        let found = problems_of(&value, |fields| {
            let read = ["a", "b", "c", "d", "e"].map(|name| fields.decimal(name, 0.0..=9.5));
            assert_eq!(read, [Some(0.5), Some(3.0), None, None, None]);
        });
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], "out_of_range body.c: give a number from 0 to 9.5, not -0.5");
        assert_eq!(found[2], "type body.e: give a number from 0 to 9.5, not a text");
    }

    #[test]
    fn null_is_not_given() {
        let found = problems_of(&json!({"a": null, "b": null}), |fields| {
            assert!(!fields.has("a"));
            assert!(fields.clears("a") && !fields.clears("c"));
            assert_eq!(fields.optional_text("a", 9), None);
            assert_eq!(fields.text("b", 9), None);
        });
        assert_eq!(found, ["missing body.b: `b` is missing"]);
    }

    #[test]
    fn problems_inside_have_the_whole_path() {
        let value = json!({"to": [{"name": "x"}, {"name": 7, "x": 1}]});
        let found = problems_of(&value, |fields| {
            for element in fields.list("to", 9).unwrap() {
                let mut inner = Fields::of(element);
                let _ = inner.text("name", 9);
                inner.finish();
            }
        });
        assert_eq!(
            found,
            [
                "type body.to.1.name: give a text, not a number",
                "unknown body.to.1.x: unknown field `x`: known here is `name`",
            ]
        );
    }

    #[test]
    fn a_name_of_a_megabyte_is_not_repeated() {
        let value = json!({ "x".repeat(1 << 20): 1 });
        let found = problems_of(&value, |fields| fields.ignore("a"));
        assert_eq!(found.len(), 1);
        assert!(found[0].len() < 300, "{}", found[0].len());
    }
}
