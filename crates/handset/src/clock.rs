//! The one place where the time of day is read; everything else of this crate measures with monotonic instants.

/// The time of day, for the ring log and the calls heard.
#[expect(
    clippy::disallowed_methods,
    reason = "the handset is an adapter with a clock of its own; nothing of it decides by the time of day"
)]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
