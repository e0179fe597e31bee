//! How a line is written so that Asterisk reads the same value back.

use crate::{Key, invalid::Reason};

/// The longest line that Asterisk reads, without its line feed.
pub(crate) const LONGEST_LINE: usize = 1022;

/// Why a value cannot be written as the value of this key, if it cannot. It must not be empty.
pub(crate) fn unfit(key: Key, value: &str) -> Option<Reason> {
    if value.is_empty() {
        return Some(Reason::Empty);
    }
    unfit_or_empty(key, value)
}

/// As [`unfit`], where an empty value means something.
pub(crate) fn unfit_or_empty(key: Key, value: &str) -> Option<Reason> {
    if let Some(control) = value.chars().find(|c| c.is_control()) {
        return Some(Reason::Control(control));
    }
    if value.starts_with(' ') || value.ends_with(' ') {
        return Some(Reason::EdgeBlank);
    }
    // Tabs are control characters, so a blank is all that can come before.
    if value.contains(" #") {
        return Some(Reason::Comment);
    }
    let colon = if value.starts_with('#') { 1 } else { 2 };
    let semicolons = value.bytes().filter(|byte| *byte == b';').count();
    let bytes = key.name().len() + colon + value.len() + semicolons;
    (bytes > LONGEST_LINE).then_some(Reason::TooLong {
        bytes,
        at_most: LONGEST_LINE,
    })
}

/// Adds the line. A semicolon is escaped; a value that begins with `#` follows the colon at once,
/// because after a blank it would be a comment.
pub(crate) fn add(text: &mut String, key: Key, value: &str) {
    text.push_str(key.name());
    text.push_str(if value.starts_with('#') { ":" } else { ": " });
    for (index, part) in value.split(';').enumerate() {
        if index > 0 {
            text.push_str("\\;");
        }
        text.push_str(part);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(value: &str) -> String {
        let mut text = String::new();
        add(&mut text, Key::Data, value);
        text
    }

    #[test]
    fn semicolons_and_leading_hashes_survive() {
        assert_eq!(line("a;b;;"), "Data: a\\;b\\;\\;\n");
        assert_eq!(line("#31#5"), "Data:#31#5\n");
        assert_eq!(line("a#b"), "Data: a#b\n");
    }

    #[test]
    fn what_cannot_be_written_is_refused_with_its_reason() {
        let reason = |value: &str| unfit(Key::Data, value);
        assert_eq!(reason("a\nApplication: System"), Some(Reason::Control('\n')));
        assert_eq!(reason("a\tb"), Some(Reason::Control('\t')));
        assert_eq!(reason("a\u{85}b"), Some(Reason::Control('\u{85}')));
        assert_eq!(reason("a #b"), Some(Reason::Comment));
        assert_eq!(reason(" a"), Some(Reason::EdgeBlank));
        assert_eq!(reason("a "), Some(Reason::EdgeBlank));
        assert_eq!(reason(""), Some(Reason::Empty));
        assert_eq!(reason("caf\u{e9}; #"), Some(Reason::Comment));
        assert_eq!(reason("\"quoted\" \\ and: more"), None);
    }

    #[test]
    fn the_longest_line_is_counted_after_escaping() {
        let room = LONGEST_LINE - "Data: ".len();
        assert_eq!(unfit(Key::Data, &"x".repeat(room)), None);
        assert_eq!(
            unfit(Key::Data, &"x".repeat(room + 1)),
            Some(Reason::TooLong {
                bytes: 1023,
                at_most: 1022
            })
        );
        assert_eq!(unfit(Key::Data, &";".repeat(room / 2)), None);
        assert!(unfit(Key::Data, &";".repeat(room / 2 + 1)).is_some());
    }
}
