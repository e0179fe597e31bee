//! Notices that somebody speaks, by the energy of the frames.

use std::time::Instant;

/// A frame whose mean square is above this is loud: about −40 dB below full scale.
const LOUD: u64 = 300 * 300;
/// So many loud frames within the last eight are a voice and no click.
const ENOUGH: u32 = 4;

/// What was heard of the far side's voice so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Voice {
    /// When it was last heard.
    pub(crate) last: Option<Instant>,
}

#[derive(Debug, Default)]
pub(crate) struct VoiceDetector {
    /// The last eight frames, one bit each, set where loud.
    recent: u8,
}

impl VoiceDetector {
    /// Takes the next frame and tells whether a voice is in it.
    pub(crate) fn hears(&mut self, frame: &[i16]) -> bool {
        let energy: u64 = frame.iter().map(|sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
        let loud = !frame.is_empty() && energy / frame.len() as u64 > LOUD;
        self.recent = (self.recent << 1) | u8::from(loud);
        loud && self.recent.count_ones() >= ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_heard_and_a_click_is_not() {
        let (loud, quiet) = ([2000; 160], [20; 160]);
        let mut detector = VoiceDetector::default();
        assert!(!detector.hears(&[]));
        assert!(!(0..100).any(|_| detector.hears(&quiet)));
        assert!(!detector.hears(&loud), "a click");
        assert!(!(0..8).any(|_| detector.hears(&quiet)));
        let heard = (0..10).filter(|_| detector.hears(&loud)).count();
        assert_eq!(heard, 7);
    }
}
