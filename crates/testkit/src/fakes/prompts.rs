//! Sound without a speech engine.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, ready};
use outdial_engine::ports::{Clip, ImportedAudio, PromptError, Prompts, Say, Signal};

/// The bytes of the shortest header of a WAV file.
const WAV_HEADER: usize = 44;
/// Bytes in a millisecond of 16-bit sound of one channel at 8 kHz.
const BYTES_A_MILLI: u64 = 16;

/// Makes silence for every text and file: 50 ms for each character of a text.
///
/// An upload is audio when it begins as a WAV file does; it is taken to hold 16-bit samples of one
/// channel at 8 kHz.
#[derive(Debug, Default)]
pub struct FakePrompts {
    failure: Mutex<Option<PromptError>>,
    said: Mutex<Vec<Say>>,
}

impl FakePrompts {
    /// From now on every text and file fails like this; `None` mends it.
    pub fn fail(&self, with: Option<PromptError>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = with;
    }

    /// The texts that were to be spoken, in order.
    #[must_use]
    pub fn said(&self) -> Vec<Say> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn working(&self) -> Result<(), PromptError> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone().map_or(Ok(()), Err)
    }
}

impl Prompts for FakePrompts {
    fn say<'a>(&'a self, say: &'a Say, rate: u32) -> BoxFuture<'a, Result<Arc<Clip>, PromptError>> {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(say.clone());
        let millis = say.text.chars().count() as u64 * 50;
        ready(self.working().map(|()| silence(rate, millis))).boxed()
    }

    fn decode<'a>(&'a self, _: &'a str, bytes: Arc<[u8]>, rate: u32) -> BoxFuture<'a, Result<Arc<Clip>, PromptError>> {
        let clip = self.working().and_then(|()| looked_at(&bytes));
        ready(clip.map(|found| silence(rate, found.millis))).boxed()
    }

    fn signal(&self, signal: Signal, rate: u32) -> Arc<Clip> {
        silence(
            rate,
            match signal {
                Signal::Ringing => 5_000,
                Signal::Busy | Signal::Unreachable => 4_000,
                Signal::Warning | Signal::Entered | Signal::Left => 200,
            },
        )
    }

    fn cached(&self, _: &str, _: u32) -> Option<Arc<Clip>> {
        None
    }

    fn inspect(&self, bytes: Arc<[u8]>) -> BoxFuture<'_, Result<ImportedAudio, PromptError>> {
        ready(self.working().and_then(|()| looked_at(&bytes))).boxed()
    }
}

fn looked_at(bytes: &[u8]) -> Result<ImportedAudio, PromptError> {
    if bytes.len() < WAV_HEADER || !bytes.starts_with(b"RIFF") || bytes[8..12] != *b"WAVE" {
        return Err(PromptError::Unreadable("it is not a WAV file".to_owned()));
    }
    Ok(ImportedAudio {
        format: "WAV, PCM 16 bit, 8000 Hz, 1 channel".to_owned(),
        millis: (bytes.len() - WAV_HEADER) as u64 / BYTES_A_MILLI,
    })
}

fn silence(rate: u32, millis: u64) -> Arc<Clip> {
    let samples = u64::from(rate) * millis / 1000;
    Arc::new(Clip {
        rate,
        samples: (0..samples).map(|_| 0).collect(),
    })
}
