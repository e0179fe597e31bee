//! The noise of a far side that says how loud its silence is instead of sending it (RFC 3389).

/// The loudest noise that is believed, in dB under full scale. Rooms are softer.
const LOUDEST: u8 = 30;

/// Noise softer than this is silence.
const SOFTEST: u8 = 80;

#[derive(Debug)]
pub(super) struct ComfortNoise {
    /// The largest sample of the noise, while the far side is silent on purpose.
    peak: Option<f32>,
    random: u32,
}

impl ComfortNoise {
    pub(super) const fn new(random: u32) -> Self {
        Self {
            peak: None,
            random: random | 1,
        }
    }

    /// Takes a payload: the level, and a spectrum that we leave out.
    pub(super) fn begin(&mut self, payload: &[u8]) {
        let level = payload.first().map_or(SOFTEST, |level| level & 0x7F).max(LOUDEST);
        // Evenly spread noise has its peak a root of three above its mean.
        let peak = 32_768.0 * 3_f32.sqrt() * 10_f32.powf(-f32::from(level) / 20.0);
        self.peak = (level < SOFTEST).then_some(peak);
    }

    /// The far side speaks again.
    pub(super) const fn end(&mut self) {
        self.peak = None;
    }

    /// Fills a frame in which nothing was sent.
    pub(super) fn fill(&mut self, frame: &mut [i16]) {
        let Some(peak) = self.peak else { return };
        for sample in frame {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 17;
            self.random ^= self.random << 5;
            let even = (self.random >> 8) as f32 / (1 << 23) as f32 - 1.0;
            *sample = (even * peak) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loudness::rms_dbfs;

    #[test]
    fn the_noise_is_as_loud_as_was_said_and_never_a_scream() {
        for (payload, level) in [
            (&[50_u8][..], -50.0),
            (&[65, 1, 2], -65.0),
            (&[0], -30.0),
            (&[0xB2], -50.0),
        ] {
            let mut noise = ComfortNoise::new(4);
            noise.begin(payload);
            let mut frame = [0; 3200];
            noise.fill(&mut frame);
            let heard = rms_dbfs(&frame);
            assert!((heard - level).abs() < 1.0, "{payload:?}: {heard}");
        }
    }

    #[test]
    fn no_level_and_the_softest_are_silence() {
        for payload in [&[][..], &[127]] {
            let mut noise = ComfortNoise::new(4);
            noise.begin(payload);
            let mut frame = [0; 160];
            noise.fill(&mut frame);
            assert_eq!(frame, [0; 160]);
        }
        let mut noise = ComfortNoise::new(4);
        noise.begin(&[40]);
        noise.end();
        let mut frame = [0; 160];
        noise.fill(&mut frame);
        assert_eq!(frame, [0; 160]);
    }
}
