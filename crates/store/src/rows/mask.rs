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

impl TryFrom<MaskRow> for Mask {
    type Error = StoreError;

    fn try_from(row: MaskRow) -> Result<Self, StoreError> {
        let id = MaskId::from_uuid(row.id);
        let place = Place { table: "mask", id: &id };
        place.json("mask", &row.mask)
    }
}
