//! What a speech engine is asked for.

use futures_util::future::BoxFuture;
use outdial_engine::ports::PromptError;

use crate::voice::Name;

/// One text to be spoken, checked and normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    /// The text, without control characters and never empty.
    pub text: String,
    /// The voice that was asked for; the engine's default when there is none.
    pub voice: Option<Name>,
    /// The language that was asked for; the engine's default when there is none.
    pub language: Option<Name>,
}

/// Who speaks. What differs here must never be found in the cache under the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The engine's name, for people.
    pub name: String,
    /// Its version, for people and for the cache.
    pub version: String,
    /// Everything else that changes how it sounds: model, speed, default voice.
    pub settings: String,
}

/// Turns a text into the bytes of a WAV file.
///
/// Implementations keep their own limits on time and size, and stop working when the future is dropped.
pub trait SpeechEngine: Send + Sync {
    /// Who speaks. Asked before every text, so it must be cheap after the first time.
    ///
    /// # Errors
    ///
    /// [`PromptError::Engine`] when the engine cannot be started or reached.
    fn identity(&self) -> BoxFuture<'_, Result<Identity, PromptError>>;

    /// Speaks a text and gives a WAV file of any rate. Nothing at all is an answer too: it is found to be silent.
    ///
    /// # Errors
    ///
    /// [`PromptError`] when there is no WAV file to give.
    fn speak<'a>(&'a self, speech: &'a Speech) -> BoxFuture<'a, Result<Vec<u8>, PromptError>>;
}
