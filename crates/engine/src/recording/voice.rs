//! Whether somebody speaks: simple, for the end of a message.
//!
//! The level of a frame is held against that of the quiet, which is learnt: it falls at once and rises by
//! about a decibel a second, so that a fan or a hiss becomes quiet after a while and words do not.

/// Mean square of what is taken as quiet at first, and at least: about -54 dB of full scale.
const QUIETEST: f32 = 4_000.0;

/// How much louder than the quiet a voice is, as a ratio of mean squares: 10 dB.
const LOUDER: f32 = 10.0;

/// How fast the quiet rises, each frame of 20 ms.
const RISE: f32 = 1.005;

/// Listens for a voice, frame by frame.
#[derive(Debug)]
pub(super) struct Voice {
    quiet: f32,
}

impl Default for Voice {
    fn default() -> Self {
        Self { quiet: QUIETEST }
    }
}

impl Voice {
    /// Whether somebody speaks in this frame.
    pub(super) fn is_in(&mut self, samples: &[i16]) -> bool {
        let sum: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a frame has a few hundred samples")]
        let level = sum / samples.len().max(1) as f32;
        self.quiet = (self.quiet * RISE).min(level).max(QUIETEST);
        level > self.quiet * LOUDER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(loudness: i16, seed: i32) -> Vec<i16> {
        let one = |index: i32| (index.wrapping_mul(1_103_515_245).wrapping_add(seed * 12_345) >> 16) as i16;
        (0..160).map(|index| one(index) % loudness.max(1)).collect()
    }

    fn spoken(voice: &mut Voice, loudness: i16, frames: i32) -> usize {
        (0..frames).filter(|seed| voice.is_in(&noise(loudness, *seed))).count()
    }

    #[test]
    fn words_are_heard_over_quiet_and_hiss() {
        let mut voice = Voice::default();
        assert_eq!(spoken(&mut voice, 0, 50), 0, "nothing at all");
        assert_eq!(spoken(&mut voice, 80, 50), 0, "a quiet line");
        assert!(spoken(&mut voice, 6_000, 20) > 18, "a word");
        assert_eq!(spoken(&mut voice, 80, 50), 0, "a pause");
    }

    #[test]
    fn a_hiss_that_stays_becomes_quiet() {
        let mut voice = Voice::default();
        spoken(&mut voice, 1_500, 1_500);
        assert_eq!(spoken(&mut voice, 1_500, 50), 0);
        assert!(spoken(&mut voice, 20_000, 20) > 18, "a word over it");
    }
}
