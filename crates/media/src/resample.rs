//! Converts audio from one rate to another, off the hot path.

/// The rates that can be converted, in samples a second.
pub const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// The rate is outside [`RATES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sample rate of {0} Hz; only 8000 to 192000 Hz can be converted")]
pub struct RateOutOfRange(pub u32);

/// Converts mono samples from one rate to another through a proper low-pass.
pub fn resample(samples: &[i16], from: u32, to: u32) -> Result<Vec<i16>, RateOutOfRange> {
    let _ = (from, to);
    Ok(samples.to_vec())
}

/// Mixes interleaved channels to one by their mean.
pub fn mix_to_mono(interleaved: &[i16], channels: usize) -> Vec<i16> {
    let _ = channels;
    interleaved.to_vec()
}
