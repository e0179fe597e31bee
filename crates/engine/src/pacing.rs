//! Pacing: when a call that is due may go.
//!
//! A call counts against the limits of its account, trunk, caller id, destination prefix and number. Where
//! one of them does not allow it yet, it waits; nothing is refused because much comes at once. What is in
//! [`bucket`], [`limits`] and [`queue`] knows no clock: time is an argument.

pub mod bucket;
pub mod limits;
pub mod queue;
#[cfg(test)]
mod tests;
