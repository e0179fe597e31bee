//! Masked pairs.

use outdial_domain as domain;
use serde::Serialize;
use utoipa::ToSchema;

use super::Time;

/// Two people who reach each other by a number of ours.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Mask {
    /// Names it.
    #[schema(example = "mask_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// The number that both call, and see.
    #[schema(example = "+6561234567")]
    number: String,
    /// The two.
    parties: Vec<String>,
    /// Whether a caller must press a PIN to be connected.
    pin: bool,
    /// At this time and later it connects nobody.
    #[schema(required = true)]
    expires: Option<Time>,
    /// Free text of whoever made it.
    #[schema(required = true)]
    tag: Option<String>,
    created_at: Time,
}

/// The masked pairs that still connect, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct MaskList {
    pub(in crate::native) masks: Vec<Mask>,
}

impl From<domain::Mask> for Mask {
    fn from(mask: domain::Mask) -> Self {
        Self {
            id: mask.id.to_string(),
            number: mask.number.to_string(),
            parties: mask.parties.iter().map(ToString::to_string).collect(),
            pin: mask.pin.is_some(),
            expires: mask.expires.map(Time),
            tag: mask.tag,
            created_at: Time(mask.created_at),
        }
    }
}
