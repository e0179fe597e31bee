//! Reads WAV files of the usual kinds and writes plain ones.

mod read;
mod write;

pub use read::{WavError, read};
pub use write::{write_mono, write_stereo};

/// Mono audio at some rate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clip {
    /// Samples a second.
    pub rate: u32,
    /// The samples.
    pub samples: Vec<i16>,
}

impl Clip {
    /// How long it lasts.
    pub fn duration(&self) -> std::time::Duration {
        let milliseconds = self.samples.len() as u64 * 1000 / u64::from(self.rate.max(1));
        std::time::Duration::from_millis(milliseconds)
    }

    /// The same at another rate, for playing it on a leg.
    pub fn at_rate(&self, rate: u32) -> Result<Self, crate::resample::RateOutOfRange> {
        let samples = crate::resample::resample(&self.samples, self.rate, rate)?;
        Ok(Self { rate, samples })
    }
}
