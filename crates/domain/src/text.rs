//! What a short message says, as it goes over the air: in GSM 03.38 where that can say it, else in UCS-2.
//!
//! [`compose`] is the only place that decides on encoding and parts. What previews, charges and sends a text
//! calls it, so none of them can count otherwise than the others.

mod encoded;
pub mod gsm;
mod parts;
mod smart;

#[cfg(test)]
mod properties;

pub use encoded::EncodedText;
pub use parts::{Composed, Concatenation, MOST_PARTS, Part, TextError, compose};
pub use smart::plain_typography;

use serde::{Deserialize, Serialize};

use crate::outcome::words;

words! {
    /// How the characters of a text are written.
    Encoding {
        /// The default alphabet of GSM 03.38 with its extension table (3GPP TS 23.038, section 6.2.1).
        Gsm7 = "gsm7",
        /// UTF-16, high byte first. It is called UCS-2 in this field (3GPP TS 23.038, section 6.2.3).
        Ucs2 = "ucs2",
    }
}

impl Encoding {
    /// How many units one part has room for when it is the only one: septets of 140 octets, or 16-bit units.
    #[must_use]
    pub fn room(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// How many units a part has room for beside a header of so many octets, which is padded to a whole unit.
    #[must_use]
    pub fn room_beside(self, header_octets: usize) -> usize {
        let octets = 140usize.saturating_sub(header_octets);
        match self {
            Self::Gsm7 => octets * 8 / 7,
            Self::Ucs2 => octets / 2,
        }
    }

    /// How many units a character takes; `None` when it cannot be said in this encoding.
    #[must_use]
    pub fn units_of(self, character: char) -> Option<usize> {
        match self {
            Self::Gsm7 => gsm::Code::of(character).map(gsm::Code::septets),
            Self::Ucs2 => Some(character.len_utf16()),
        }
    }

    /// The octets of a text as SMPP carries them: a septet an octet, or two octets a unit. `None` when a
    /// character cannot be said in this encoding.
    #[must_use]
    pub fn octets(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Gsm7 => gsm::encode(text),
            Self::Ucs2 => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        }
    }

    /// The text that these octets say. Whatever is not a text stands there as U+FFFD: what comes from a
    /// network is shown as well as it can be, and never refused.
    #[must_use]
    pub fn text(self, octets: &[u8]) -> String {
        match self {
            Self::Gsm7 => gsm::decode(octets),
            Self::Ucs2 => ucs2_text(octets),
        }
    }
}

fn ucs2_text(octets: &[u8]) -> String {
    let (pairs, rest) = octets.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
    let mut text: String = char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    if !rest.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}
