//! Reads uploaded files: WAV of all usual kinds, MP3, Ogg Vorbis. All of this takes time: never call it where calls run.

mod compressed;
mod wave;

use outdial_engine::ports::{ImportedAudio, PromptError};
use outdial_media::wav::{self, WavError};

/// How a WAV file names the two laws of G.711.
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Imported {
    /// The sound, in one channel, at the rate of the file.
    pub(crate) sound: wav::Clip,
    /// The kind of the file, in words.
    pub(crate) kind: String,
}

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImportError {
    #[error("this is not a sound file that we read: upload WAV, MP3 or Ogg Vorbis, or raw G.711 as `.ulaw` or `.alaw`")]
    Unknown,
    #[error(transparent)]
    Wav(#[from] WavError),
    #[error("the {kind} file cannot be read: {reason}; convert it to WAV first")]
    Broken { kind: &'static str, reason: String },
    #[error("the {kind} file has {rate} samples a second; only 8000 to 192000 can be converted")]
    Rate { kind: &'static str, rate: u32 },
    #[error("the {kind} file lasts longer than the {allowed} s that are allowed")]
    TooLong { kind: &'static str, allowed: u32 },
    #[error("the {kind} file took longer than {seconds} s to read; convert it to WAV first")]
    TooSlow { kind: &'static str, seconds: u64 },
    #[error("the file holds no sound; upload one that does")]
    Empty,
}

/// Reads a file, refusing one that lasts longer than this.
pub(crate) fn read(bytes: &[u8], most_seconds: u32) -> Result<Imported, ImportError> {
    let imported = match compressed::Kind::of(bytes) {
        Some(kind) => compressed::read(kind, bytes, most_seconds)?,
        None if bytes.starts_with(b"RIFF") => Imported {
            sound: wav::read(bytes, most_seconds)?,
            kind: wave::describe_file(bytes),
        },
        None => return Err(ImportError::Unknown),
    };
    if imported.sound.samples.is_empty() {
        return Err(ImportError::Empty);
    }
    Ok(imported)
}

/// Says what a file is. It is read as it will be for playing, so that nothing is accepted that cannot be played later.
pub(crate) fn inspect(bytes: &[u8], most_seconds: u32) -> Result<ImportedAudio, PromptError> {
    let imported = read(bytes, most_seconds).map_err(|error| PromptError::Unreadable(error.to_string()))?;
    let millis = imported.sound.samples.len() as u64 * 1_000 / u64::from(imported.sound.rate.max(1));
    Ok(ImportedAudio {
        format: imported.kind,
        millis,
    })
}

/// Puts a header before raw G.711, which is known by its name alone. Everything else stays as it is.
pub(crate) fn describe_raw(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let format = match ending.as_deref() {
        Some("ulaw" | "ul" | "mulaw" | "mu" | "pcmu") => MU_LAW,
        Some("alaw" | "al" | "pcma") => A_LAW,
        _ => return bytes,
    };
    // Some call a whole WAV file by its coding.
    if bytes.is_empty() || bytes.starts_with(b"RIFF") {
        return bytes;
    }
    wave::with_header(format, &bytes)
}

#[cfg(test)]
mod tests;
