//! Measures and sets how loud a clip is.
//!
//! All levels are in dBFS: relative to a square wave at full scale, so that a sine at full scale has −3.01.

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

/// Brings the speech of a clip to `target` dBFS, or as near to it as a peak of at most `ceiling` dBFS allows, and returns the gain in dB.
///
/// For prompts, −20 and −3 serve well. Silence is left alone.
///
/// ```
/// use outdial_media::{loudness, tones};
///
/// let mut clip = tones::sine(8000, 1000.0, -30.0, 500);
/// loudness::normalise(&mut clip, -20.0, -3.0);
/// assert!((loudness::speech_dbfs(&clip) + 20.0).abs() < 0.1);
/// ```
pub fn normalise(samples: &mut [i16], target: f32, ceiling: f32) -> f32 {
    let speech = speech_dbfs(samples);
    if speech == f32::NEG_INFINITY {
        return 0.0;
    }
    let gain = (target - speech).min(ceiling - peak_dbfs(samples));
    let factor = 10_f32.powf(gain / 20.0);
    for sample in samples {
        *sample = (f32::from(*sample) * factor).round() as i16;
    }
    gain
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
    fn the_ceiling_goes_before_the_target() {
        let mut clip = tones::sine(8000, 1000.0, -30.0, 500);
        clip[0] = 8000;
        let gain = normalise(&mut clip, -10.0, -6.0);
        assert!((peak_dbfs(&clip) + 6.0).abs() < 0.01);
        assert!(gain > 6.0 && speech_dbfs(&clip) < -15.0);
    }

    #[test]
    fn silence_stays_silent() {
        let mut clip = [0; 500];
        assert_eq!(normalise(&mut clip, -20.0, -3.0), 0.0);
        assert_eq!(clip, [0; 500]);
        assert_eq!(normalise(&mut [], -20.0, -3.0), 0.0);
    }
}
