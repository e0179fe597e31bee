//! An uploaded audio file.

use std::time::Duration;

use outdial_engine::ports::AudioFile;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Seconds, Time};

/// An uploaded audio file.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Audio {
    /// Names it; give it as `play`.
    #[schema(example = "aud_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// What the uploader called it.
    name: String,
    /// What it turned out to be, in words.
    #[schema(example = "WAV, PCM 16 bit, 44100 Hz, 2 channels")]
    format: String,
    /// How long it plays.
    seconds: Seconds,
    created_at: Time,
}

impl From<AudioFile> for Audio {
    fn from(audio: AudioFile) -> Self {
        Self {
            id: audio.id.to_string(),
            name: audio.name,
            format: audio.format,
            seconds: Duration::from_millis(audio.millis).into(),
            created_at: Time(audio.created_at),
        }
    }
}
