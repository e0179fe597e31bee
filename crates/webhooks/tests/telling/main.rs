//! Who is told what, and when: everything but the network is real, and time is virtual.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod account_webhooks;
mod failing;
mod rig;
mod whole_calls;
