//! The library of prompts: everything that can be heard before it is played.

use std::{io, path::Path, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use outdial_engine::ports::{Clip, Clock, ImportedAudio, PromptError, Prompts, Say};
use sha2::{Digest, Sha256};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    cache::{DiskCache, Key, MemoryCache},
    command::CommandEngine,
    config::{EngineKind, SpeechConfig, SpeechLimits, cores},
    engine::{Identity, Speech, SpeechEngine},
    error::{OpenError, unusable},
    flight::{Flights, Outcome},
    http::HttpEngine,
    sound,
    text::normalise,
    upload,
    voice::Voices,
};

/// Speaks texts and reads uploads, and keeps what it made. Cloning it gives another handle to the same.
#[derive(Clone)]
pub struct PromptLibrary {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Arc<dyn SpeechEngine>,
    voices: Voices,
    limits: SpeechLimits,
    /// Turns for the engine, which may be slow, and for reading uploads, which is not: neither waits for the other.
    speaking: Arc<Semaphore>,
    reading: Arc<Semaphore>,
    memory: MemoryCache,
    disk: Option<DiskCache>,
    flights: Arc<Flights>,
    fallback: Option<Fallback>,
}

/// What is played when a text cannot be spoken.
struct Fallback {
    hash: String,
    bytes: Arc<[u8]>,
}

impl PromptLibrary {
    /// Opens the library with the engine that the configuration names. The engine itself is not tried: [`probe`](Self::probe) does that.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the key that cannot be used.
    pub async fn open(config: SpeechConfig, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        config.check()?;
        let engine: Arc<dyn SpeechEngine> = match config.engine {
            EngineKind::Espeak | EngineKind::Command => Arc::new(CommandEngine::new(&config)?),
            EngineKind::Http => Arc::new(HttpEngine::new(&config)?),
        };
        Self::with_engine(config, engine, clock).await
    }

    /// Opens the library with an engine of the caller's.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the key that cannot be used.
    pub async fn with_engine(
        config: SpeechConfig,
        engine: Arc<dyn SpeechEngine>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        config.check()?;
        let voices = Voices::new(&config)?;
        let concurrency = config.concurrency();
        let SpeechConfig {
            limits,
            cache,
            fallback,
            ..
        } = config;
        let most_seconds = limits.upload_seconds;
        let opening = spawn_blocking(move || {
            let disk = match cache.directory {
                Some(directory) => Some(
                    DiskCache::open(directory.clone(), cache.disk_bytes, clock)
                        .map_err(|source| OpenError::Directory { directory, source })?,
                ),
                None => None,
            };
            let fallback = fallback.map(|file| Fallback::open(&file, most_seconds)).transpose()?;
            Ok::<_, OpenError>((disk, fallback))
        });
        let (disk, fallback) = opening.await.expect("opening files does not panic")?;
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                voices,
                limits,
                speaking: Arc::new(Semaphore::new(concurrency)),
                reading: Arc::new(Semaphore::new(cores())),
                memory: MemoryCache::new(cache.memory_bytes),
                disk,
                flights: Arc::default(),
                fallback,
            }),
        })
    }

    pub(crate) fn engine(&self) -> &dyn SpeechEngine {
        &*self.shared.engine
    }

    pub(crate) fn limits(&self) -> &SpeechLimits {
        &self.shared.limits
    }

    /// Checks a text before anything is begun for it.
    fn check(&self, say: &Say, rate: u32) -> Result<Speech, PromptError> {
        sound::check_rate(rate)?;
        let (length, most) = (say.text.len(), self.shared.limits.text_bytes);
        if length > most {
            return Err(PromptError::Limit(format!(
                "the text has {length} bytes; at most {most} are spoken"
            )));
        }
        let text = normalise(&say.text);
        if text.is_empty() {
            return Err(PromptError::Silent(
                "it is empty; give a text with a word in it".to_owned(),
            ));
        }
        self.shared.voices.speech(say, text)
    }

    /// Speaks a checked text, or finds it where it was spoken before.
    async fn speak(&self, speech: Speech, rate: u32) -> Outcome {
        let shared = &self.shared;
        let by = shared.identity().await?;
        let key = Key::speech(&by, &speech, rate);
        if let Some(clip) = shared.memory.get(&key) {
            return Ok(clip);
        }
        let making = Arc::clone(shared);
        let start = || making.speak(key, speech, rate).boxed();
        shared.flights.join(key, || shared.memory.get(&key), start).await
    }

    /// Reads an upload, or finds it where it was read before.
    async fn read(&self, hash: &str, bytes: Arc<[u8]>, rate: u32) -> Outcome {
        sound::check_rate(rate)?;
        let shared = &self.shared;
        let key = Key::upload(hash, rate);
        if let Some(clip) = shared.memory.get(&key) {
            return Ok(clip);
        }
        let making = Arc::clone(shared);
        let start = || making.read(key, bytes, rate).boxed();
        shared.flights.join(key, || shared.memory.get(&key), start).await
    }

    /// Plays the operator's file instead, where there is one.
    async fn fall_back(&self, failure: PromptError, rate: u32) -> Outcome {
        let Some(fallback) = &self.shared.fallback else {
            return Err(failure);
        };
        tracing::warn!(error = %failure, "a text could not be spoken; the fallback is played instead");
        self.read(&fallback.hash, Arc::clone(&fallback.bytes), rate).await
    }
}

