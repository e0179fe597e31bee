use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Key,
    invalid::{FieldProblem, Reason},
    print,
};

/// Asterisk keeps so many bytes of a name and of a number.
const LONGEST: usize = 79;

/// What the called phone shows: a name, a number, or both.
///
/// ```
/// use outdial_callfile::CallerId;
///
/// let shown = CallerId::new("Wake Up", "555");
/// assert_eq!(shown.to_string(), r#""Wake Up" <555>"#);
/// // Read as Asterisk reads it.
/// assert_eq!(CallerId::read("Bob <(555) 555-5555>").unwrap().number.as_deref(), Some("5555555555"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerId {
    /// The name, at most 79 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number, at most 79 bytes, without brackets, blanks, dots and dashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

impl CallerId {
    /// A name and a number.
    #[must_use]
    pub fn new(name: impl Into<String>, number: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            number: Some(number.into()),
        }
    }

    /// A number alone.
    #[must_use]
    pub fn number(number: impl Into<String>) -> Self {
        Self {
            name: None,
            number: Some(number.into()),
        }
    }

    /// What Asterisk makes of a text: `"Name" <number>`, `Name <number>`, a number, or else a name.
    /// Nothing when it makes nothing of it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = blanks_off(text);
        let bare = quotes_off(text);
        let (name, number) = match bare.rfind('<') {
            Some(open) => {
                let after = &bare[open + 1..];
                let number = after.rfind('>').map_or(after, |close| &after[..close]);
                (Some(quotes_off(&bare[..open])), Some(shrunk(number)))
            }
            None => {
                let number = shrunk(bare);
                if bare == text && is_phone_number(&number) {
                    (None, Some(number))
                } else {
                    (Some(quotes_off(bare)), None)
                }
            }
        };
        let kept = |text: String| Some(cut(text)).filter(|text| !text.is_empty());
        let read = Self {
            name: name.and_then(|name| kept(escapes_off(name))),
            number: number.and_then(kept),
        };
        (read != Self::default()).then_some(read)
    }

    pub(crate) fn problem(&self) -> Option<FieldProblem> {
        let wrong = |value: &str, reason| Some(FieldProblem::new(Key::CallerId, value, reason));
        if *self == Self::default() {
            return wrong("", Reason::Empty);
        }
        for part in [&self.name, &self.number].into_iter().flatten() {
            if part.is_empty() {
                return wrong(part, Reason::Empty);
            }
            if part.len() > LONGEST {
                let bytes = part.len();
                return wrong(
                    part,
                    Reason::TooLong {
                        bytes,
                        at_most: LONGEST,
                    },
                );
            }
        }
        let number = self.number.as_deref().unwrap_or_default();
        let lost = |c: &char| !c.is_ascii_graphic() || "()<>[].-\"\\".contains(*c);
        if let Some(lost) = number.chars().find(lost) {
            return wrong(number, Reason::Character(lost));
        }
        print::unfit(Key::CallerId, &self.to_string()).and_then(|reason| wrong(&self.to_string(), reason))
    }
}

/// As it is written into a file: the name always in quotes, so that it is never taken for a number.
impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            write!(f, "\"{escaped}\" ")?;
        }
        write!(f, "<{}>", self.number.as_deref().unwrap_or_default())
    }
}

/// A text that holds no caller id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no name and no number in it; write it as \"Name\" <number>")]
pub struct NoCallerId;

impl FromStr for CallerId {
    type Err = NoCallerId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text).ok_or(NoCallerId)
    }
}

fn blanks_off(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// Without the quotes around all of it, if there are such.
fn quotes_off(text: &str) -> &str {
    let text = blanks_off(text);
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or(text)
}

/// A backslash makes the next character plain, and goes.
fn escapes_off(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    plain
}

/// Without what people put into numbers to read them. A dash between square brackets stays, and so
/// does a dot at the end.
fn shrunk(number: &str) -> String {
    let mut depth = 0;
    let mut kept = String::with_capacity(number.len());
    for (index, c) in number.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            '(' | ')' | ' ' => continue,
            '-' if depth == 0 => continue,
            '.' if index + 1 < number.len() => continue,
            _ => {}
        }
        kept.push(c);
    }
    kept
}

