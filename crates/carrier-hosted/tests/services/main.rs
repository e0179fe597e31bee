//! Services that answer byte by byte as a test tells them, well and badly: what is asked of them, and that it is
//! never asked twice.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exotel;
mod hoiio;
mod rig;
mod voicent;
