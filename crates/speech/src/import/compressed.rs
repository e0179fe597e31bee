//! MP3 and Ogg Vorbis, by a library.

use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outdial_media::resample::RATES;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::{ImportError, Imported, Take};

/// How long reading one file may take. An hour of music takes some seconds; what takes longer was made to.
const MOST_TIME: Duration = Duration::from_secs(60);

/// The most packets in a row that may be broken before the file is taken to be no such file.
const MOST_BROKEN: u32 = 50;

/// The most channels a file may have.
const MOST_CHANNELS: usize = 8;

/// What a file is by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mp3,
    OggVorbis,
}

impl Kind {
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'O', b'g', b'g', b'S', ..] => Some(Self::OggVorbis),
            [b'I', b'D', b'3', ..] => Some(Self::Mp3),
            // A frame of layer III: eleven bits of one, a version that exists, and the layer.
            [0xFF, second, ..] if second & 0xE0 == 0xE0 && second & 0x18 != 0x08 && second & 0x06 == 0x02 => {
                Some(Self::Mp3)
            }
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Mp3 => "MP3",
            Self::OggVorbis => "Ogg Vorbis",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::OggVorbis => "ogg",
        }
    }

    fn broken(self, reason: impl Into<String>) -> ImportError {
        ImportError::Broken {
            kind: self.name(),
            reason: reason.into(),
        }
    }

    /// In words of ours: the library's are for those who know its insides.
    fn failed(self, error: &Error) -> ImportError {
        tracing::debug!(%error, kind = self.name(), "an upload cannot be read");
        self.broken(match error {
            Error::IoError(_) => "it ends too early; it may have been cut short",
            Error::DecodeError(_) => "it is damaged",
            Error::Unsupported(_) => "it is coded in a way that is not read here",
            Error::LimitError(_) => "its header asks for too much",
            _ => "it changes in its middle what it is",
        })
    }
}

/// Reads a whole file, mixed down to one channel, packet by packet.
pub(super) fn read(kind: Kind, bytes: Arc<[u8]>, most_seconds: u32, take: Take<'_>) -> Result<Imported, ImportError> {
    let begun = Instant::now();
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut hint = Hint::new();
    hint.with_extension(kind.extension());
    let mut format = symphonia::default::get_probe()
        .probe(&hint, source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| kind.failed(&error))?;
    let track = format
        .default_track(TrackType::Audio)
        .ok_or_else(|| kind.broken("it has no audio"))?;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or_else(|| kind.broken("it does not say how it is coded"))?;
    let track_id = track.id;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| kind.failed(&error))?;
    let mut mono = Mono::new(kind, most_seconds);
    let mut broken = 0;
    loop {
        if begun.elapsed() > MOST_TIME {
            let seconds = MOST_TIME.as_secs();
            return Err(ImportError::TooSlow {
                kind: kind.name(),
                seconds,
            });
        }
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            // A file that was cut short is played as far as it goes.
            Ok(None) | Err(Error::IoError(_) | Error::ResetRequired) => break,
            Err(error) => return Err(kind.failed(&error)),
        };
        if packet.track_id != track_id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(decoded) => {
                broken = 0;
                let spec = decoded.spec();
                let (rate, channels) = (spec.rate(), spec.channels().count());
                mono.interleaved.resize(decoded.samples_interleaved(), 0.0);
                decoded.copy_to_slice_interleaved(&mut mono.interleaved);
                mono.mix(rate, channels)?;
                take(rate, &mono.samples)?;
            }
            Err(error @ Error::DecodeError(_)) => {
                broken += 1;
                if broken > MOST_BROKEN {
                    return Err(kind.failed(&error));
                }
            }
            Err(Error::IoError(_)) => break,
            Err(error) => return Err(kind.failed(&error)),
        }
    }
    mono.finish()
}

/// Mixes packets down to one channel.
struct Mono {
    kind: Kind,
    most_seconds: u32,
    rate: Option<u32>,
    channels: usize,
    interleaved: Vec<f32>,
    /// Of the last packet.
    samples: Vec<i16>,
    /// Of all packets.
    total: u64,
}

impl Mono {
    const fn new(kind: Kind, most_seconds: u32) -> Self {
        Self {
            kind,
            most_seconds,
            rate: None,
            channels: 0,
            interleaved: Vec::new(),
            samples: Vec::new(),
            total: 0,
        }
    }

    fn mix(&mut self, rate: u32, channels: usize) -> Result<(), ImportError> {
        let kind = self.kind.name();
        if !RATES.contains(&rate) {
            return Err(ImportError::Rate { kind, rate });
        }
        if !(1..=MOST_CHANNELS).contains(&channels) {
            return Err(self.kind.broken(format!("{channels} channels")));
        }
        if *self.rate.get_or_insert(rate) != rate {
            return Err(self.kind.broken("its sample rate changes"));
        }
        self.channels = self.channels.max(channels);
        let loudest = f32::from(i16::MAX);
        self.samples.clear();
        self.samples
            .extend(self.interleaved.chunks_exact(channels).map(|moment| {
                let mean = moment.iter().sum::<f32>() / channels as f32;
                (mean * loudest).round() as i16
            }));
        self.total += self.samples.len() as u64;
        if self.total > u64::from(self.most_seconds) * u64::from(rate) {
            return Err(ImportError::TooLong {
                kind,
                allowed: self.most_seconds,
            });
        }
        Ok(())
    }

    fn finish(self) -> Result<Imported, ImportError> {
        let Some(rate) = self.rate else {
            return Err(ImportError::Empty);
        };
        let channels = match self.channels {
            1 => "1 channel".to_owned(),
            many => format!("{many} channels"),
        };
        Ok(Imported {
            kind: format!("{}, {rate} Hz, {channels}", self.kind.name()),
            rate,
            samples: self.total,
        })
    }
}
