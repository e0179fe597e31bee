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

/// So many samples are taken at a time.
const PIECE: usize = 4096;

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
    let mut resampler = Resampler::new(from, to)?;
    let length = samples.len() as u64 * u64::from(to) / u64::from(from) + 1;
    let mut converted = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    resampler.push(samples, &mut converted);
    resampler.finish(&mut converted);
    Ok(converted)
}

/// Converts mono samples that come piece by piece, for audio that is too long to be held at its own rate.
/// The pieces may be of any size; the result is that of [`resample`].
///
/// ```
/// use outdial_media::{resample::Resampler, tones};
///
/// let speech = tones::sine(24_000, 440.0, -10.0, 1000);
/// let mut resampler = Resampler::new(24_000, 8000)?;
/// let mut for_the_leg = Vec::new();
/// for piece in speech.chunks(1000) {
///     resampler.push(piece, &mut for_the_leg);
/// }
/// resampler.finish(&mut for_the_leg);
/// assert_eq!(for_the_leg.len(), 8000);
/// # Ok::<(), outdial_media::resample::RateOutOfRange>(())
/// ```
pub struct Resampler {
    /// None where the rates are the same.
    converter: Option<Converter>,
    /// The weights of every phase, or of the last one where there are too many.
    weights: Vec<f32>,
    keeps: bool,
    /// The inputs that are still needed.
    inputs: Vec<f32>,
    /// Which input the first of them is; before the first there is silence.
    start: i64,
    received: u64,
    given: u64,
}

impl Resampler {
    /// From one rate to another.
    ///
    /// # Errors
    ///
    /// [`RateOutOfRange`] names the rate that is not among [`RATES`].
    pub fn new(from: u32, to: u32) -> Result<Self, RateOutOfRange> {
        for rate in [from, to] {
            if !RATES.contains(&rate) {
                return Err(RateOutOfRange(rate));
            }
        }
        let converter = (from != to).then(|| Converter::new(from, to));
        let (mut weights, mut keeps, mut reach) = (Vec::new(), false, 0);
        if let Some(converter) = &converter {
            reach = converter.reach;
            keeps = converter.phases as usize * converter.taps() <= KEPT_WEIGHTS;
            let rows = if keeps { converter.phases as usize } else { 1 };
            weights.resize(rows * converter.taps(), 0.0);
            if keeps {
                for (phase, row) in weights.chunks_exact_mut(converter.taps()).enumerate() {
                    converter.weigh(phase as u64, row);
                }
            }
        }
        Ok(Self {
            converter,
            weights,
            keeps,
            inputs: vec![0.0; reach],
            start: -(reach as i64),
            received: 0,
            given: 0,
        })
    }

    /// Takes the next samples, and adds to `out` what can be said of them already.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        if self.converter.is_none() {
            out.extend_from_slice(samples);
            return;
        }
        for piece in samples.chunks(PIECE) {
            self.inputs.extend(piece.iter().map(|sample| f32::from(*sample)));
            self.received += piece.len() as u64;
            self.give(u64::MAX, out);
        }
    }

    /// Adds the rest to `out`: silence follows.
    pub fn finish(mut self, out: &mut Vec<i16>) {
        if let Some(converter) = &self.converter {
            let length = (self.received * converter.phases).div_ceil(converter.step);
            self.inputs.extend(std::iter::repeat_n(0.0, converter.taps()));
            self.give(length, out);
        }
    }

    fn give(&mut self, most: u64, out: &mut Vec<i16>) {
        let Some(converter) = &self.converter else { return };
        let taps = converter.taps();
        let end = self.start + self.inputs.len() as i64;
        let mut first = self.start;
        while self.given < most {
            let place = self.given * converter.step;
            let (whole, phase) = (place / converter.phases, place % converter.phases);
            first = whole as i64 + 1 - converter.reach as i64;
            if first + taps as i64 > end {
                break;
            }
            let row = if self.keeps {
                &self.weights[phase as usize * taps..][..taps]
            } else {
                converter.weigh(phase, &mut self.weights);
                &self.weights[..]
            };
            let at = (first - self.start) as usize;
            out.push(dot(row, &self.inputs[at..at + taps]).round() as i16);
            self.given += 1;
        }
        let past = usize::try_from(first - self.start).unwrap_or_default();
        let past = past.min(self.inputs.len());
        self.inputs.drain(..past);
        self.start += past as i64;
    }
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

    /// How many inputs make an output.
    fn taps(&self) -> usize {
        2 * self.reach
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
    fn pieces_give_what_the_whole_gives() {
        for (from, to) in [
            (44_100, 8000),
            (8000, 16_000),
            (44_099, 8000),
            (192_000, 8000),
            (8000, 8000),
        ] {
            let whole = tones::sine(from, 440.0, -3.0, 300);
            let expected = resample(&whole, from, to).unwrap();
            for size in [1, 7, 1000, whole.len()] {
                let mut resampler = Resampler::new(from, to).unwrap();
                let mut out = Vec::new();
                for piece in whole.chunks(size) {
                    resampler.push(piece, &mut out);
                }
                assert!(resampler.inputs.len() <= PIECE + 4 * 1024, "what was used is let go");
                resampler.finish(&mut out);
                assert!(out == expected, "{from} to {to} by {size}");
            }
        }
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
