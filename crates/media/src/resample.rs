//! Converts audio from one rate to another through a proper low-pass, off the hot path.
//!
//! Each output sample is the input weighted by a windowed sinc around its moment. Where the rates have a small common ratio, the weights repeat and are computed once.

use std::f64::consts::PI;

/// The rates that can be converted, in samples a second.
pub const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// Zero crossings of the sinc on either side. More make the edge of the band steeper.
const CROSSINGS: usize = 32;

/// Points of the prototype filter for each zero crossing; between them it is interpolated.
const POINTS: usize = 256;

/// The shape of the Kaiser window: all that folds back stays 80 dB down.
const BETA: f64 = 8.0;

/// The edge of the pass band as a share of the lower Nyquist frequency, so that the stop band begins where aliases would.
const EDGE: f64 = 0.92;

/// The most weights kept for repeating, in total.
const KEPT_WEIGHTS: usize = 1 << 18;

/// The rate is outside [`RATES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sample rate of {0} Hz; only 8000 to 192000 Hz can be converted")]
pub struct RateOutOfRange(pub u32);

/// Converts mono samples from one rate to another. The result is as long in time as the input, rounded up to a whole sample.
///
/// ```
/// use outdial_media::{resample, tones};
///
/// let speech = tones::sine(24_000, 440.0, -10.0, 1000);
/// let for_the_leg = resample::resample(&speech, 24_000, 8000)?;
/// assert_eq!(for_the_leg.len(), 8000);
/// # Ok::<(), resample::RateOutOfRange>(())
/// ```
pub fn resample(samples: &[i16], from: u32, to: u32) -> Result<Vec<i16>, RateOutOfRange> {
    for rate in [from, to] {
        if !RATES.contains(&rate) {
            return Err(RateOutOfRange(rate));
        }
    }
    if from == to {
        return Ok(samples.to_vec());
    }
    Ok(Converter::new(from, to).convert(samples))
}

/// Mixes interleaved channels to one by their mean. An incomplete last moment is dropped.
pub fn mix_to_mono(interleaved: &[i16], channels: usize) -> Vec<i16> {
    interleaved
        .chunks_exact(channels.max(1))
        .map(|moment| {
            let sum: i64 = moment.iter().map(|sample| i64::from(*sample)).sum();
            (sum / moment.len() as i64) as i16
        })
        .collect()
}

struct Converter {
    /// The rates without their common divisor: output sample `n` lies at input `n * step / phases`.
    step: u64,
    phases: u64,
    /// Input samples between two zero crossings of the sinc.
    spread: f64,
    /// Input samples that the sinc reaches to either side.
    reach: usize,
    /// One half of the windowed sinc.
    prototype: Vec<f64>,
}

impl Converter {
    fn new(from: u32, to: u32) -> Self {
        let common = u64::from(greatest_common_divisor(from, to));
        let cutoff = EDGE * f64::from(from.min(to)) / f64::from(from);
        let spread = 1.0 / cutoff;
        // One point beyond the end, for interpolating.
        let prototype = (0..=CROSSINGS * POINTS + 1)
            .map(|point| {
                let x = point as f64 / POINTS as f64;
                let sinc = if point == 0 { 1.0 } else { (PI * x).sin() / (PI * x) };
                sinc * kaiser(x / CROSSINGS as f64)
            })
            .collect();
        Self {
            step: u64::from(from) / common,
            phases: u64::from(to) / common,
            spread,
            reach: (CROSSINGS as f64 * spread).ceil() as usize,
            prototype,
        }
    }

    fn convert(&self, input: &[i16]) -> Vec<i16> {
        let taps = 2 * self.reach;
        let length = (input.len() as u64 * self.phases).div_ceil(self.step) as usize;
        let mut padded = vec![0.0_f32; input.len() + 2 * taps];
        for (to, from) in padded[taps..].iter_mut().zip(input) {
            *to = f32::from(*from);
        }
        let keeps = self.phases as usize * taps <= KEPT_WEIGHTS && length as u64 > self.phases;
        let rows = if keeps { self.phases as usize } else { 1 };
        let mut weights = vec![0.0_f32; rows * taps];
        if keeps {
            for (phase, row) in weights.chunks_exact_mut(taps).enumerate() {
                self.weigh(phase as u64, row);
            }
        }
        (0..length as u64)
            .map(|index| {
                let place = index * self.step;
                let (whole, phase) = ((place / self.phases) as usize, place % self.phases);
                let row = if keeps {
                    &weights[phase as usize * taps..][..taps]
                } else {
                    self.weigh(phase, &mut weights);
                    &weights[..]
                };
                let first = whole + taps + 1 - self.reach;
                dot(row, &padded[first..first + taps]).round() as i16
            })
            .collect()
    }

    /// Fills the weights for an output that lies `phase / phases` after an input, scaled so that a constant stays what it is.
    fn weigh(&self, phase: u64, row: &mut [f32]) {
        let after = phase as f64 / self.phases as f64;
        let mut sum = 0.0;
        for (tap, weight) in row.iter_mut().enumerate() {
            let distance = (tap as f64 + 1.0 - self.reach as f64 - after).abs();
            let value = self.prototype_at(distance / self.spread);
            *weight = value as f32;
            sum += value;
        }
        for weight in row {
            *weight /= sum as f32;
        }
    }

