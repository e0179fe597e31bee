//! The library of prompts: everything that can be heard, before it is played.

use std::{path::Path, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use outdial_engine::ports::{Clip, Clock, ImportedAudio, PromptError, Prompts, Say, Signal};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use crate::{
    cache::{DiskCache, MemoryCache},
    command::CommandEngine,
    config::{EngineKind, SpeechConfig},
    engine::{Speech, SpeechEngine},
    error::OpenError,
    flight::Outcome,
    http::HttpEngine,
    import,
    signal::Signals,
    sound,
    studio::Studio,
    text::normalise,
    voice::Voices,
};

/// Speaks texts and reads uploads, and keeps what it made. Cloning it gives another handle to the same.
#[derive(Clone)]
pub struct PromptLibrary {
    pub(crate) studio: Arc<Studio>,
    voices: Arc<Voices>,
    fallback: Option<Arc<Fallback>>,
    signals: Arc<Signals>,
}

/// What is played when a text cannot be spoken.
struct Fallback {
    hash: String,
    bytes: Arc<[u8]>,
}

impl PromptLibrary {
    /// Opens the library with the engine that the configuration names. The engine itself is not
    /// tried: [`probe`](Self::probe) does that.
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
        let voices = Arc::new(Voices::new(&config)?);
        let SpeechConfig {
            limits,
            cache,
            fallback,
            ..
        } = config;
        let most_seconds = limits.upload_seconds;
        let memory = MemoryCache::new(cache.memory_bytes);
        let opening = spawn_blocking(move || {
            let open = |directory| DiskCache::open(directory, cache.disk_bytes, clock);
            let disk = match cache.directory {
                None => None,
                Some(directory) => {
                    let opened = open(directory.clone());
                    Some(opened.map_err(|source| OpenError::Directory { directory, source })?)
                }
            };
            let fallback = fallback.map(|file| Fallback::open(&file, most_seconds)).transpose()?;
            Ok::<_, OpenError>((disk, fallback.map(Arc::new)))
        });
        let (disk, fallback) = opening.await.expect("opening files does not panic")?;
        Ok(Self {
            studio: Arc::new(Studio::new(engine, limits, memory, disk)),
            voices,
            fallback,
            signals: Arc::default(),
        })
    }

    /// Checks a text before anything is begun for it.
    fn check(&self, say: &Say, rate: u32) -> Result<Speech, PromptError> {
        sound::check_rate(rate)?;
        let (length, most) = (say.text.len(), self.studio.limits.text_bytes);
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
        self.voices.speech(say, text)
    }

    /// Plays the operator's file instead, where there is one.
    async fn fall_back(&self, failure: PromptError, rate: u32) -> Outcome {
        let Some(fallback) = &self.fallback else {
            return Err(failure);
        };
        tracing::warn!(error = %failure, "a text could not be spoken; the fallback is played instead");
        self.studio
            .read(&fallback.hash, Arc::clone(&fallback.bytes), rate)
            .await
    }
}

impl Prompts for PromptLibrary {
    fn say<'a>(&'a self, say: &'a Say, rate: u32) -> BoxFuture<'a, Outcome> {
        async move {
            // What is asked wrongly is refused; the fallback is for what should have worked.
            let speech = self.check(say, rate)?;
            match self.studio.speak(speech, rate).await {
                Ok(clip) => Ok(clip),
                Err(failure) => self.fall_back(failure, rate).await,
            }
        }
        .boxed()
    }

    fn decode<'a>(&'a self, hash: &'a str, bytes: Arc<[u8]>, rate: u32) -> BoxFuture<'a, Outcome> {
        async move {
            sound::check_rate(rate)?;
            self.studio.read(hash, bytes, rate).await
        }
        .boxed()
    }

    fn signal(&self, signal: Signal, rate: u32) -> Arc<Clip> {
        self.signals.get(signal, rate)
    }

    fn cached(&self, hash: &str, rate: u32) -> Option<Arc<Clip>> {
        self.studio.cached(hash, rate)
    }

    fn described(&self, name: &str, bytes: Vec<u8>) -> Vec<u8> {
        import::describe_raw(name, bytes)
    }

    fn inspect(&self, bytes: Arc<[u8]>) -> BoxFuture<'_, Result<ImportedAudio, PromptError>> {
        self.studio.look(bytes).boxed()
    }
}

impl Fallback {
    fn open(file: &Path, most_seconds: u32) -> Result<Self, OpenError> {
        let bytes = std::fs::read(file).map_err(|source| OpenError::FallbackFile {
            file: file.to_owned(),
            source,
        })?;
        let bytes: Arc<[u8]> = bytes.into();
        import::inspect(&bytes, most_seconds).map_err(|source| OpenError::FallbackAudio {
            file: file.to_owned(),
            source,
        })?;
        Ok(Self {
            hash: format!("{:x}", Sha256::digest(&bytes)),
            bytes,
        })
    }
}
