//! `/api/v1/messages`

pub(super) mod preview;
