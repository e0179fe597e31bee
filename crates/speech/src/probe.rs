//! Tries the engine, for who wants to know before the first call.

use std::time::Duration;

use outdial_engine::ports::PromptError;
use tokio::{task::spawn_blocking, time::Instant};

use crate::{PromptLibrary, engine::Speech, error::unusable, sound};

/// The rate at which the engine is tried: that of every telephone.
const RATE: u32 = 8_000;

/// What came of trying the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechReport {
    /// The engine's name.
    pub engine: String,
    /// Its version, as far as it is known.
    pub version: String,
    /// How long it took from the text to sound that can be played.
    pub time_to_audio: Duration,
    /// How long that sound plays.
    pub audio: Duration,
}

impl PromptLibrary {
    /// Has the engine speak one word, past the cache and the fallback.
    ///
    /// # Errors
    ///
    /// [`PromptError`] with what to do.
    pub async fn probe(&self) -> Result<SpeechReport, PromptError> {
        let by = self.studio.engine.identity().await?;
        let speech = Speech {
            text: "Hello".to_owned(),
            voice: None,
            language: None,
        };
        let started = Instant::now();
        let wav = self.studio.engine.speak(&speech).await?;
        let most_seconds = self.studio.limits.audio_seconds;
        let made = spawn_blocking(move || sound::speech(&wav, RATE, most_seconds)).await;
        let clip =
            made.unwrap_or_else(|panic| Err(unusable(panic.to_string(), "Report this to Outdial's developers")))?;
        let millis = clip.samples.len() as u64 * 1_000 / u64::from(RATE);
        Ok(SpeechReport {
            engine: by.name,
            version: by.version,
            time_to_audio: started.elapsed(),
            audio: Duration::from_millis(millis),
        })
    }
}
