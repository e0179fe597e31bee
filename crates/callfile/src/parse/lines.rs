//! From bytes to the lines that Asterisk acts on.

use std::borrow::Cow;

use crate::print::LONGEST_LINE;

/// A line as it was read, before its meaning.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<'a> {
    /// The bytes of the line, without its end.
    Line(&'a [u8]),
    /// Skipped because of its length.
    TooLong(&'a [u8]),
    /// Skipped because of a NUL.
    Nul(&'a [u8]),
    /// Skipped together with the line before it, which holds a NUL.
    AfterNul(&'a [u8]),
}

/// Divides a file into lines as Asterisk 22 does.
///
/// It reads into a buffer of 1024 bytes and looks for the line feed at the end of what is there as a
/// C string. Without one, unless the file is at its end, it takes the line for too long and skips
/// until a piece ends with a line feed. A NUL hides the line feed, so the line after it goes too.
pub(super) fn lines(bytes: &[u8]) -> Vec<Read<'_>> {
    let mut found = Vec::new();
    let mut rest = bytes;
    let mut hidden = false;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = match end {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        let at_end = end.is_none() && line.len() <= LONGEST_LINE;
        let nul = line.iter().position(|byte| *byte == 0);
        found.push(if hidden {
            hidden = hides_its_end(line, end.is_some());
            Read::AfterNul(line)
        } else if line.len() > LONGEST_LINE {
            hidden = hides_its_end(line, end.is_some());
            Read::TooLong(line)
        } else if let Some(nul) = nul {
            if at_end {
                Read::Line(&line[..nul])
            } else {
                hidden = true;
                Read::Nul(line)
            }
        } else {
            Read::Line(line)
        });
    }
    found
}

/// Whether the last piece of a long line has a NUL before its line feed.
fn hides_its_end(line: &[u8], has_end: bool) -> bool {
    let buffer = LONGEST_LINE + 1;
    let last = line.len() / buffer * buffer;
    has_end && line[last..].contains(&0)
}

/// What is left of a line without its comments and its blanks at the end, and what was cut off.
pub(super) fn without_comment(line: &[u8]) -> (Cow<'_, [u8]>, Option<&[u8]>) {
    let is_comment = |index: &usize| line[*index] == b'#' && (*index == 0 || matches!(line[*index - 1], b' ' | b'\t'));
    let hash = (0..line.len()).find(is_comment).unwrap_or(line.len());
    let mut kept = Vec::with_capacity(hash);
    let mut end = hash;
    for (index, byte) in line[..hash].iter().enumerate() {
        if *byte == b';' {
            if kept.last() == Some(&b'\\') {
                kept.pop();
            } else {
                end = index;
                break;
            }
        }
        kept.push(*byte);
    }
    let blanks = kept.iter().rev().take_while(|byte| **byte <= b' ').count();
    kept.truncate(kept.len() - blanks);
    let cut = (end < line.len()).then(|| &line[end..]);
    (Cow::Owned(kept), cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(line: &str) -> String {
        String::from_utf8(without_comment(line.as_bytes()).0.into_owned()).unwrap()
    }

    #[test]
    fn comments_and_escapes_are_those_of_asterisk() {
        for (line, left) in [
            ("a #b", "a"),
            ("a\t#b", "a"),
            ("#b", ""),
            ("a#b", "a#b"),
            ("a:#b", "a:#b"),
            ("\"a;b\"", "\"a"),
            ("a\\;b", "a;b"),
            ("a\\;;b", "a;"),
            ("a\\;\\;b", "a;;b"),
            ("a\\\\;b", "a\\;b"),
            ("a\\", "a\\"),
            ("a\\;", "a;"),
            ("a \t\r", "a"),
            (";", ""),
        ] {
            assert_eq!(kept(line), left, "{line:?}");
        }
    }

    #[test]
    fn lines_end_at_1022_bytes() {
        let long = [b'x'; LONGEST_LINE + 1];
        let fits = &long[..LONGEST_LINE];
        let text = [fits, b"\n", &long[..], b"\nafter\n", fits].concat();
        let expected = [
            Read::Line(fits),
            Read::TooLong(&long),
            Read::Line(b"after"),
            Read::Line(fits),
        ];
        assert_eq!(lines(&text), expected);
        assert_eq!(lines(&long), [Read::TooLong(&long)]);
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n"), [Read::Line(b"")]);
    }

    #[test]
    fn a_nul_costs_its_line_and_the_next() {
        assert_eq!(
            lines(b"a\0b\nlost\nread"),
            [Read::Nul(b"a\0b"), Read::AfterNul(b"lost"), Read::Line(b"read")]
        );
        assert_eq!(lines(b"a\0b"), [Read::Line(b"a")]);
    }
}
