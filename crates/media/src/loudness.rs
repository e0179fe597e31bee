//! Measures and sets how loud a clip is.
//!
//! Levels are in dBFS: relative to a square wave at full scale, so that a sine at full scale has −3.01.
//! Loudness is in LUFS, which weighs frequencies as the ear does and leaves pauses out (ITU-R BS.1770).

mod limiter;

use std::borrow::Cow;

use ebur128::{EbuR128, Mode};

const FULL_SCALE: f64 = 32_768.0;

/// Samples of one measuring window: 20 ms at 8 kHz. The rate need not be known exactly for finding the pauses.
const WINDOW: usize = 160;

/// A window this much quieter than the loudest one, in dB, is a pause.
const PAUSE: f32 = 30.0;

/// The root mean square of all samples in dBFS; minus infinity for silence.
pub fn rms_dbfs(samples: &[i16]) -> f32 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let rms = (sum / samples.len().max(1) as f64).sqrt();
    decibels(rms / FULL_SCALE)
}

/// The largest sample in dBFS; minus infinity for silence.
pub fn peak_dbfs(samples: &[i16]) -> f32 {
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max();
    decibels(f64::from(peak.unwrap_or(0)) / FULL_SCALE)
}

/// The root mean square in dBFS of those parts that are no pause: how loud a voice is, however much silence is around it.
pub fn speech_dbfs(samples: &[i16]) -> f32 {
    let loudest = samples.chunks(WINDOW).map(rms_dbfs).fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut count) = (0.0, 0_usize);
    for window in samples.chunks(WINDOW) {
        if rms_dbfs(window) >= loudest - PAUSE {
            sum += window.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
            count += window.len();
        }
    }
    decibels((sum / count.max(1) as f64).sqrt() / FULL_SCALE)
}

/// The loudness of a clip in LUFS; minus infinity for silence.
pub fn lufs(samples: &[i16], rate: u32) -> f32 {
    // The measure looks at blocks of 400 ms. What is shorter is as loud as if it went on.
    let block = rate as usize * 2 / 5;
    let samples = if (1..block).contains(&samples.len()) {
        Cow::Owned(samples.repeat(block.div_ceil(samples.len())))
    } else {
        Cow::Borrowed(samples)
    };
    let measured = EbuR128::new(1, rate, Mode::I | Mode::HISTOGRAM).and_then(|mut meter| {
        meter.add_frames_i16(&samples)?;
        meter.loudness_global()
    });
    measured.map_or(f32::NEG_INFINITY, |loudness| loudness as f32)
}

/// How far peaks may be pressed down to reach a loudness, in dB. Speech has a few that nobody misses.
const MOST_PRESSED: f32 = 8.0;

/// Brings a clip to `target` LUFS, or as near to it as a peak of at most `ceiling` dBFS allows, and returns the gain in dB.
///
/// For prompts, −19 and −3 serve well. Single peaks are pressed down; silence is left alone.
///
/// ```
/// use outdial_media::{loudness, tones};
///
/// let mut clip = tones::sine(8000, 1000.0, -30.0, 500);
/// loudness::normalise(&mut clip, 8000, -19.0, -3.0);
/// assert!((loudness::lufs(&clip, 8000) + 19.0).abs() < 0.2);
/// ```
pub fn normalise(samples: &mut [i16], rate: u32, target: f32, ceiling: f32) -> f32 {
    let loudness = lufs(samples, rate);
    if loudness == f32::NEG_INFINITY {
        return 0.0;
    }
    let room = ceiling - peak_dbfs(samples);
    let gain = (target - loudness).min(room + MOST_PRESSED);
    limiter::amplify(samples, rate, factor(gain), factor(ceiling) * FULL_SCALE as f32);
    gain
}

fn factor(decibels: f32) -> f32 {
    10_f32.powf(decibels / 20.0)
}

