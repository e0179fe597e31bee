//! Texts, as they would be sent.

use outdial_domain::text::{Composed, Concatenation};
use serde::Serialize;
use utoipa::ToSchema;

use super::EncodingWord;

/// How a text would be sent.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct MessagePreview {
    /// `gsm7` for GSM 03.38 with its extension table, `ucs2` for UTF-16.
    encoding: EncodingWord,
    /// How many parts it has, each of which is charged.
    #[schema(example = 1)]
    part_count: usize,
    /// How many units all parts take: septets, where a character of the extension table takes two, or UTF-16 units.
    #[schema(example = 10)]
    units: usize,
    /// How many more units the last part has room for.
    #[schema(example = 60)]
    room_left: usize,
    /// What would be sent, which differs from the body only in its typography.
    body: String,
    /// The parts, in order.
    parts: Vec<MessagePart>,
}

/// A part of a text.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct MessagePart {
    /// What it says.
    body: String,
    /// How many units it takes.
    units: usize,
}

impl MessagePreview {
    pub(in crate::native) fn new(composed: Composed, concatenation: Concatenation) -> Self {
        Self {
            encoding: EncodingWord(composed.encoding),
            part_count: composed.parts.len(),
            units: composed.units(),
            room_left: composed.room_left(concatenation),
            body: composed.text(),
            parts: composed
                .parts
                .into_iter()
                .map(|part| MessagePart {
                    body: part.text,
                    units: part.units,
                })
                .collect(),
        }
    }
}
