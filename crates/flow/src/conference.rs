//! Entering a room.

use std::time::Duration;

use outdial_domain::RoomName;
use serde::{Deserialize, Serialize};

use crate::Prompt;

/// Enters a room, where all hear each other. The flow goes on when the leg leaves it: because it was taken out,
/// or the room ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conference {
    /// The room. The first one in opens it.
    pub room: RoomName,
    /// Whether it enters muted: it hears and is not heard.
    pub muted: bool,
    /// Whether it may begin and end the room.
    pub moderator: bool,
    /// Whether the room begins only when a moderator is in: until then, those who are in hear nobody.
    pub wait: bool,
    /// How long it waits for that; then the leg leaves, as if it had not been let in.
    #[serde(default = "Conference::usual_patience")]
    pub patience: Duration,
    /// Whether the room ends when its last moderator leaves.
    pub end: bool,
    /// Whether all hear a tone when somebody enters or leaves.
    pub tones: bool,
    /// Whether the room is recorded. Its recording belongs to the call that came first of those which want
    /// it, and goes on in another with the next of them when that one leaves.
    pub record: bool,
    /// How many it takes; the first one in decides.
    pub most: u16,
    /// What is heard while the room waits to begin, again and again.
    pub waiting: Vec<Prompt>,
}

impl Conference {
    /// The most that a room takes.
    pub const MOST: u16 = 500;

    /// How long a room waits for its moderator when nobody says.
    pub const PATIENCE: Duration = Duration::from_secs(15 * 60);

    fn usual_patience() -> Duration {
        Self::PATIENCE
    }

    /// Entering this room, and nothing else said.
    #[must_use]
    pub fn of(room: RoomName) -> Self {
        Self {
            room,
            muted: false,
            moderator: false,
            wait: false,
            patience: Self::PATIENCE,
            end: false,
            tones: true,
            record: false,
            most: Self::MOST,
            waiting: Vec::new(),
        }
    }
}
