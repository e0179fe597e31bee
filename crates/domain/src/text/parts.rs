//! The parts of a text, each as long as the air permits.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Encoding, smart::plain_typography};
use crate::outcome::words;

/// The most parts that one text may have: the headers that join them count in one octet (3GPP TS 23.040,
/// section 9.2.3.24.1).
pub const MOST_PARTS: usize = 255;

words! {
    /// How the parts of a text are told to belong together.
    Concatenation {
        /// By a header with a reference of 8 bits (3GPP TS 23.040, section 9.2.3.24.1).
        Udh8 = "udh8",
        /// By a header with a reference of 16 bits (the same, section 9.2.3.24.8), which leaves less room.
        Udh16 = "udh16",
        /// By fields of SMPP, from which the SMSC makes a header with a reference of 8 bits (SMPP 3.4,
        /// section 5.3.2.22 and the two after it).
        Sar = "sar",
        /// Not at all: the SMSC gets the text as a whole, and splits it like one with references of 8 bits (SMPP
        /// 3.4, section 5.3.2.32).
        Payload = "message_payload",
    }
}

impl Concatenation {
    /// How many octets of each part the header takes over the air, with the octet that says how long it is.
    #[must_use]
    pub fn header_octets(self) -> usize {
        match self {
            Self::Udh8 | Self::Sar | Self::Payload => 6,
            Self::Udh16 => 7,
        }
    }
}

/// Why a text cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It has no character.
    #[error("give a text of at least one character")]
    Empty,
    /// It has a control character that no phone shows.
    #[error("the text has the control character U+{:04X} at character {at}: take it out", u32::from(*character))]
    Control {
        /// The character.
        character: char,
        /// Its place, from 1.
        at: usize,
    },
    /// It has more parts than may be.
    #[error("the text needs {parts} parts, and one message may have {most} at most: shorten it or send several")]
    TooLong {
        /// How many it would have.
        parts: usize,
        /// How many are allowed.
        most: usize,
    },
}

/// One part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it says.
    pub text: String,
    /// How many units it takes: septets, or 16-bit units.
    pub units: usize,
}

/// A text that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// How its characters are written.
    pub encoding: Encoding,
    /// Its parts, in order; never none.
    pub parts: Vec<Part>,
}

impl Composed {
    /// How many units all parts take together.
    #[must_use]
    pub fn units(&self) -> usize {
        self.parts.iter().map(|part| part.units).sum()
    }

    /// What is sent, which is the text that was given but for its typography.
    #[must_use]
    pub fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect()
    }

    /// How many more units the last part has room for.
    #[must_use]
    pub fn room_left(&self, concatenation: Concatenation) -> usize {
        let room = match self.parts.len() {
            1 => self.encoding.room(),
            _ => self.encoding.room_beside(concatenation.header_octets()),
        };
        room - self.parts.last().map_or(0, |part| part.units)
    }
}

/// Decides how a text is written and where it is split. With `smart`, typographic characters give way to plain
/// ones ([`plain_typography`]) where the whole text then is one of GSM 03.38 and needs no more parts; otherwise it
/// stays as it is.
///
/// # Errors
///
/// [`TextError`] for a text that is empty, cannot be shown, or has more than `most` parts.
pub fn compose(text: &str, smart: bool, concatenation: Concatenation, most: usize) -> Result<Composed, TextError> {
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    refuse_controls(text)?;
    let mut composed = as_given(text, concatenation);
    if smart
        && let Cow::Owned(plain) = plain_typography(text)
        && !plain.is_empty()
    {
        let plain = as_given(&plain, concatenation);
        // Three dots for one character may cost a part that UCS-2 would not.
        if plain.encoding == Encoding::Gsm7 && plain.parts.len() <= composed.parts.len() {
            composed = plain;
        }
    }
    let most = most.min(MOST_PARTS);
    if composed.parts.len() > most {
        return Err(TextError::TooLong {
            parts: composed.parts.len(),
            most,
        });
    }
    Ok(composed)
}

fn as_given(text: &str, concatenation: Concatenation) -> Composed {
    let encoding = if is_gsm(text) { Encoding::Gsm7 } else { Encoding::Ucs2 };
    Composed {
        encoding,
        parts: split(text, encoding, concatenation),
    }
}

fn is_gsm(text: &str) -> bool {
    text.chars()
        .all(|character| Encoding::Gsm7.units_of(character).is_some())
}

/// A phone shows line ends, a page break and, in UCS-2, a tab. The rest can only be meant to do harm.
fn refuse_controls(text: &str) -> Result<(), TextError> {
    let harmless = |character: char| matches!(character, '\n' | '\r' | '\t' | '\u{0C}');
    match text
        .chars()
        .enumerate()
        .find(|(_, character)| character.is_control() && !harmless(*character))
    {
        None => Ok(()),
        Some((place, character)) => Err(TextError::Control {
            character,
            at: place + 1,
        }),
    }
}

