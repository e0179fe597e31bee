//! Hears DTMF tones in audio.
//!
//! Wanted where the peer has no telephone-event; beside it, a key would be told twice.
//! The aims are those of ITU-T Q.24: frequencies within 1.5 % are accepted and those 3.5 % off are not, tones of 40 ms are accepted and those of 23 ms are not, the high tone may be 4 dB louder and the low one 8 dB.

use std::f32::consts::TAU;

use crate::digit::Digit;
use crate::tones::{self, COLUMNS, LOUDEST, ROWS};

/// Samples of one look at 8 kHz. Long enough to tell the rows apart, short enough for four looks in a short tone.
const BLOCK: usize = 102;

/// Looks in a row that begin a digit. A tone of 40 ms has at least five that see enough of it; one of 23 ms has at most four.
const HITS: u32 = 5;

/// Looks in a row without the digit that end it. A break of 10 ms has at most three, a pause of 40 ms at least five.
const MISSES: u32 = 4;

/// The share of all energy that must be in the two tones. This is what speech fails.
const SHARE: f32 = 0.63;

/// How much stronger the strongest of a group must be than the next, as a ratio of energies: 8 dB.
const ALONE: f32 = 6.3;

/// How much louder the high tone may be: 4 dB, and one for tones off their frequency.
const HIGH_LOUDER: f32 = 3.16;

/// How much louder the low tone may be: 8 dB, and two for the loss of a low one off its frequency.
const LOW_LOUDER: f32 = 10.0;

/// The level of the weaker tone in dBm0 below which nobody presses a key.
const FAINTEST: f32 = -33.0;

/// Hears keys in a stream of samples at 8 or 16 kHz, each told once.
#[derive(Debug, Clone)]
pub struct DtmfDetector {
    /// Twice the cosine of each tone's step, rows first.
    coefficients: [f32; 8],
    /// Two looks overlapping by half, so that there is one every half block.
    looks: [Look; 2],
    block: usize,
    least_energy: f32,
    heard: Option<Digit>,
    hits: u32,
    told: Option<Digit>,
    misses: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Look {
    one: [f32; 8],
    two: [f32; 8],
    energy: f32,
    samples: usize,
}

impl DtmfDetector {
    /// A detector for audio of `rate` samples a second.
    pub fn new(rate: u32) -> Self {
        let block = BLOCK * rate as usize / 8000;
        let mut coefficients = [0.0; 8];
        for (coefficient, frequency) in coefficients.iter_mut().zip(ROWS.iter().chain(&COLUMNS)) {
            *coefficient = 2.0 * (TAU * frequency / rate as f32).cos();
        }
        let amplitude = 32_767.0 * 10_f32.powf((FAINTEST - LOUDEST) / 20.0);
        let late = Look {
            samples: block / 2,
            ..Look::default()
        };
        Self {
            coefficients,
            looks: [Look::default(), late],
            block,
            // What the filter below makes of a sine of this amplitude over a whole block.
            least_energy: (amplitude * block as f32 / 2.0).powi(2),
            heard: None,
            hits: 0,
            told: None,
            misses: 0,
        }
    }

    /// Listens to the next samples and calls `heard` for each key, some 40 ms after it went down.
    pub fn feed(&mut self, samples: &[i16], mut heard: impl FnMut(Digit)) {
        for sample in samples {
            let sample = f32::from(*sample);
            for index in 0..2 {
                let look = &mut self.looks[index];
                look.add(sample, &self.coefficients);
                if look.samples == self.block {
                    let look = std::mem::take(look);
                    let seen = look.judge(&self.coefficients, self.block, self.least_energy);
                    if let Some(digit) = self.count(seen) {
                        heard(digit);
                    }
                }
            }
        }
    }

    /// Takes what one look saw, and gives the key if this made it one.
    fn count(&mut self, seen: Option<Digit>) -> Option<Digit> {
        if self.told.is_some() && self.told == seen {
            self.misses = 0;
        } else {
            self.misses += 1;
            if self.misses >= MISSES {
                self.told = None;
            }
        }
        self.hits = if seen.is_some() && seen == self.heard {
            self.hits + 1
        } else {
            u32::from(seen.is_some())
        };
        self.heard = seen;
        if self.hits < HITS || self.told == seen {
            return None;
        }
        self.told = seen;
        self.misses = 0;
        seen
    }
}

impl Look {
    fn add(&mut self, sample: f32, coefficients: &[f32; 8]) {
        for ((one, two), coefficient) in self.one.iter_mut().zip(&mut self.two).zip(coefficients) {
            let next = coefficient * *one - *two + sample;
            *two = *one;
            *one = next;
        }
        self.energy += sample * sample;
        self.samples += 1;
    }

    fn judge(&self, coefficients: &[f32; 8], block: usize, least: f32) -> Option<Digit> {
        let mut energies = [0.0; 8];
        for (tone, energy) in energies.iter_mut().enumerate() {
            let (one, two) = (self.one[tone], self.two[tone]);
            *energy = one * one + two * two - coefficients[tone] * one * two;
        }
        let (row, low) = strongest(&energies[..4])?;
        let (column, high) = strongest(&energies[4..])?;
        // A sine in the whole block has this relation between its filter and its energy.
        let share = (low + high) / (self.energy * block as f32 / 2.0);
        let sounds = low.min(high) >= least && high <= low * HIGH_LOUDER && low <= high * LOW_LOUDER && share >= SHARE;
        sounds.then(|| tones::key(row, column)).flatten()
    }
}

/// The strongest of four, if it stands out.
fn strongest(energies: &[f32]) -> Option<(usize, f32)> {
    let best = (0..energies.len()).max_by(|a, b| energies[*a].total_cmp(&energies[*b]))?;
    let alone = (0..energies.len()).all(|other| other == best || energies[best] >= energies[other] * ALONE);
    alone.then_some((best, energies[best]))
}

#[cfg(test)]
mod tests;
