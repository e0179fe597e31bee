//! `/api/v1/masks`

pub(super) mod create;
pub(super) mod get;
pub(super) mod list;
pub(super) mod remove;

use outdial_engine::verbs::MaskError;

use super::{
    calls::{names::Names, place},
    code::Code,
    refusal::Refusal,
};

impl From<MaskError> for Refusal {
    fn from(error: MaskError) -> Self {
        let detail = error.to_string();
        match error {
            MaskError::NotFound => Self::new(Code::MaskNotFound, detail),
            MaskError::NoNumber => Self::new(Code::NoFreeNumber, detail),
            MaskError::Refused(error) => place::refusal(error, Names::default()),
            MaskError::Store(error) => error.into(),
        }
    }
}
