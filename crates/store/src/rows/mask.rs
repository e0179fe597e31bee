//! Masked pairs. What is only read whole is JSON.

use outdial_domain::{Mask, MaskId};
use outdial_engine::ports::StoreError;
use uuid::Uuid;

use super::column::Place;

#[derive(Debug)]
pub(crate) struct MaskRow {
    pub(crate) id: Uuid,
    pub(crate) mask: String,
}

/// Whether it may stand beside the others with its number.
///
/// # Errors
///
/// [`StoreError::Taken`] when it would be mistaken for one of them that holds when it is made.
pub(crate) fn may_be_added(mask: &Mask, others: &[Mask]) -> Result<(), StoreError> {
    let mut live = others.iter().filter(|other| other.holds(mask.created_at));
    match live.any(|other| mask.is_mistaken_for(other)) {
        true => Err(StoreError::Taken(mask.number.to_string())),
        false => Ok(()),
    }
}

impl TryFrom<MaskRow> for Mask {
    type Error = StoreError;

    fn try_from(row: MaskRow) -> Result<Self, StoreError> {
        let id = MaskId::from_uuid(row.id);
        let place = Place { table: "mask", id: &id };
        place.json("mask", &row.mask)
    }
}