fn is_phone_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || "*#+".contains(c))
}

/// The first 79 bytes, as far as they are whole characters.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each seen with Asterisk 22.10.1.
    #[test]
    fn it_is_read_as_asterisk_reads_it() {
        for (text, name, number) in [
            (r#""Bob \"The\" \\ Man" <123>"#, r#"Bob "The" \ Man"#, "123"),
            ("Bob <(555) 555-5555>", "Bob", "5555555555"),
            ("Bob <123", "Bob", "123"),
            ("555-1234", "", "5551234"),
            ("Just Name", "Just Name", ""),
            (r#""4711""#, "4711", ""),
            (r#""A <b> c" <9>"#, "A <b> c", "9"),
            (r#""A <b>" <>"#, "A <b>", ""),
            (r#""A <b>""#, "A", "b"),
            ("<#31#>", "", "#31#"),
            (r#"" sp " <1.2.3.>"#, " sp ", "123."),
            (r#""a>" <abc-d[1-2]>"#, "a>", "abcd[1-2]"),
            ("*#+12", "", "*#+12"),
            ("12a", "12a", ""),
            (r#""" <5>"#, "", "5"),
            (r#""5" 6"#, r#""5" 6"#, ""),
            (r#""a"b" <1> x"#, r#"a"b"#, "1"),
            ("5 5 5", "", "555"),
            ("(5)[5]", "(5)[5]", ""),
            (r#"a\"b <1>"#, r#"a"b"#, "1"),
            (r#""a <1>"#, "\"a", "1"),
            ("1 <2> <3>", "1 <2>", "3"),
            (r#""a\" <1>"#, "a", "1"),
            (r#""a" <1> <"#, r#""a" <1>"#, ""),
            ("-", "-", ""),
            ("5.", "5.", ""),
            ("Bob\\", "Bob", ""),
            ("x <]5-5>", "x", "]5-5"),
        ] {
            let read = CallerId::read(text).unwrap_or_else(|| panic!("{text} is nothing"));
            let read = (read.name.unwrap_or_default(), read.number.unwrap_or_default());
            assert_eq!(read, (name.to_owned(), number.to_owned()), "{text}");
        }
        assert_eq!(CallerId::read(" \t"), None);
    }

    #[test]
    fn names_and_numbers_are_cut_at_79_bytes() {
        let read = CallerId::read(&format!("\"\u{e9}{}\" <{}>", "n".repeat(100), "1".repeat(100))).unwrap();
        assert_eq!(read.name.unwrap().len(), 79);
        assert_eq!(read.number.unwrap().len(), 79);
    }

    #[test]
    fn what_would_be_read_otherwise_is_refused() {
        let number = |number: &str| CallerId::number(number).problem();
        assert_eq!(number("#31#5551234*"), None);
        assert_eq!(number("sip:b@c"), None);
        for lost in ["", "5-5", "5 5", "5.5", "(5)", "5>", "[5]", "5\n", "\u{665}"] {
            assert!(number(lost).is_some(), "{lost:?}");
        }
        let name = |name: &str| CallerId::new(name, "1").problem();
        for kept in ["a;b", "\"", "\\", " blanks ", "#1", "<x>", "caf\u{e9}", "x\" <911>"] {
            assert_eq!(name(kept), None, "{kept:?}");
        }
        for lost in ["a\r\nApplication: System", "a #1", "a\tb"] {
            assert!(name(lost).is_some(), "{lost:?}");
        }
        assert!(name(&"\u{e9}".repeat(40)).is_some());
        assert!(CallerId::default().problem().is_some());
    }
}
