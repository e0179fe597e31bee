//! A member of a room as the mixer sees it.

use super::{
    Band,
    halfband::{Doubler, Halver},
    voice::Voice,
};
use crate::MAX_FRAME;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) band: Band,
    pub(super) role: Role,
    pub(super) muted: bool,
    /// What it said in this frame went past the mixer.
    pub(super) passed: bool,
    pub(super) voice: Voice,
    /// What was offered for this frame.
    pub(super) offered: bool,
    pub(super) frame: [i16; MAX_FRAME],
    /// How it is in the mix of this frame, and how it was in the last.
    pub(super) part: Part,
    /// What it gave to the mix in the band that is not its own.
    pub(super) other: [i16; MAX_FRAME],
    pub(super) doubler: Doubler,
    pub(super) halver: Halver,
}

/// What somebody does in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Speaks and hears.
    Member,
    /// Speaks to everybody, however many others do, and hears nothing.
    Announcer,
}

/// Whether a member is in the mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Out,
    /// Fading in or out over this frame.
    Entering,
    In,
    Leaving,
}

impl Part {
    /// The next frame's, for a member that is or is not among the speakers then.
    pub(super) const fn next(self, speaks: bool) -> Self {
        match (self, speaks) {
            (Self::Out | Self::Leaving, true) => Self::Entering,
            (Self::Entering | Self::In, true) => Self::In,
            (Self::Entering | Self::In, false) => Self::Leaving,
            (Self::Out | Self::Leaving, false) => Self::Out,
        }
    }
}

impl Member {
    pub(super) fn new(band: Band, role: Role, part: Part) -> Self {
        Self {
            band,
            role,
            muted: false,
            passed: false,
            voice: Voice::default(),
            offered: false,
            frame: [0; MAX_FRAME],
            part,
            other: [0; MAX_FRAME],
            doubler: Doubler::default(),
            halver: Halver::default(),
        }
    }

    pub(super) fn samples(&self) -> usize {
        self.band.frame_samples()
    }

    /// Whether nothing of its own is in the mix of this frame.
    pub(super) fn hears_all(&self) -> bool {
        self.part == Part::Out || self.passed
    }

    /// Follows how loud the member is.
    pub(super) fn listen(&mut self) {
        if !std::mem::take(&mut self.offered) {
            self.frame.fill(0);
        }
        let samples = self.samples();
        self.voice.follow(&self.frame[..samples]);
    }

    /// How much it is heard when not all can be. Whoever is in the mix stays until another is clearly louder.
    pub(super) fn weight(&self) -> u32 {
        let counts = !self.muted && self.role == Role::Member;
        let level = if counts { self.voice.level() } else { 0 };
        match self.part {
            Part::Entering | Part::In => level.saturating_mul(2),
            Part::Out | Part::Leaving => level,
        }
    }

    /// Lets its voice come and go without a click.
    pub(super) fn fade(&mut self) {
        let samples = self.samples();
        let frame = &mut self.frame[..samples];
        let length = samples as i32;
        match self.part {
            Part::Entering => {
                self.doubler = Doubler::default();
                self.halver = Halver::default();
                for (place, sample) in (0..).zip(frame) {
                    *sample = (i32::from(*sample) * place / length) as i16;
                }
            }
            Part::Leaving => {
                for (place, sample) in (0..).zip(frame) {
                    *sample = (i32::from(*sample) * (length - place) / length) as i16;
                }
            }
            Part::Out | Part::In => {}
        }
    }

    pub(super) fn convert(&mut self) {
        let (narrow, wide) = (Band::Narrow.frame_samples(), Band::Wide.frame_samples());
        match self.band {
            Band::Narrow => self.doubler.double(&self.frame[..narrow], &mut self.other[..wide]),
            Band::Wide => self.halver.halve(&self.frame[..wide], &mut self.other[..narrow]),
        }
    }

    /// What it gave to the mix of a band.
    pub(super) fn share(&self, band: Band) -> &[i16] {
        let all = if band == self.band { &self.frame } else { &self.other };
        &all[..band.frame_samples()]
    }
}
