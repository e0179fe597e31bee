//! What a room knows of a member.

use super::shared::{SETTLED, Shared};
use crate::MAX_FRAME;
use crate::codec::Codec;
use crate::stream::Passed;

/// Where a member is on its way through the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// In its first frame.
    Entering,
    In,
    /// In its last frame.
    Leaving,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) codec: Codec,
    pub(super) muted: bool,
    /// Whether it hears nothing of the room.
    pub(super) deaf: bool,
    pub(super) stage: Stage,
    /// Whether it has nothing of its own to send, and nobody wants its sound.
    pub(super) plain: bool,
    pub(super) tapped: bool,
    /// Whether what it says is passed to the other as it comes, in this frame.
    pub(super) passes: bool,
    /// Whether it has been since the last frame that was not.
    pub(super) passed_before: bool,
    /// What was passed in this frame.
    pub(super) passed: Passed,
    pub(super) octets: [u8; MAX_FRAME / 2],
    /// Whether its last frame was quiet.
    pub(super) quiet: bool,
    /// Frames in a row in which it heard the same as all listeners.
    pub(super) alike: u8,
    /// Whether the last frame that it was sent was encoded for all listeners.
    pub(super) was_shared: bool,
}

impl Member {
    pub(super) const fn new(codec: Codec, muted: bool) -> Self {
        Self {
            codec,
            muted,
            deaf: false,
            stage: Stage::Entering,
            plain: false,
            tapped: false,
            passes: false,
            passed_before: false,
            passed: Passed::Nothing,
            octets: [0; MAX_FRAME / 2],
            quiet: false,
            alike: 0,
            was_shared: false,
        }
    }

    /// Whether its octets may go to another as they come.
    pub(super) fn may_pass_to(&self, to: &Self) -> bool {
        let stays = self.stage == Stage::In && to.stage == Stage::In;
        // Whoever hears a codec with a memory would hear the change from one encoder to another, unless there is nothing to hear.
        let unnoticed = self.passed_before || self.quiet || !has_memory(self.codec);
        stays && unnoticed && !self.muted && !self.tapped && to.plain && !to.deaf && self.codec == to.codec
    }

    /// Whether it can be sent what was encoded for all listeners, should it hear the same.
    pub(super) fn listens_only(&self) -> bool {
        self.plain && self.stage == Stage::In
    }

    /// Whether the change to the encoder of all listeners would not be heard: both have coded the same for a while.
    pub(super) fn may_share(&self, shared: &Shared) -> bool {
        let settled = self.was_shared || self.alike >= SETTLED && shared.is_settled();
        shared.is_wanted(self.codec) && (settled || !has_memory(self.codec))
    }

    /// Lets what it hears come and go without a click.
    pub(super) fn fade(&self, frame: &mut [i16]) {
        let length = frame.len() as i32;
        for (place, sample) in (0..).zip(frame) {
            let share = match self.stage {
                Stage::Entering => place,
                Stage::In => return,
                Stage::Leaving => length - place,
            };
            *sample = (i32::from(*sample) * share / length) as i16;
        }
    }
}

/// Whether what an octet of a codec means depends on those before it.
pub(super) fn has_memory(codec: Codec) -> bool {
    match codec {
        Codec::Pcmu | Codec::Pcma => false,
        Codec::G722 => true,
    }
}
