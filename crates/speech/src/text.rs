//! Brings a text into the form in which it is spoken and cached.

/// Makes texts that sound the same equal.
///
/// Control characters go, because some engines take them as commands; runs of white space become
/// one space, except that an empty line stays, which engines hear as the end of a paragraph.
pub(crate) fn normalise(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut gap = false;
    let mut newlines = 0;
    for character in text.chars() {
        if character.is_whitespace() || character.is_control() {
            gap = true;
            newlines += usize::from(character == '\n');
            continue;
        }
        if gap && !normal.is_empty() {
            normal.push_str(if newlines > 1 { "\n\n" } else { " " });
        }
        (gap, newlines) = (false, 0);
        normal.push(character);
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn texts_that_sound_the_same_are_equal() {
        for (text, normal) in [
            ("", ""),
            (" \r\n\t ", ""),
            ("Press  1.\tThen\nhash. ", "Press 1. Then hash."),
            ("One.\r\n\r\n\r\nTwo.", "One.\n\nTwo."),
            ("\u{1}900S slow\0ly\u{7f}", "900S slow ly"),
            ("\u{2003}ünï\u{a0}code\u{85}", "ünï code"),
            ("-v <speak>&amp;", "-v <speak>&amp;"),
        ] {
            assert_eq!(normalise(text), normal, "{text:?}");
        }
    }
}
