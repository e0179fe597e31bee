//! Numbers and yes-or-no, as Asterisk reads them.

/// A number as C's `scanf("%d")` reads it: after blanks, with a sign, up to what is no digit. One
/// that is too large for a `long` becomes the largest, and of that the lower 32 bits are taken.
pub(super) fn number(text: &str) -> Option<i32> {
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = digits
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(digits.len());
    if end == 0 {
        return None;
    }
    let value = digits[..end].bytes().fold(0_i64, |value, digit| {
        let digit = i64::from(digit - b'0');
        let value = value.saturating_mul(10);
        if negative {
            value.saturating_sub(digit)
        } else {
            value.saturating_add(digit)
        }
    });
    #[expect(clippy::cast_possible_truncation, reason = "it is what Asterisk does")]
    Some(value as i32)
}

/// Whether Asterisk takes a word for yes; all others are no.
pub(super) fn is_yes(word: &str) -> bool {
    ["yes", "true", "y", "t", "1", "on"]
        .iter()
        .any(|yes| word.eq_ignore_ascii_case(yes))
}

/// Whether a word is one of those that are meant as no.
pub(super) fn is_no(word: &str) -> bool {
    ["no", "false", "n", "f", "0", "off"]
        .iter()
        .any(|no| word.eq_ignore_ascii_case(no))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each seen with Asterisk 22.10.1.
    #[test]
    fn numbers_are_read_like_scanf() {
        for (text, value) in [
            ("5x", Some(5)),
            (" +20", Some(20)),
            ("0x14", Some(0)),
            ("-3", Some(-3)),
            ("4294967316", Some(20)),
            ("99999999999999999999", Some(-1)),
            ("-99999999999999999999", Some(0)),
            ("label", None),
            ("", None),
            ("- 1", None),
            ("\u{e9}", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }

    #[test]
    fn few_words_are_yes() {
        assert!(is_yes("ON") && is_yes("True") && is_yes("1"));
        assert!(!is_yes("2") && !is_yes("yes please") && !is_yes(""));
        assert!(is_no("Off") && !is_no("2"));
    }
}