impl Prompts for PromptLibrary {
    fn say<'a>(&'a self, say: &'a Say, rate: u32) -> BoxFuture<'a, Outcome> {
        async move {
            // What is asked wrongly is refused; the fallback is for what should have worked.
            let speech = self.check(say, rate)?;
            match self.speak(speech, rate).await {
                Ok(clip) => Ok(clip),
                Err(failure) => self.fall_back(failure, rate).await,
            }
        }
        .boxed()
    }

    fn decode<'a>(&'a self, hash: &'a str, bytes: Arc<[u8]>, rate: u32) -> BoxFuture<'a, Outcome> {
        self.read(hash, bytes, rate).boxed()
    }

    fn cached(&self, hash: &str, rate: u32) -> Option<Arc<Clip>> {
        self.shared.memory.get(&Key::upload(hash, rate))
    }

    fn inspect(&self, bytes: &[u8]) -> Result<ImportedAudio, PromptError> {
        upload::inspect(bytes, self.shared.limits.upload_seconds)
    }
}

impl Shared {
    /// Who speaks. Learning it may start the engine, so whoever waits for that waits in the queue too.
    async fn identity(&self) -> Result<Identity, PromptError> {
        let waited = timeout(self.limits.queue, self.engine.identity()).await;
        waited.unwrap_or_else(|_| Err(self.waited_too_long("the speech engine did not tell its version")))
    }

    /// The one making of a spoken text that everybody who asked for it waits for.
    async fn speak(self: Arc<Self>, key: Key, speech: Speech, rate: u32) -> Outcome {
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
    async fn read(self: Arc<Self>, key: Key, bytes: Arc<[u8]>, rate: u32) -> Outcome {
        let turn = self.turn(&self.reading, "too many audio files are being read").await?;
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
        PromptError::Limit(format!(
            "{what} within {waited:?}; raise speech.limits.concurrency or queue_seconds"
        ))
    }

    async fn on_disk(self: &Arc<Self>, key: Key) -> Option<Arc<Clip>> {
        self.disk.as_ref()?;
        let shared = Arc::clone(self);
        let found = spawn_blocking(move || shared.disk.as_ref()?.get(&key)).await;
        found.unwrap_or_default().map(Arc::new)
    }

    /// A prompt that cannot be written is heard all the same.
    async fn to_disk(self: &Arc<Self>, key: Key, clip: Arc<Clip>) {
        if self.disk.is_none() {
            return;
        }
        let shared = Arc::clone(self);
        let written = spawn_blocking(move || shared.disk.as_ref().map_or(Ok(()), |disk| disk.put(key, &clip)));
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
    done.await.unwrap_or_else(|panic| {
        Err(unusable(
            format!("making the sound failed: {panic}"),
            "Report this text or file to Outdial's developers",
        ))
    })
}

impl Fallback {
    fn open(file: &Path, most_seconds: u32) -> Result<Self, OpenError> {
        let bytes = std::fs::read(file).map_err(|source| OpenError::FallbackFile {
            file: file.to_owned(),
            source,
        })?;
        upload::inspect(&bytes, most_seconds).map_err(|source| OpenError::FallbackAudio {
            file: file.to_owned(),
            source,
        })?;
        Ok(Self {
            hash: format!("{:x}", Sha256::digest(&bytes)),
            bytes: bytes.into(),
        })
    }
}
