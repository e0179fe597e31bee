//! G.722 at 64 kbit/s: two bands, each coded by its difference from what was expected.
//!
//! The names in comments are those of the blocks in the standard's figures 4 to 8.

mod band;
mod tables;

use band::{HIGH, LOW, Predictor};
use tables::MIRROR;

/// Samples that the filter between the bands looks at.
const TAPS: usize = 24;

/// Turns pairs of samples into octets.
#[derive(Debug, Clone)]
pub(crate) struct G722Encoder {
    heard: [i32; TAPS],
    low: Predictor,
    high: Predictor,
}

/// Turns octets into pairs of samples.
#[derive(Debug, Clone)]
pub(crate) struct G722Decoder {
    /// Sums and differences of the two bands, newest last.
    bands: [i32; TAPS],
    low: Predictor,
    high: Predictor,
}

impl G722Encoder {
    pub(crate) const fn new() -> Self {
        Self {
            heard: [0; TAPS],
            low: Predictor::new(LOW),
            high: Predictor::new(HIGH),
        }
    }

    pub(crate) fn encode(&mut self, pair: [i16; 2]) -> u8 {
        shift_in(&mut self.heard, pair.map(i32::from));
        let (even, odd) = halves(&self.heard);
        let low = self.low.quantise_low((even + odd) >> 14);
        let high = self.high.quantise_high((even - odd) >> 14);
        high << 6 | low
    }

    /// Learns from an octet of somebody else that was sent in place of ours, as whoever hears it does.
    pub(crate) fn follow(&mut self, octet: u8) {
        self.low.restore_low(octet & 0x3F);
        self.high.restore_high(octet >> 6);
    }
}

impl G722Decoder {
    pub(crate) const fn new() -> Self {
        Self {
            bands: [0; TAPS],
            low: Predictor::new(LOW),
            high: Predictor::new(HIGH),
        }
    }

    pub(crate) fn decode(&mut self, octet: u8) -> [i16; 2] {
        let low = self.low.restore_low(octet & 0x3F);
        let high = self.high.restore_high(octet >> 6);
        shift_in(&mut self.bands, [low + high, low - high]);
        let (even, odd) = halves(&self.bands);
        [even, odd].map(|sum| (sum >> 11).clamp(-32_768, 32_767) as i16)
    }

    /// Learns from an octet that nobody has to hear.
    pub(crate) fn follow(&mut self, octet: u8) {
        let low = self.low.restore_low(octet & 0x3F);
        let high = self.high.restore_high(octet >> 6);
        shift_in(&mut self.bands, [low + high, low - high]);
    }
}

fn shift_in(taps: &mut [i32; TAPS], pair: [i32; 2]) {
    taps.copy_within(2.., 0);
    taps[TAPS - 2..].copy_from_slice(&pair);
}

/// The two phases of the mirror filter (TRANSMIT QMF and RECEIVE QMF): over the second of each pair, and over the first.
fn halves(taps: &[i32; TAPS]) -> (i32, i32) {
    let (mut even, mut odd) = (0, 0);
    for index in 0..MIRROR.len() {
        odd += taps[2 * index] * MIRROR[index];
        even += taps[2 * index + 1] * MIRROR[MIRROR.len() - 1 - index];
    }
    (even, odd)
}

#[cfg(test)]
mod tests;
