//! How loud a member is, and whether it speaks.

/// The level below which nobody speaks, as the mean of samples: about −46 dBFS.
const QUIET: u32 = 160;

/// By how much a voice stands out of what is there without it.
const ABOVE_BACKGROUND: u32 = 3;

/// Frames that a speaker may pause without being taken for silent: 400 ms.
const PAUSE: u8 = 20;

/// Follows one voice, a frame at a time.
#[derive(Debug)]
pub(super) struct Voice {
    /// The mean sample: up at once, down by an eighth a frame.
    level: u32,
    /// The level of the background, in 256ths: down soon, up by some 5 dB a second.
    background: u32,
    /// Frames left until it counts as silent.
    left: u8,
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            level: 0,
            background: QUIET << 8,
            left: 0,
        }
    }
}

impl Voice {
    pub(super) fn follow(&mut self, frame: &[i16]) {
        let sum: u32 = frame.iter().map(|sample| u32::from(sample.unsigned_abs())).sum();
        let mean = sum / frame.len().max(1) as u32;
        self.level = mean.max(self.level - self.level / 8);
        let scaled = mean << 8;
        self.background = if scaled < self.background {
            self.background - (self.background - scaled) / 4
        } else {
            (self.background + self.background / 80 + 1).min(scaled)
        };
        let threshold = QUIET.max(ABOVE_BACKGROUND * (self.background >> 8));
        self.left = if mean > threshold {
            PAUSE
        } else {
            self.left.saturating_sub(1)
        };
    }

    pub(super) const fn level(&self) -> u32 {
        self.level
    }

    pub(super) const fn is_speaking(&self) -> bool {
        self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(voice: &mut Voice, sample: i16, frames: usize) -> bool {
        for _ in 0..frames {
            voice.follow(&[sample; 160]);
        }
        voice.is_speaking()
    }

    #[test]
    fn it_speaks_while_it_stands_out_and_through_short_pauses() {
        let mut voice = Voice::default();
        assert!(!after(&mut voice, 20, 50));
        assert!(after(&mut voice, 3000, 5));
        assert!(after(&mut voice, 20, 15));
        assert!(!after(&mut voice, 20, 10));
    }

    #[test]
    fn a_steady_noise_becomes_background() {
        let mut voice = Voice::default();
        assert!(after(&mut voice, 600, 5));
        assert!(!after(&mut voice, 600, 1000));
        assert!(after(&mut voice, 6000, 2));
    }
}
