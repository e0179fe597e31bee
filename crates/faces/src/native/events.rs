//! `/api/v1/events`

pub(super) mod follow;
