//! Covers for lost frames by repeating the last good one, ever more softly.

use crate::MAX_FRAME;

/// Lost frames after which there is silence: a voice repeated for longer than 60 ms sounds like a machine (G.711, appendix I).
const FADE_FRAMES: usize = 3;

/// Samples over which a good frame takes over from a made-up one.
const JOIN: usize = 40;

/// Remembers what was heard last and makes up what is missing.
#[derive(Debug, Clone)]
pub struct Concealer {
    last: [i16; MAX_FRAME],
    lost: usize,
}

impl Default for Concealer {
    fn default() -> Self {
        Self::new()
    }
}

impl Concealer {
    /// A concealer that has heard nothing, and would make up silence.
    pub const fn new() -> Self {
        Self {
            last: [0; MAX_FRAME],
            lost: FADE_FRAMES,
        }
    }

    /// Takes a good frame, and softens its beginning if made-up ones went before it.
    pub fn good(&mut self, frame: &mut [i16]) {
        let length = frame.len().min(MAX_FRAME);
        let gain = fade(self.lost, 0, length);
        if self.lost > 0 && gain > 0.0 {
            for (index, sample) in frame.iter_mut().take(JOIN).enumerate() {
                let share = index as f32 / JOIN as f32;
                let made_up = f32::from(self.last[index % length]) * gain;
                *sample = (made_up * (1.0 - share) + f32::from(*sample) * share) as i16;
            }
        }
        self.last[..length].copy_from_slice(&frame[..length]);
        self.lost = 0;
    }

    /// Fills a frame that was lost.
    pub fn lost(&mut self, frame: &mut [i16]) {
        let length = frame.len().min(MAX_FRAME);
        for (index, sample) in frame.iter_mut().enumerate() {
            let last = f32::from(self.last[index % length]);
            *sample = (last * fade(self.lost, index, length)) as i16;
        }
        self.lost = (self.lost + 1).min(FADE_FRAMES);
    }

    /// Forgets what was heard, for when the peer fell silent on purpose.
    pub fn reset(&mut self) {
        self.lost = FADE_FRAMES;
    }
}

/// How loud the made-up sample at `index` of the lost frame number `lost` is.
fn fade(lost: usize, index: usize, length: usize) -> f32 {
    let total = (FADE_FRAMES * length) as f32;
    (1.0 - (lost * length + index) as f32 / total).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_frame_fades_away_within_60_ms() {
        let mut concealer = Concealer::new();
        concealer.good(&mut [9000; 160]);
        let mut all = Vec::new();
        for _ in 0..4 {
            let mut frame = [0; 160];
            concealer.lost(&mut frame);
            all.extend(frame);
        }
        assert_eq!(all[0], 9000);
        assert!(all.windows(2).all(|pair| pair[0] >= pair[1] && pair[0] - pair[1] < 30));
        assert!(all[480..].iter().all(|sample| *sample == 0));
    }

    #[test]
    fn a_good_frame_takes_over_without_a_click() {
        let mut concealer = Concealer::new();
        concealer.good(&mut [9000; 160]);
        let (mut lost, mut good) = ([0; 160], [-9000; 160]);
        concealer.lost(&mut lost);
        concealer.good(&mut good);
        assert!((i32::from(lost[159]) - i32::from(good[0])).abs() < 100);
        assert!(good[40..].iter().all(|sample| *sample == -9000));
        let mut next = [5; 160];
        concealer.good(&mut next);
        assert_eq!(next, [5; 160]);
    }

    #[test]
    fn nothing_heard_makes_silence() {
        let mut concealer = Concealer::new();
        let mut frame = [7; 320];
        concealer.lost(&mut frame);
        assert_eq!(frame, [0; 320]);
        concealer.good(&mut [100; 320]);
        concealer.reset();
        concealer.lost(&mut frame);
        assert_eq!(frame, [0; 320]);
    }
}
