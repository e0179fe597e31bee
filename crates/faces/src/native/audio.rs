//! `/api/v1/audio`

pub(super) mod upload;
