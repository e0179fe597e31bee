//! `/api/v1/messages`

pub(super) mod cancel;
pub(super) mod get;
pub(super) mod list;
pub(super) mod preview;
pub(super) mod send;
#[cfg(test)]
mod tests;
