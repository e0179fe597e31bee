//! Reads uploaded files: WAV and AU of all usual kinds, MP3, Ogg Vorbis. All of this takes time: never call it where
//! calls run.
//!
//! What is compressed is read piece by piece, so that a small file which plays for hours takes no more memory than what
//! is made of it.

mod au;
mod compressed;
mod foreign;
mod wave;

use std::sync::Arc;

use outdial_engine::ports::{ImportedAudio, PromptError};
use outdial_media::{
    resample::{RateOutOfRange, Resampler},
    wav::{self, WavError},
};

/// How a WAV file names linear samples and the two laws of G.711.
const PCM: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Imported {
    /// The kind of the file, in words.
    pub(crate) kind: String,
    /// Its rate.
    pub(crate) rate: u32,
    /// How many samples each of its channels has.
    pub(crate) samples: u64,
}

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(
        "this is not a sound file that we read: upload WAV, AU, MP3 or Ogg Vorbis, or raw G.711 of 8000 samples a second as \
         `.ulaw` or `.alaw`"
    )]
    Unknown,
    #[error("this is {0}, which is not read here: convert it to WAV first, as with `ffmpeg -i FILE out.wav`")]
    Foreign(&'static str),
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
    #[error(transparent)]
    Conversion(#[from] RateOutOfRange),
}

/// Takes the next samples of a file, in one channel, at this rate.
type Take<'a> = &'a mut dyn FnMut(u32, &[i16]) -> Result<(), ImportError>;

/// Reads a file, refusing one that lasts longer than this.
fn read(bytes: &Arc<[u8]>, most_seconds: u32, take: Take<'_>) -> Result<Imported, ImportError> {
    if let Some(name) = foreign::name(bytes) {
        return Err(ImportError::Foreign(name));
    }
    let imported = match compressed::Kind::of(bytes) {
        Some(kind) => compressed::read(kind, Arc::clone(bytes), most_seconds, take)?,
        None if bytes.starts_with(b"RIFF") => read_wave(bytes, most_seconds, take)?,
        None if bytes.starts_with(au::MAGIC) => {
            let imported = read_wave(&au::to_wave(bytes)?, most_seconds, take)?;
            Imported {
                kind: imported.kind.replacen("WAV", "AU", 1),
                ..imported
            }
        }
        None => return Err(ImportError::Unknown),
    };
    if imported.samples == 0 {
        return Err(ImportError::Empty);
    }
    Ok(imported)
}

fn read_wave(bytes: &[u8], most_seconds: u32, take: Take<'_>) -> Result<Imported, ImportError> {
    let sound = wav::read(bytes, most_seconds)?;
    take(sound.rate, &sound.samples)?;
    Ok(Imported {
        kind: wave::describe_file(bytes),
        rate: sound.rate,
        samples: sound.samples.len() as u64,
    })
}

/// Reads a file into samples of this rate.
pub(crate) fn samples(bytes: &Arc<[u8]>, rate: u32, most_seconds: u32) -> Result<Vec<i16>, ImportError> {
    let (mut samples, mut resampler) = (Vec::new(), None);
    read(bytes, most_seconds, &mut |from, piece| {
        let resampler: &mut Resampler = match &mut resampler {
            Some(resampler) => resampler,
            none => none.insert(Resampler::new(from, rate)?),
        };
        resampler.push(piece, &mut samples);
        Ok(())
    })?;
    if let Some(resampler) = resampler {
        resampler.finish(&mut samples);
    }
    Ok(samples)
}

/// Says what a file is. It is read as it will be for playing, so that nothing is accepted that cannot be played later.
pub(crate) fn inspect(bytes: &Arc<[u8]>, most_seconds: u32) -> Result<ImportedAudio, PromptError> {
    let imported = read(bytes, most_seconds, &mut |_, _| Ok(()));
    let imported = imported.map_err(|error| PromptError::Unreadable(error.to_string()))?;
    Ok(ImportedAudio {
        millis: imported.samples * 1_000 / u64::from(imported.rate.max(1)),
        format: imported.kind,
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
    // Some call a whole file by its coding.
    let is_whole = [&b"RIFF"[..], au::MAGIC, b"OggS", b"ID3"]
        .iter()
        .any(|start| bytes.starts_with(start));
    if bytes.is_empty() || is_whole || foreign::name(&bytes).is_some() {
        return bytes;
    }
    let raw = wave::Raw {
        format,
        bits: 8,
        rate: 8_000,
        channels: 1,
    };
    wave::with_header(raw, &bytes)
}

#[cfg(test)]
mod tests;
