//! Where sounds are made, each once however many ask for it, a few at a time, and kept.

use std::{io, sync::Arc};

use futures_util::FutureExt;
use outdial_engine::ports::{Clip, ImportedAudio, PromptError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    cache::{DiskCache, Key, MemoryCache},
    config::{SpeechLimits, cores},
    engine::{Identity, Speech, SpeechEngine},
    error::unusable,
    flight::{Flights, Outcome},
    import, sound,
};

/// The engine, what it may take, and what was made.
pub(crate) struct Studio {
    pub(crate) engine: Arc<dyn SpeechEngine>,
    pub(crate) limits: SpeechLimits,
    /// Turns for the engine, which may be slow, and for reading uploads, which is not: neither waits for the other.
    speaking: Arc<Semaphore>,
    reading: Arc<Semaphore>,
    memory: MemoryCache,
    disk: Option<DiskCache>,
    flights: Arc<Flights>,
}

impl Studio {
    /// Makes sounds by this engine and keeps them here.
    pub(crate) fn new(
        engine: Arc<dyn SpeechEngine>,
        limits: SpeechLimits,
        memory: MemoryCache,
        disk: Option<DiskCache>,
    ) -> Self {
        let speaking = Arc::new(Semaphore::new(limits.concurrency.unwrap_or_else(cores)));
        let reading = Arc::new(Semaphore::new(cores()));
        Self {
            engine,
            limits,
            speaking,
            reading,
            memory,
            disk,
            flights: Arc::default(),
        }
    }

    /// Speaks a checked text, or finds it where it was spoken before.
    pub(crate) async fn speak(self: &Arc<Self>, speech: Speech, rate: u32) -> Outcome {
        let key = Key::speech(&self.identity().await?, &speech, rate);
        if let Some(clip) = self.memory.get(&key) {
            return Ok(clip);
        }
        let start = || Arc::clone(self).make_speech(key, speech, rate).boxed();
        self.flights.join(key, || self.memory.get(&key), start).await
    }

    /// Reads an upload, or finds it where it was read before.
    pub(crate) async fn read(self: &Arc<Self>, hash: &str, bytes: Arc<[u8]>, rate: u32) -> Outcome {
        let key = Key::upload(hash, rate);
        if let Some(clip) = self.memory.get(&key) {
            return Ok(clip);
        }
        let start = || Arc::clone(self).make_upload(key, bytes, rate).boxed();
        self.flights.join(key, || self.memory.get(&key), start).await
    }

    /// Says what an upload is. Those that come together wait for each other, as long as callers wait for a text.
    pub(crate) async fn look(&self, bytes: Arc<[u8]>) -> Result<ImportedAudio, PromptError> {
        let turn = timeout(self.limits.queue, Arc::clone(&self.reading).acquire_owned()).await;
        let waited = self.limits.queue;
        let turn = turn.map_err(|_| PromptError::Busy(format!("it was waited for {waited:?}; try again later")))?;
        let most_seconds = self.limits.upload_seconds;
        let looked = spawn_blocking(move || {
            let _turn = turn;
            import::inspect(&bytes, most_seconds)
        });
        let failed = |_| Err(PromptError::Unreadable("it made the reader fail".to_owned()));
        looked.await.unwrap_or_else(failed)
    }

    /// The upload, if it was read before and not forgotten.
    pub(crate) fn cached(&self, hash: &str, rate: u32) -> Option<Arc<Clip>> {
        self.memory.get(&Key::upload(hash, rate))
    }

    /// Who speaks. Learning it may start the engine, so whoever waits for that waits in the queue too.
    async fn identity(&self) -> Result<Identity, PromptError> {
        let waited = timeout(self.limits.queue, self.engine.identity()).await;
        waited.unwrap_or_else(|_| Err(self.waited_too_long("the speech engine did not tell its version")))
    }

    /// The one making of a spoken text that everybody who asked for it waits for.
    async fn make_speech(self: Arc<Self>, key: Key, speech: Speech, rate: u32) -> Outcome {
        if let Some(clip) = self.on_disk(key).await {
            self.memory.put(key, &clip);
            return Ok(clip);
        }
        let turn = self.turn(&self.speaking, "no speech engine was free").await?;
        let wav = self.engine.speak(&speech).await?;
        let most_seconds = self.limits.audio_seconds;
        let clip = working(turn, move || sound::speech(&wav, rate, most_seconds)).await?;
        self.memory.put(key, &clip);
        self.to_disk(key, Arc::clone(&clip)).await;
        Ok(clip)
    }

    /// The one reading of an upload that everybody who asked for it waits for.
    async fn make_upload(self: Arc<Self>, key: Key, bytes: Arc<[u8]>, rate: u32) -> Outcome {
        let turn = self.turn(&self.reading, "too many audio files were being read").await?;
        let most_seconds = self.limits.upload_seconds;
        let clip = working(turn, move || sound::upload(&bytes, rate, most_seconds)).await?;
        self.memory.put(key, &clip);
        Ok(clip)
    }

    async fn turn(&self, turns: &Arc<Semaphore>, what: &str) -> Result<OwnedSemaphorePermit, PromptError> {
        match timeout(self.limits.queue, Arc::clone(turns).acquire_owned()).await {
            Ok(turn) => Ok(turn.expect("nobody closes the turns")),
            Err(_) => Err(self.waited_too_long(what)),
        }
    }

    fn waited_too_long(&self, what: &str) -> PromptError {
        let waited = self.limits.queue;
        let remedy = "raise speech.limits.concurrency or speech.limits.queue_seconds";
        PromptError::Limit(format!("{what} within {waited:?}; {remedy}"))
    }

    async fn on_disk(self: &Arc<Self>, key: Key) -> Option<Arc<Clip>> {
        self.disk.as_ref()?;
        let studio = Arc::clone(self);
        let found = spawn_blocking(move || studio.disk.as_ref()?.get(&key)).await;
        found.unwrap_or_default().map(Arc::new)
    }

    /// A prompt that cannot be written is heard all the same.
    async fn to_disk(self: &Arc<Self>, key: Key, clip: Arc<Clip>) {
        if self.disk.is_none() {
            return;
        }
        let studio = Arc::clone(self);
        let written = spawn_blocking(move || studio.disk.as_ref().map_or(Ok(()), |disk| disk.put(key, &clip)));
        let written = written.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        if let Err(error) = written {
            tracing::warn!(%error, "a prompt could not be kept in speech.cache.directory");
        }
    }
}

/// Does heavy work where it may block. The turn is held until it is done, even if nobody waits for it any more.
async fn working(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> Result<Clip, PromptError> + Send + 'static,
) -> Outcome {
    let done = spawn_blocking(move || {
        let _turn = turn;
        work().map(Arc::new)
    });
    let remedy = "Report this text or file to Outdial's developers";
    done.await
        .unwrap_or_else(|panic| Err(unusable(format!("making the sound failed: {panic}"), remedy)))
}
