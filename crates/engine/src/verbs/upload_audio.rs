//! Takes an audio file into the store.

use std::sync::Arc;

use outdial_domain::AudioId;

use super::{Actor, Once};
use crate::{
    Engine,
    ports::{AudioFile, BlobError, PromptError, StoreError},
};

/// The most bytes an upload may have.
pub const LARGEST_UPLOAD: usize = 32 * 1024 * 1024;

/// Why an upload was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// It is not audio that we can read, or there was no time to look.
    #[error(transparent)]
    Unreadable(#[from] PromptError),
    /// It is too large.
    #[error("the file has {0} bytes: at most {LARGEST_UPLOAD} are taken; use a lower sample rate or one channel")]
    TooLarge(usize),
    /// Its bytes could not be kept.
    #[error("the file could not be kept: {0}")]
    Blob(#[from] BlobError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes an audio file: looks whether it can be played, keeps its bytes, and gives it an id.
///
/// # Errors
///
/// [`UploadError`]; then nothing refers to the file.
pub async fn upload_audio(
    engine: &Engine,
    actor: &Actor,
    name: &str,
    bytes: Vec<u8>,
    once: Option<Once<AudioFile>>,
) -> Result<AudioFile, UploadError> {
    if bytes.len() > LARGEST_UPLOAD {
        return Err(UploadError::TooLarge(bytes.len()));
    }
    let bytes: Arc<[u8]> = engine.prompts.described(name, bytes).into();
    let found = engine.prompts.inspect(Arc::clone(&bytes)).await?;
    let audio = AudioFile {
        id: engine.ids.make(AudioId::new),
        account: actor.account,
        name: name.chars().filter(|c| !c.is_control()).take(255).collect(),
        blob: engine.blobs.put(bytes).await?,
        format: found.format,
        millis: found.millis,
        created_at: engine.ids.now(),
    };
    let answer = once.map(|answer| answer(&audio));
    engine.store.add_audio(audio.clone(), answer).await?;
    Ok(audio)
}
