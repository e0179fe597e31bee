//! A recording: the sound of a leg, kept.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, CallId, LegId, RecordingId, outcome::words};

words! {
    /// Whose voice goes where.
    Channels {
        /// One channel: everybody together.
        Mono = "mono",
        /// Two channels: on the left the party of the leg, on the right what the party hears.
        Separate = "separate",
        /// One channel: the party of the leg alone, as for a message.
        Party = "party",
        /// One channel: the other party alone, whom the party of the leg talks to.
        Other = "other",
        /// One channel: everybody in the room that the leg is in.
        Room = "room",
    }
}

impl Channels {
    /// Those of a leg by itself, in a room or not.
    pub const OF_A_LEG: &[Self] = &[Self::Mono, Self::Separate, Self::Party, Self::Other];
}

words! {
    /// Where a recording stands.
    RecordingState {
        /// It is written.
        Recording = "recording",
        /// It goes on when somebody says so; what is said meanwhile is not kept.
        Paused = "paused",
        /// It is complete.
        Finished = "finished",
        /// Its node went away while it wrote it, and has it still: it is complete when that node is back.
        Unreachable = "unreachable",
    }
}

words! {
    /// Why a recording ended.
    RecordingEnd {
        /// The leg ended.
        HungUp = "hung_up",
        /// The flow ended it.
        Flow = "flow",
        /// Somebody asked for its end.
        Request = "request",
        /// The key was pressed that ends it.
        Key = "key",
        /// Nobody spoke for as long as it waits.
        Silence = "silence",
        /// It became as long as it may.
        Longest = "longest",
        /// The leg left the room that was recorded.
        LeftRoom = "left_room",
        /// The disk is full. What was heard before is kept.
        DiskFull = "disk_full",
        /// The disk fails otherwise. What was heard before is kept, as far as it can be read.
        Failed = "failed",
        /// The server was interrupted. What was heard before is kept.
        Interrupted = "interrupted",
    }
}

/// The sound of a leg, kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Names it.
    pub id: RecordingId,
    /// Whose it is.
    pub account: AccountId,
    /// The call.
    pub call: CallId,
    /// The leg.
    pub leg: LegId,
    /// What its maker called it.
    pub name: String,
    /// Whose voice goes where.
    pub channels: Channels,
    /// The node that has it, or had it until it was finished.
    pub node: String,
    /// Where it stands.
    pub state: RecordingState,
    /// Why it ended.
    pub end: Option<RecordingEnd>,
    /// Samples a second, known at its end.
    pub rate: u32,
    /// How long it plays, known at its end.
    pub length: Duration,
    /// The size of its file, known at its end.
    pub bytes: u64,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// From when on it is deleted; it is kept without one.
    pub delete_at: Option<Timestamp>,
}

impl Recording {
    /// The most characters of a name.
    pub const LONGEST_NAME: usize = 100;

    /// What one is called that was given no name.
    pub const USUAL_NAME: &str = "recording";

    /// The most recordings of one leg at the same time.
    pub const MOST_AT_ONCE: usize = 4;

    /// The longest that one may become, which a WAV file surely holds.
    pub const LONGEST: Duration = Duration::from_secs(12 * 3600);

    /// Whether nothing is added to it any more.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state == RecordingState::Finished
    }

    /// Whether nobody writes it: it is complete, or its node is gone.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, RecordingState::Finished | RecordingState::Unreachable)
    }

    /// Its node went away while it wrote it, and nobody else has its sound.
    pub fn lose(&mut self, now: Timestamp) {
        if !self.is_over() {
            self.state = RecordingState::Unreachable;
            self.end = Some(RecordingEnd::Interrupted);
            self.ended_at = Some(now);
        }
    }

    /// Ends it. The first end holds; says whether this was it.
    pub fn finish(&mut self, made: Made, now: Timestamp) -> bool {
        if self.is_finished() {
            return false;
        }
        self.state = RecordingState::Finished;
        self.end = Some(made.end);
        self.rate = made.rate;
        self.length = made.length;
        self.bytes = made.bytes;
        self.ended_at.get_or_insert(now);
        true
    }

    /// Keeps it for so long from its end, or for ever.
    pub fn keep(&mut self, keep: Option<Duration>) {
        // One that is kept for longer than there are times is kept for ever.
        self.delete_at = self
            .ended_at
            .zip(keep)
            .and_then(|(end, keep)| end.checked_add(keep).ok());
    }
}

/// What a recording came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Why it ended.
    pub end: RecordingEnd,
    /// Samples a second.
    pub rate: u32,
    /// How long it plays.
    pub length: Duration,
    /// The size of its file.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_end_holds() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut recording = Recording {
            id: RecordingId::new(at(0), [0; 10]),
            account: AccountId::new(at(0), [0; 10]),
            call: CallId::new(at(0), [0; 10]),
            leg: LegId::new(at(0), [0; 10]),
            name: Recording::USUAL_NAME.into(),
            channels: Channels::Mono,
            node: "local".into(),
            state: RecordingState::Paused,
            end: None,
            rate: 0,
            length: Duration::ZERO,
            bytes: 0,
            begun_at: at(0),
            ended_at: None,
            delete_at: None,
        };
        let made = |end| Made {
            end,
            rate: 8_000,
            length: Duration::from_secs(2),
            bytes: 32_044,
        };
        let day = Duration::from_secs(86_400);
        recording.keep(Some(day));
        assert_eq!(recording.delete_at, None, "one that is not complete is not deleted");
        let mut lost = recording.clone();
        lost.lose(at(3));
        assert_eq!(
            (lost.end, lost.is_finished(), lost.is_over()),
            (Some(RecordingEnd::Interrupted), false, true)
        );
        assert!(lost.finish(made(RecordingEnd::Interrupted), at(5)), "its node is back");
        assert_eq!(
            (lost.state, lost.ended_at, lost.bytes),
            (RecordingState::Finished, Some(at(3)), 32_044)
        );
        lost.lose(at(9));
        assert!(lost.is_finished());
        assert!(recording.finish(made(RecordingEnd::Key), at(5)));
        assert!(!recording.finish(made(RecordingEnd::HungUp), at(9)));
        recording.keep(Some(day));
        assert_eq!(
            (recording.end, recording.ended_at, recording.delete_at),
            (Some(RecordingEnd::Key), Some(at(5)), Some(at(86_405)))
        );
    }
}
