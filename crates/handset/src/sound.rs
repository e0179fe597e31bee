//! Turns the sounds of a script into samples at 8 kHz.

use std::collections::HashMap;
use std::f32::consts::TAU;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use outdial_media::{resample, tones, wav};

use crate::script::{Behaviour, Script, Sound, Step};

pub(crate) const RATE: u32 = 8000;
const LEVEL: f32 = -10.0;
const LONGEST_FILE_SECONDS: u32 = 3600;

/// Samples that are played over and over until `length` of them have sounded.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) samples: Arc<[i16]>,
    pub(crate) length: usize,
}

impl Clip {
    pub(crate) fn once(samples: impl Into<Arc<[i16]>>) -> Self {
        let samples = samples.into();
        let length = samples.len();
        Self { samples, length }
    }
}

/// Why a sound file cannot be played.
#[derive(Debug, thiserror::Error)]
#[error("cannot play {}: {problem}", path.display())]
pub struct SoundError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// The sound files of a script, read once.
#[derive(Debug, Default)]
pub(crate) struct Sounds(HashMap<PathBuf, Arc<[i16]>>);

impl Sounds {
    pub(crate) fn load(script: &Script) -> Result<Self, SoundError> {
        let mut sounds = Self::default();
        let behaviours = script
            .phones
            .iter()
            .flat_map(|phone| phone.on_call.iter().chain([&phone.behaviour]));
        for step in behaviours.flat_map(Behaviour::steps) {
            let Step::Speak(Sound::File(path)) = step else {
                continue;
            };
            if !sounds.0.contains_key(path) {
                let samples = read(path).map_err(|problem| SoundError {
                    path: path.clone(),
                    problem,
                })?;
                sounds.0.insert(path.clone(), samples);
            }
        }
        Ok(sounds)
    }

    pub(crate) fn clip(&self, sound: &Sound) -> Clip {
        match sound {
            Sound::File(path) => Clip::once(self.0.get(path).cloned().unwrap_or_default()),
            Sound::Samples(samples) => Clip::once(samples.clone()),
            Sound::Tone { frequency, length } => {
                Clip::once(tones::sine(RATE, *frequency, LEVEL, milliseconds(*length)))
            }
            Sound::Ringback(length) => Clip {
                samples: ringback().into(),
                length: samples_in(*length),
            },
            Sound::Murmur(length) => Clip::once(murmur(samples_in(*length))),
        }
    }
}

fn read(path: &Path) -> Result<Arc<[i16]>, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let clip = wav::read(&bytes, LONGEST_FILE_SECONDS).map_err(|error| error.to_string())?;
    let samples = resample::resample(&clip.samples, clip.rate, RATE).map_err(|error| error.to_string())?;
    Ok(samples.into())
}

fn milliseconds(length: Duration) -> u32 {
    u32::try_from(length.as_millis()).unwrap_or(u32::MAX)
}

fn samples_in(length: Duration) -> usize {
    usize::try_from(length.as_millis()).unwrap_or(usize::MAX / 8) * 8
}

/// One cycle of the North American ringback tone: two seconds of 440 and 480 Hz, four of silence.
fn ringback() -> Vec<i16> {
    let sounding = tones::sine(RATE, 440.0, -19.0, 2000);
    let second = tones::sine(RATE, 480.0, -19.0, 2000);
    let mut cycle: Vec<i16> = sounding
        .iter()
        .zip(&second)
        .map(|(a, b)| a.saturating_add(*b))
        .collect();
    cycle.resize(samples_in(Duration::from_secs(6)), 0);
    cycle
}

/// A voiced hum of 140 Hz whose loudness goes up and down four times a second, as syllables do.
fn murmur(samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|index| {
            let seconds = index as f32 / RATE as f32;
            let syllable = 0.5 - 0.5 * (TAU * 4.0 * seconds).cos();
            let voice: f32 = (1..=8)
                .map(|harmonic| (TAU * 140.0 * harmonic as f32 * seconds).sin() / harmonic as f32)
                .sum();
            (4000.0 * syllable * voice) as i16
        })
        .collect()
}
