//! Texts that others gave, in columns of their own. PostgreSQL keeps every character but the first of
//! all, NUL; so NUL is written as `\0`, and the backslash that this takes as two. JSON needs none of it.

/// A text as it is stored.
pub(super) fn kept(given: &str) -> String {
    given.replace('\\', r"\\").replace('\0', r"\0")
}

/// The text that was given.
pub(super) fn given(kept: String) -> String {
    if !kept.contains('\\') {
        return kept;
    }
    let mut given = String::with_capacity(kept.len());
    let mut rest = kept.chars();
    while let Some(next) = rest.next() {
        given.push(match next {
            '\\' => match rest.next() {
                Some('0') => '\0',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in ["", "plain", "a\0b", r"\", r"\0", r"\\0", "\0\0\\", "läuft \u{1f4de}"] {
            let kept = kept(text);
            assert!(!kept.contains('\0'));
            assert_eq!(given(kept), text);
        }
        assert_eq!(
            kept("+6598765432"),
            "+6598765432",
            "an ordinary text is stored as it is"
        );
    }
}
