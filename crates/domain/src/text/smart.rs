//! Plain characters for those that word processors and phones put in their place.

use std::borrow::Cow;

/// What stands for a typographic character; `None` when it is none.
fn plain(character: char) -> Option<&'static str> {
    Some(match character {
        '‘' | '’' | '‚' | '‛' | '′' | '‵' | 'ʹ' | 'ʻ' | 'ʼ' | '`' | '´' => "'",
        '“' | '”' | '„' | '‟' | '″' | '‶' | '«' | '»' | '〝' | '〞' | '＂' => "\"",
        '‹' => "<",
        '›' => ">",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '⁃' | '﹘' | '﹣' | '－' => "-",
        '…' => "...",
        '‥' => "..",
        '•' | '‣' | '∙' | '●' => "*",
        '⁄' | '∕' => "/",
        '⁓' | '∼' | '～' => "~",
        '\t' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => " ",
        '\u{2028}' | '\u{2029}' => "\n",
        // Hints on where to break and how to order a line, which show nothing.
        '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' => "",
        _ => return None,
    })
}

/// The text with plain characters for typographic ones: quotes, dashes, dots, bullets, and spaces of all widths.
#[must_use]
pub fn plain_typography(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|character| plain(character).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut plainer = String::with_capacity(text.len());
    for character in text.chars() {
        match plain(character) {
            Some(instead) => plainer.push_str(instead),
            None => plainer.push(character),
        }
    }
    Cow::Owned(plainer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::gsm;

    #[test]
    fn what_stands_in_is_in_the_alphabet_and_the_rest_is_not_replaced() {
        for character in '\0'..=char::MAX {
            if let Some(instead) = plain(character) {
                assert!(gsm::encode(instead).is_some(), "{character:?}");
                assert!(
                    gsm::Code::of(character).is_none(),
                    "{character:?} needs nothing instead"
                );
            }
        }
    }

    #[test]
    fn a_text_without_typography_is_not_copied() {
        assert!(matches!(plain_typography("plain 'text' été"), Cow::Borrowed(_)));
        assert_eq!(plain_typography("a\u{2009}–\u{200B}b"), "a -b");
    }
}