fn decibels(ratio: f64) -> f32 {
    (20.0 * ratio.log10()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tones;

    #[test]
    fn a_sine_at_full_scale_is_3_db_under() {
        let clip = tones::sine(8000, 1000.0, tones::LOUDEST, 1000);
        assert!((rms_dbfs(&clip) + 3.01).abs() < 0.02);
        assert!(peak_dbfs(&clip).abs() < 0.01);
        assert_eq!(rms_dbfs(&[]), f32::NEG_INFINITY);
        assert_eq!(peak_dbfs(&[0; 9]), f32::NEG_INFINITY);
        assert_eq!(peak_dbfs(&[i16::MIN]), 0.0);
    }

    #[test]
    fn pauses_do_not_count() {
        let mut clip = tones::sine(8000, 1000.0, -10.0, 1000);
        let alone = speech_dbfs(&clip);
        clip.extend([3; 16_000]);
        assert!((speech_dbfs(&clip) - alone).abs() < 0.1);
        assert!(rms_dbfs(&clip) < alone - 4.0);
    }

    #[test]
    fn loudness_is_that_of_the_standard() {
        // EBU Tech 3341, the first two cases, in one channel instead of two: 3 dB less.
        for (level, expected) in [(-23.0, -26.0), (-33.0, -36.0)] {
            let clip = tones::sine(48_000, 1000.0, level + tones::LOUDEST, 5000);
            let loudness = lufs(&clip, 48_000);
            assert!((loudness - expected).abs() < 0.1, "{loudness}");
        }
        let short = tones::sine(8000, 1000.0, -10.0, 120);
        let long = tones::sine(8000, 1000.0, -10.0, 3000);
        assert!((lufs(&short, 8000) - lufs(&long, 8000)).abs() < 0.3);
        assert_eq!(lufs(&[], 8000), f32::NEG_INFINITY);
        assert_eq!(lufs(&[0; 9000], 8000), f32::NEG_INFINITY);
    }

    #[test]
    fn clips_come_to_the_target() {
        for rate in [8000, 16_000, 44_100] {
            for level in [-45.0, -30.0, -6.0, tones::LOUDEST] {
                let mut clip = tones::sine(rate, 700.0, level, 900);
                normalise(&mut clip, rate, -19.0, -3.0);
                let loudness = lufs(&clip, rate);
                assert!((loudness + 19.0).abs() < 0.2, "{level} at {rate}: {loudness}");
            }
        }
    }

    #[test]
    fn the_ceiling_goes_before_the_target() {
        let mut clip = tones::sine(8000, 1000.0, -28.0, 8000);
        clip[2000] = 6000;
        normalise(&mut clip, 8000, -19.0, -6.0);
        assert!(peak_dbfs(&clip) <= -5.99);
        // One peak is pressed down and the rest is as loud as it should be.
        assert!((lufs(&clip, 8000) + 19.0).abs() < 0.5, "{}", lufs(&clip, 8000));
        let mut clip = tones::sine(8000, 1000.0, -40.0, 500);
        clip[2000] = 30_000;
        let gain = normalise(&mut clip, 8000, -10.0, -6.0);
        assert!(gain < 4.0 && peak_dbfs(&clip) <= -5.99);
    }

    #[test]
    fn silence_stays_silent() {
        let mut clip = [0; 500];
        assert_eq!(normalise(&mut clip, 8000, -20.0, -3.0), 0.0);
        assert_eq!(clip, [0; 500]);
        assert_eq!(normalise(&mut [], 8000, -20.0, -3.0), 0.0);
    }

    proptest::proptest! {
        #[test]
        fn nothing_passes_the_ceiling(samples: Vec<i16>, loud in proptest::bool::ANY) {
            let mut samples = samples.repeat(if loud { 9 } else { 1 });
            normalise(&mut samples, 8000, -19.0, -3.0);
            proptest::prop_assert!(peak_dbfs(&samples) <= -2.99);
        }
    }
}
