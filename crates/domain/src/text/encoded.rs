//! A text as it came over the air.

use super::Encoding;

/// A text as it came over the air, or a part of one. A part may end in the middle of a character: the parts of a text
/// are read together, by [`EncodedText::read`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedText {
    /// How its characters are written.
    pub encoding: Encoding,
    /// Its octets, as SMPP carries them: a septet an octet, or two octets a unit.
    pub octets: Vec<u8>,
}

impl EncodedText {
    /// What these parts say together. Neighbours in the same encoding are joined before they are read.
    #[must_use]
    pub fn read<'p>(parts: impl IntoIterator<Item = &'p Self>) -> String {
        let mut text = String::new();
        let mut open: Option<Self> = None;
        for part in parts {
            match &mut open {
                Some(before) if before.encoding == part.encoding => before.octets.extend_from_slice(&part.octets),
                before => {
                    text.extend(before.replace(part.clone()).map(|before| before.text()));
                }
            }
        }
        text.extend(open.map(|last| last.text()));
        text
    }

    fn text(&self) -> String {
        self.encoding.text(&self.octets)
    }
}

/// In UCS-2, which has every character.
impl From<&str> for EncodedText {
    fn from(text: &str) -> Self {
        Self {
            encoding: Encoding::Ucs2,
            octets: text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(encoding: Encoding, text: &str, at: usize) -> [EncodedText; 2] {
        let octets = encoding.octets(text).unwrap();
        let (one, two) = octets.split_at(at.min(octets.len()));
        [one, two].map(|octets| EncodedText {
            encoding,
            octets: octets.to_vec(),
        })
    }

    #[test]
    fn a_character_may_be_cut_in_two() {
        for (encoding, text) in [(Encoding::Ucs2, "a👍b"), (Encoding::Gsm7, "a€b")] {
            for at in 0..9 {
                assert_eq!(EncodedText::read(&cut(encoding, text, at)), text, "{encoding} at {at}");
            }
        }
    }

    #[test]
    fn parts_may_be_written_in_two_ways() {
        let [euro, _] = cut(Encoding::Gsm7, "€", 2);
        let thumb = EncodedText::from("👍");
        assert_eq!(EncodedText::read([&euro, &thumb, &euro]), "€👍€");
        assert_eq!(EncodedText::read([]), "");
    }

    proptest! {
        #[test]
        fn what_was_cut_is_read_as_it_was(text in "\\PC{0,40}", at in 0usize..90) {
            prop_assert_eq!(EncodedText::read(&cut(Encoding::Ucs2, &text, at)), text);
        }
    }
}