/// Splits between characters only, so that neither an escape and its code nor two surrogates come apart.
fn split(text: &str, encoding: Encoding, concatenation: Concatenation) -> Vec<Part> {
    let units_of = |character: char| encoding.units_of(character).unwrap_or(1);
    let all: usize = text.chars().map(units_of).sum();
    if all <= encoding.room() {
        return vec![Part {
            text: text.to_owned(),
            units: all,
        }];
    }
    let room = encoding.room_beside(concatenation.header_octets());
    let mut parts = Vec::with_capacity(all / room + 1);
    let (mut start, mut units) = (0, 0);
    for (place, character) in text.char_indices() {
        let more = units_of(character);
        if units + more > room {
            parts.push(Part {
                text: text[start..place].to_owned(),
                units,
            });
            (start, units) = (place, 0);
        }
        units += more;
    }
    parts.push(Part {
        text: text[start..].to_owned(),
        units,
    });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str, concatenation: Concatenation) -> (Encoding, Vec<usize>) {
        let composed = compose(text, false, concatenation, MOST_PARTS).unwrap();
        (
            composed.encoding,
            composed.parts.iter().map(|part| part.units).collect(),
        )
    }

    #[test]
    fn a_text_is_split_where_it_no_longer_fits() {
        use Concatenation::{Payload, Sar, Udh8, Udh16};
        use Encoding::{Gsm7, Ucs2};
        for (text, concatenation, encoding, units) in [
            ("a".repeat(160), Udh8, Gsm7, vec![160]),
            ("a".repeat(161), Udh8, Gsm7, vec![153, 8]),
            ("a".repeat(161), Sar, Gsm7, vec![153, 8]),
            ("a".repeat(161), Payload, Gsm7, vec![153, 8]),
            ("a".repeat(161), Udh16, Gsm7, vec![152, 9]),
            ("a".repeat(306), Udh8, Gsm7, vec![153, 153]),
            ("a".repeat(307), Udh8, Gsm7, vec![153, 153, 1]),
            ("é".repeat(160), Udh8, Gsm7, vec![160]),
            ("ж".repeat(70), Udh8, Ucs2, vec![70]),
            ("ж".repeat(71), Udh8, Ucs2, vec![67, 4]),
            ("ж".repeat(71), Udh16, Ucs2, vec![66, 5]),
            ("ж".repeat(134), Udh8, Ucs2, vec![67, 67]),
            ("€".repeat(80), Udh8, Gsm7, vec![160]),
            ("€".repeat(81), Udh8, Gsm7, vec![152, 10]),
            ("👍".repeat(35), Udh8, Ucs2, vec![70]),
            ("👍".repeat(36), Udh8, Ucs2, vec![66, 6]),
        ] {
            assert_eq!(counts(&text, concatenation), (encoding, units), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_with_the_reason() {
        let error = |text: &str, most| compose(text, false, Concatenation::Udh8, most).unwrap_err().to_string();
        assert_eq!(error("", 10), "give a text of at least one character");
        assert_eq!(
            error("ab\u{1B}c", 10),
            "the text has the control character U+001B at character 3: take it out"
        );
        assert_eq!(
            error(&"a".repeat(1_531), 10),
            "the text needs 11 parts, and one message may have 10 at most: shorten it or send several"
        );
        assert!(error(&"a".repeat(100_000), 1_000).contains("needs 654 parts, and one message may have 255"));
    }

    #[test]
    fn typography_gives_way_only_where_that_helps() {
        let smart = |text| compose(text, true, Concatenation::Udh8, 10).unwrap();
        let quoted = smart("“It’s\u{A0}here” – now…");
        assert_eq!(
            (quoted.encoding, quoted.text().as_str()),
            (Encoding::Gsm7, "\"It's here\" - now...")
        );
        let greeting = smart("“Привет”");
        assert_eq!(
            (greeting.encoding, greeting.text().as_str()),
            (Encoding::Ucs2, "“Привет”")
        );
        assert_eq!(smart("\u{200B}").text(), "\u{200B}", "a text does not become empty");
    }

    #[test]
    fn the_room_that_is_left_is_that_of_the_last_part() {
        let left = |text: &str| {
            let composed = compose(text, false, Concatenation::Udh8, 10).unwrap();
            (composed.units(), composed.room_left(Concatenation::Udh8))
        };
        assert_eq!(left("Hello"), (5, 155));
        assert_eq!(left(&"a".repeat(161)), (161, 145));
        assert_eq!(left("Ünïcode 👍"), (10, 60));
    }
}
