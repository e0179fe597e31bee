//! Pacing: when a call that is due may go.
//!
//! A call counts against the limits of its trunk, account, caller id, destination prefix and number, and of
//! the node that dials it. Where one of them does not allow it yet, it waits; nothing is refused because
//! much comes at once. [`bucket`], [`limits`], [`queue`] and [`estimate`] know no clock: time is an argument.

pub(crate) mod accounts;
pub(crate) mod admission;
pub(crate) mod backlogs;
pub mod bucket;
pub mod estimate;
pub mod limits;
pub(crate) mod names;
pub mod queue;
pub(crate) mod rules;
#[cfg(test)]
mod tests;
mod window;

pub use rules::Rules;
