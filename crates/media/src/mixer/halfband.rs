//! Between 8 and 16 kHz, frame by frame, through a half-band low-pass.

use std::{f64::consts::PI, sync::LazyLock};

/// Weights of the filter at the odd places; at the even ones it is zero but for the middle.
const TAPS: usize = 24;

/// The frame of 8 kHz.
const NARROW: usize = crate::MAX_FRAME / 2;

/// The shape of the Kaiser window: images of speech stay some 60 dB down.
const BETA: f64 = 6.0;

/// A sinc around the middle of its window, whose weights add up to one.
static WEIGHTS: LazyLock<[f32; TAPS]> = LazyLock::new(|| {
    let middle = (TAPS as f64 - 1.0) / 2.0;
    let weights: [f64; TAPS] = std::array::from_fn(|tap| {
        let x = tap as f64 - middle;
        (PI * x).sin() / (PI * x) * kaiser(x / (TAPS as f64 / 2.0))
    });
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| (weight / sum) as f32)
});

/// From 8 to 16 kHz: every sample as it was, and one in between.
#[derive(Debug, Default)]
pub(super) struct Doubler {
    before: [f32; TAPS],
}

impl Doubler {
    pub(super) fn double(&mut self, narrow: &[i16], wide: &mut [i16]) {
        let mut line = [0.0; TAPS + NARROW];
        line[..TAPS].copy_from_slice(&self.before);
        for (to, from) in line[TAPS..].iter_mut().zip(narrow) {
            *to = f32::from(*from);
        }
        for (index, pair) in wide.as_chunks_mut::<2>().0.iter_mut().enumerate().take(NARROW) {
            pair[0] = line[index + TAPS / 2] as i16;
            pair[1] = weighed(&line[index + 1..]);
        }
        self.before.copy_from_slice(&line[NARROW..]);
    }
}

/// From 16 to 8 kHz: every other sample of what is left below 4 kHz.
#[derive(Debug, Default)]
pub(super) struct Halver {
    even: [f32; TAPS],
    odd: [f32; TAPS],
}

impl Halver {
    pub(super) fn halve(&mut self, wide: &[i16], narrow: &mut [i16]) {
        let mut even = [0.0; TAPS + NARROW];
        let mut odd = [0.0; TAPS + NARROW];
        even[..TAPS].copy_from_slice(&self.even);
        odd[..TAPS].copy_from_slice(&self.odd);
        for (index, pair) in wide.as_chunks::<2>().0.iter().enumerate().take(NARROW) {
            even[TAPS + index] = f32::from(pair[0]);
            odd[TAPS + index] = f32::from(pair[1]);
        }
        for (index, sample) in narrow.iter_mut().enumerate().take(NARROW) {
            let between = f32::from(weighed(&odd[index..]));
            *sample = ((even[index + TAPS / 2] + between) / 2.0).round() as i16;
        }
        self.even.copy_from_slice(&even[NARROW..]);
        self.odd.copy_from_slice(&odd[NARROW..]);
    }
}

/// The value halfway between the two samples in the middle.
fn weighed(line: &[f32]) -> i16 {
    let sum: f32 = line.iter().zip(&*WEIGHTS).map(|(sample, weight)| sample * weight).sum();
    sum.round() as i16
}

/// The Kaiser window at a place between −1 and 1.
fn kaiser(place: f64) -> f64 {
    bessel(BETA * (1.0 - place * place).max(0.0).sqrt()) / bessel(BETA)
}

/// The modified Bessel function of the first kind and order zero, by its series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for step in 1..40 {
        let half = x / 2.0 / f64::from(step);
        term *= half * half;
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tones;

    /// The mean power of what is left after the filters have begun.
    fn power(samples: &[i16]) -> f64 {
        let rest = &samples[400..samples.len() - 400];
        rest.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / rest.len() as f64
    }

    fn decibels(ratio: f64) -> f64 {
        10.0 * ratio.max(1e-12).log10()
    }

    fn doubled(samples: &[i16]) -> Vec<i16> {
        let mut doubler = Doubler::default();
        let mut out = vec![0; samples.len() * 2];
        for (from, to) in samples.chunks_exact(160).zip(out.chunks_exact_mut(320)) {
            doubler.double(from, to);
        }
        out
    }

    fn halved(samples: &[i16]) -> Vec<i16> {
        let mut halver = Halver::default();
        let mut out = vec![0; samples.len() / 2];
        for (from, to) in samples.chunks_exact(320).zip(out.chunks_exact_mut(160)) {
            halver.halve(from, to);
        }
        out
    }

    #[test]
    fn what_a_telephone_carries_passes_unchanged() {
        for hertz in [300.0, 1000.0, 2500.0, 3200.0] {
            let narrow = tones::sine(8000, hertz, -10.0, 400);
            let wide = tones::sine(16_000, hertz, -10.0, 400);
            let up = decibels(power(&doubled(&narrow)) / power(&wide));
            let down = decibels(power(&halved(&wide)) / power(&narrow));
            assert!(
                up.abs() < 0.3 && down.abs() < 0.3,
                "{hertz} Hz: {up:.2} dB up, {down:.2} dB down"
            );
        }
    }

    #[test]
    fn what_would_fold_back_is_taken_away() {
        for hertz in [5000.0, 6000.0, 7500.0] {
            let wide = tones::sine(16_000, hertz, -10.0, 400);
            let left = decibels(power(&halved(&wide)) / power(&wide));
            assert!(left < -50.0, "{hertz} Hz leaves {left:.1} dB");
        }
    }

    #[test]
    fn nothing_but_the_tone_is_in_what_was_doubled() {
        let narrow = tones::sine(8000, 1000.0, -10.0, 400);
        let wide = doubled(&narrow);
        // The image of 1 kHz is at 7 kHz: through the halver and back only the tone is left.
        let again = doubled(&halved(&wide));
        let delay = 2 * TAPS;
        let difference: Vec<i16> = again[delay..]
            .iter()
            .zip(&wide)
            .map(|(again, wide)| again.saturating_sub(*wide))
            .collect();
        let left = decibels(power(&difference) / power(&wide));
        assert!(left < -40.0, "{left:.1} dB");
    }
}
