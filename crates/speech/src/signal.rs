//! Signals: what people hear that is neither words nor music.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use outdial_engine::ports::{Clip, Signal};
use outdial_media::tones::{Ringback, Tone, ringback};

/// How loud each tone is, in dBm0: well below a voice that it is heard over.
const LEVEL: f32 = -19.0;
/// The frequency of European call progress tones (ITU-T E.180, section 4.1), in Hz.
const PROGRESS: f32 = 425.0;
/// The three tones of the special information tone (ITU-T E.180, section 6), in Hz.
const SPECIAL: [f32; 3] = [950.0, 1400.0, 1800.0];

/// Signals that were made, by what they are and their sample rate.
#[derive(Debug, Default)]
pub(crate) struct Signals(Mutex<HashMap<(Signal, u32), Arc<Clip>>>);

impl Signals {
    /// A signal, made once.
    pub(crate) fn get(&self, signal: Signal, rate: u32) -> Arc<Clip> {
        // The map is whole after every single operation on it.
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let clip = made
            .entry((signal, rate))
            .or_insert_with(|| Arc::new(make(signal, rate)));
        Arc::clone(clip)
    }
}

fn make(signal: Signal, rate: u32) -> Clip {
    let samples = match signal {
        Signal::Ringing => ringback(rate, Ringback::Europe),
        Signal::Busy => cadence(rate, &[(Some(PROGRESS), 500), (None, 500)].repeat(4)),
        Signal::Unreachable => {
            let tones = SPECIAL.map(|tone| (Some(tone), 330));
            cadence(rate, &[&tones[..], &[(None, 1_000)]].concat().repeat(2))
        }
        Signal::Warning => cadence(rate, &[(Some(1_400.0), 250)]),
        Signal::Entered => cadence(rate, &[(Some(440.0), 100), (Some(660.0), 100)]),
        Signal::Left => cadence(rate, &[(Some(660.0), 100), (Some(440.0), 100)]),
    };
    Clip {
        rate,
        samples: samples.into(),
    }
}

/// Tones and pauses one after the other, each with its length in milliseconds.
fn cadence(rate: u32, parts: &[(Option<f32>, u32)]) -> Vec<i16> {
    let mut samples = Vec::new();
    for (tone, millis) in parts {
        let from = samples.len();
        let length = u64::from(rate) * u64::from(*millis) / 1000;
        samples.resize(from + usize::try_from(length).unwrap_or_default(), 0);
        if let Some(frequency) = tone {
            Tone::sine(rate, *frequency, LEVEL).fill(&mut samples[from..]);
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_heard_and_made_once() {
        let signals = Signals::default();
        for signal in Signal::ALL {
            for rate in [8_000, 16_000] {
                let clip = signals.get(signal, rate);
                assert!(clip.samples.iter().any(|sample| sample.abs() > 1_000), "{signal:?}");
                assert!(clip.samples.len() >= rate as usize / 5, "{signal:?}");
                assert!(Arc::ptr_eq(&clip, &signals.get(signal, rate)));
            }
        }
        let busy = signals.get(Signal::Busy, 8_000);
        assert!(busy.samples[4_100..7_900].iter().all(|sample| *sample == 0));
    }
}
