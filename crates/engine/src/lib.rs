//! Outdial's verbs, the task that owns a live call, the scheduler and routing.
//!
//! The engine says what it needs from the world in [`ports`] and knows no provider, no carrier and
//! no HTTP status by name.

pub mod ports;
