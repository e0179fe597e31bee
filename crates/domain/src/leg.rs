//! One party's connection within an attempt. It is what the dial-once rule counts.

use serde::{Deserialize, Serialize};

pub use crate::attempt::AttemptState as LegState;
use crate::{AttemptId, CallId, LegId, attempt::Progress};

/// One party's connection within an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Names it, also on the wire: a carrier makes its own idempotent name from it.
    pub id: LegId,
    /// The attempt it belongs to.
    pub attempt: AttemptId,
    /// The call it belongs to.
    pub call: CallId,
    /// The trunk it goes out by.
    pub trunk: String,
    /// What is dialled there, as people write it.
    pub target: String,
    /// The caller id that is shown to it: an address, or [`Leg::PRIVATE`]; `None` for that of its trunk.
    pub shows: Option<String>,
    /// The node that rings it.
    pub node: String,
    /// How far it has come.
    pub progress: Progress,
    /// How good the sound was, known at its end.
    pub quality: Option<Quality>,
}

/// How good the sound of a leg was: what we received, and what the far side reported by RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Packets received.
    pub received: u64,
    /// Packets that never came, or too late.
    pub lost: u64,
    /// Packets sent.
    pub sent: u64,
    /// Interarrival jitter in milliseconds (RFC 3550, section 6.4.1).
    pub jitter_ms: f32,
    /// Round trip in milliseconds, where the far side reported.
    pub round_trip_ms: Option<f32>,
    /// Share of our packets that the far side lost lately, 0 to 1, where it reported.
    pub far_loss: Option<f32>,
    /// Jitter of our packets at the far side in milliseconds, where it reported.
    pub far_jitter_ms: Option<f32>,
    /// Estimated mean opinion score, 1 to 4.5 (ITU-T G.107, simplified); none where too little was heard to judge.
    pub mos: Option<f32>,
}

impl Leg {
    /// What [`Leg::shows`] says of a caller id that is withheld.
    pub const PRIVATE: &'static str = "private";
}

// The store compares what it read with what it wrote, and none of its numbers is NaN.
impl Eq for Quality {}
