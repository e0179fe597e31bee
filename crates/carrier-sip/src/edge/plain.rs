//! Messages in odd clothes, put into plain ones.

use std::borrow::Cow;

use super::head::{Head, outside};

/// Headers whose blanks around separators mean nothing (RFC 3261, section 25.1).
const SEPARATED: [&str; 7] = ["Via", "From", "To", "Contact", "CSeq", "Route", "Record-Route"];

/// The message, with folded lines in one and without the blanks that may stand around separators. The
/// library does not read all of those.
pub(super) fn plain<'a>(head: &Head<'_>, message: &'a [u8]) -> Cow<'a, [u8]> {
    if !head.is_odd {
        return Cow::Borrowed(message);
    }
    let mut plain = format!("{}\r\n", head.start);
    for line in head.lines() {
        plain.push_str(line.name);
        plain.push_str(": ");
        if SEPARATED.iter().any(|name| name.eq_ignore_ascii_case(line.name)) {
            plain.push_str(&closed_up(&line.value));
        } else {
            plain.push_str(&line.value);
        }
        plain.push_str("\r\n");
    }
    plain.push_str("\r\n");
    let mut plain = plain.into_bytes();
    plain.extend_from_slice(&message[message.len() - head.body..]);
    Cow::Owned(plain)
}

/// The text without blanks around separators, and with one blank where there were several.
fn closed_up(value: &str) -> String {
    let mut closed = String::with_capacity(value.len());
    let mut blank = false;
    let mut after_separator = true;
    for (character, is_outside) in outside(value) {
        if is_outside && character.is_whitespace() {
            blank = true;
            continue;
        }
        let separates = is_outside && matches!(character, ';' | ',' | '=' | '/');
        if blank && !separates && !after_separator {
            closed.push(' ');
        }
        closed.push(character);
        (blank, after_separator) = (false, separates);
    }
    closed
}
