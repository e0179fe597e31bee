//! Tones: sines, dual tones, beeps, DTMF and ringback, with levels in dBm0.
//!
//! 0 dBm0 is the level at which a sine overloads G.711 less 3.14 dB (G.711, section 4), so no tone can be louder than [`LOUDEST`].

use std::f32::consts::TAU;

use crate::digit::Digit;

/// The level of a sine that just does not clip, in dBm0.
#[expect(clippy::approx_constant, reason = "a level in decibels and not pi")]
pub const LOUDEST: f32 = 3.14;

/// The frequencies of the keypad's rows in Hz (ITU-T Q.23).
pub const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];

/// The frequencies of the keypad's columns in Hz (ITU-T Q.23).
pub const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

const KEYPAD: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// A sum of sines that goes on for ever, for filling frames without allocating.
#[derive(Debug, Clone, PartialEq)]
pub struct Tone {
    parts: [Part; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Part {
    amplitude: f32,
    phase: f32,
    step: f32,
}

impl Part {
    fn new(rate: u32, frequency: f32, level: f32) -> Self {
        Self {
            amplitude: 32_767.0 * 10_f32.powf((level - LOUDEST) / 20.0),
            phase: 0.0,
            step: frequency / rate as f32,
        }
    }

    fn next(&mut self) -> f32 {
        let value = self.amplitude * (TAU * self.phase).sin();
        self.phase = (self.phase + self.step).fract();
        value
    }
}

impl Tone {
    /// One sine of `frequency` Hz at `level` dBm0, sampled at `rate`.
    pub fn sine(rate: u32, frequency: f32, level: f32) -> Self {
        Self {
            parts: [Part::new(rate, frequency, level), Part::default()],
        }
    }

    /// Two sines, each of frequency (Hz) and level (dBm0), sampled at `rate`.
    pub fn dual(rate: u32, first: (f32, f32), second: (f32, f32)) -> Self {
        Self {
            parts: [Part::new(rate, first.0, first.1), Part::new(rate, second.0, second.1)],
        }
    }

    /// The two tones of a key, each at `level` dBm0.
    pub fn dtmf(rate: u32, digit: Digit, level: f32) -> Self {
        let (row, column) = frequencies(digit);
        Self::dual(rate, (row, level), (column, level))
    }

    /// Overwrites `frame` with what comes next.
    pub fn fill(&mut self, frame: &mut [i16]) {
        for sample in frame {
            let [first, second] = &mut self.parts;
            *sample = (first.next() + second.next()).round() as i16;
        }
    }

    fn take(mut self, samples: usize) -> Vec<i16> {
        let mut clip = vec![0; samples];
        self.fill(&mut clip);
        clip
    }
}

/// The row and the column of a key in Hz.
pub fn frequencies(digit: Digit) -> (f32, f32) {
    let place = KEYPAD
        .iter()
        .flatten()
        .position(|event| *event == digit.event())
        .unwrap_or_default();
    (ROWS[place / 4], COLUMNS[place % 4])
}

/// The key with this row and column, counted from 0.
pub(crate) fn key(row: usize, column: usize) -> Option<Digit> {
    Digit::from_event(*KEYPAD.get(row)?.get(column)?)
}

fn samples(rate: u32, milliseconds: u32) -> usize {
    (u64::from(rate) * u64::from(milliseconds) / 1000) as usize
}

/// A sine of `frequency` Hz at `level` dBm0 lasting `milliseconds`.
pub fn sine(rate: u32, frequency: f32, level: f32, milliseconds: u32) -> Vec<i16> {
    Tone::sine(rate, frequency, level).take(samples(rate, milliseconds))
}

/// The two tones of a key, each at `level` dBm0 (−10 is usual), lasting `milliseconds`.
pub fn dtmf(rate: u32, digit: Digit, level: f32, milliseconds: u32) -> Vec<i16> {
    Tone::dtmf(rate, digit, level).take(samples(rate, milliseconds))
}

/// A 1 kHz tone at −10 dBm0 with soft edges of 5 ms, such as a recorder gives before it listens.
pub fn beep(rate: u32, milliseconds: u32) -> Vec<i16> {
    let mut clip = sine(rate, 1000.0, -10.0, milliseconds);
    let edge = samples(rate, 5).min(clip.len() / 2);
    let last = clip.len().saturating_sub(1);
    for index in 0..edge {
        let gain = index as f32 / edge as f32;
        for at in [index, last - index] {
            clip[at] = (f32::from(clip[at]) * gain) as i16;
        }
    }
    clip
}

/// Whose ringing tone a caller hears (ITU-T E.180, supplement 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ringback {
    /// 440 and 480 Hz for 2 s, then 4 s of silence.
    NorthAmerica,
    /// 425 Hz for 1 s, then 4 s of silence.
    Europe,
}

/// One round of ringing tone at −19 dBm0 a tone, with its silence; play it for ever.
pub fn ringback(rate: u32, whose: Ringback) -> Vec<i16> {
    let (tone, on, round) = match whose {
        Ringback::NorthAmerica => (Tone::dual(rate, (440.0, -19.0), (480.0, -19.0)), 2000, 6000),
        Ringback::Europe => (Tone::sine(rate, 425.0, -19.0), 1000, 5000),
    };
    let mut clip = tone.take(samples(rate, on));
    clip.resize(samples(rate, round), 0);
    clip
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The level in dBm0 of what `clip` has at `frequency`.
    fn level_at(clip: &[i16], rate: u32, frequency: f32) -> f32 {
        let (mut real, mut imaginary) = (0.0_f64, 0.0_f64);
        for (index, sample) in clip.iter().enumerate() {
            let angle = f64::from(TAU * frequency) * index as f64 / f64::from(rate);
            real += f64::from(*sample) * angle.cos();
            imaginary += f64::from(*sample) * angle.sin();
        }
        let amplitude = 2.0 * real.hypot(imaginary) / clip.len() as f64;
        LOUDEST + 20.0 * (amplitude / 32_767.0).log10() as f32
    }

    #[test]
    fn levels_are_in_dbm0() {
        for rate in [8000, 16_000] {
            let clip = sine(rate, 1000.0, -10.0, 1000);
            assert!((level_at(&clip, rate, 1000.0) + 10.0).abs() < 0.05);
        }
        let loudest = sine(8000, 1000.0, LOUDEST, 100);
        assert!(loudest.iter().all(|sample| sample.abs() >= 0));
        assert!(loudest.iter().any(|sample| *sample > 32_700));
    }

    #[test]
    fn every_key_has_its_row_and_column() {
        for digit in Digit::all() {
            let (row, column) = frequencies(digit);
            let clip = dtmf(8000, digit, -10.0, 1000);
            assert!((level_at(&clip, 8000, row) + 10.0).abs() < 0.1);
            assert!((level_at(&clip, 8000, column) + 10.0).abs() < 0.1);
            let place = (
                ROWS.iter().position(|hertz| *hertz == row).unwrap(),
                COLUMNS.iter().position(|hertz| *hertz == column).unwrap(),
            );
            assert_eq!(key(place.0, place.1), Some(digit));
        }
        assert_eq!(frequencies(Digit::try_from('5').unwrap()), (770.0, 1336.0));
        assert_eq!(frequencies(Digit::try_from('#').unwrap()), (941.0, 1477.0));
        assert_eq!(key(4, 0), None);
    }

    #[test]
    fn a_beep_begins_and_ends_softly() {
        let clip = beep(8000, 100);
        assert_eq!(clip.len(), 800);
        assert!(clip[..4].iter().chain(&clip[796..]).all(|s| s.abs() < 1500));
        assert!(beep(8000, 0).is_empty());
    }

    #[test]
    fn ringback_rings_and_pauses() {
        let american = ringback(8000, Ringback::NorthAmerica);
        assert_eq!(american.len(), 48_000);
        assert!((level_at(&american[..16_000], 8000, 440.0) + 19.0).abs() < 0.1);
        assert!(american[16_000..].iter().all(|sample| *sample == 0));
        assert_eq!(ringback(16_000, Ringback::Europe).len(), 80_000);
    }
}