    fn prototype_at(&self, crossings: f64) -> f64 {
        let point = crossings * POINTS as f64;
        let index = point as usize;
        match self.prototype.get(index..index + 2) {
            Some(pair) => pair[0] + (pair[1] - pair[0]) * point.fract(),
            None => 0.0,
        }
    }
}

/// Eight sums side by side, which the compiler turns into vector instructions.
fn dot(weights: &[f32], samples: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (weights, last_weights) = weights.as_chunks::<8>();
    let (samples, last_samples) = samples.as_chunks::<8>();
    for (weights, samples) in weights.iter().zip(samples) {
        for lane in 0..8 {
            sums[lane] += weights[lane] * samples[lane];
        }
    }
    let rest: f32 = last_weights
        .iter()
        .zip(last_samples)
        .map(|(weight, sample)| weight * sample)
        .sum();
    rest + sums.iter().sum::<f32>()
}

/// The Kaiser window at `x` from its middle (0) to its edge (1).
fn kaiser(x: f64) -> f64 {
    if x >= 1.0 {
        return 0.0;
    }
    bessel(BETA * (1.0 - x * x).sqrt()) / bessel(BETA)
}

/// The modified Bessel function of the first kind and order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..40 {
        term *= (x / 2.0 / f64::from(n)).powi(2);
        sum += term;
    }
    sum
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loudness::rms_dbfs;
    use crate::tones;

    /// What becomes of a tone, in dB, away from the ends of the clip.
    fn gain(frequency: f32, from: u32, to: u32) -> f32 {
        let tone = tones::sine(from, frequency, -3.0, 1000);
        let out = resample(&tone, from, to).unwrap();
        assert_eq!(out.len(), to as usize);
        let edge = to as usize / 10;
        rms_dbfs(&out[edge..out.len() - edge]) - rms_dbfs(&tone)
    }

    #[test]
    fn the_band_passes_and_all_above_it_is_gone() {
        for from in [11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000] {
            for frequency in [300.0, 1000.0, 3000.0, 3300.0] {
                let gain = gain(frequency, from, 8000);
                assert!(gain.abs() < 0.1, "{frequency} Hz at {from}: {gain} dB");
            }
            for frequency in [4100.0, 4500.0, 6000.0, 7500.0] {
                if frequency < from as f32 / 2.0 {
                    let gain = gain(frequency, from, 8000);
                    assert!(gain < -70.0, "{frequency} Hz at {from}: {gain} dB");
                }
            }
        }
    }

    #[test]
    fn raising_the_rate_adds_no_images() {
        for from in [8000, 11_025] {
            assert!(gain(1000.0, from, 16_000).abs() < 0.1);
            let tone = tones::sine(from, 3000.0, -3.0, 1000);
            let out = resample(&tone, from, 16_000).unwrap();
            let back = resample(&out, 16_000, 8000).unwrap();
            let kept = rms_dbfs(&back[800..7200]) - rms_dbfs(&tone);
            assert!(kept.abs() < 0.1, "{kept}");
        }
        assert!(gain(7000.0, 48_000, 16_000).abs() < 0.5);
        assert!(gain(9000.0, 48_000, 16_000) < -70.0);
    }

    #[test]
    fn rates_without_a_common_ratio_work_too() {
        assert!(gain(1000.0, 44_099, 8000).abs() < 0.1);
        assert!(gain(6000.0, 44_099, 8000) < -70.0);
    }

    #[test]
    fn time_stays_in_place() {
        let mut input = vec![0; 4800];
        input[2400] = 20_000;
        let out = resample(&input, 48_000, 8000).unwrap();
        let peak = (0..out.len()).max_by_key(|index| out[*index]).unwrap();
        assert_eq!(peak, 400);
    }

    #[test]
    fn odd_inputs() {
        assert_eq!(resample(&[], 44_100, 8000), Ok(vec![]));
        assert_eq!(resample(&[1, 2], 8000, 8000), Ok(vec![1, 2]));
        assert_eq!(resample(&[5], 44_100, 8000).unwrap().len(), 1);
        assert_eq!(resample(&[1], 7999, 8000), Err(RateOutOfRange(7999)));
        assert_eq!(resample(&[1], 8000, 200_000), Err(RateOutOfRange(200_000)));
        let loud = vec![i16::MAX; 4000];
        assert!(
            resample(&loud, 16_000, 8000).unwrap()[500..1500]
                .iter()
                .all(|s| *s > 32_000)
        );
    }

    #[test]
    fn channels_are_averaged() {
        assert_eq!(mix_to_mono(&[10, 20, -30, 31, 7], 2), [15, 0]);
        assert_eq!(mix_to_mono(&[i16::MIN; 3], 3), [i16::MIN]);
        assert_eq!(mix_to_mono(&[4, 5], 0), [4, 5]);
    }

    proptest::proptest! {
        #[test]
        fn any_input_is_answered(
            samples: Vec<i16>, from in 8000_u32..192_000, to in proptest::sample::select(vec![8000_u32, 16_000]),
        ) {
            let out = resample(&samples, from, to).unwrap();
            let expected = (samples.len() as u64 * u64::from(to)).div_ceil(u64::from(from));
            proptest::prop_assert_eq!(out.len() as u64, expected);
        }
    }
}
