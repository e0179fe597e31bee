//! The port to whatever turns texts and files into sound.

use std::sync::Arc;

use futures_util::future::BoxFuture;
// Part of the port, so that who implements it needs nothing of the flow.
pub use outdial_flow::Say;

/// Sound in memory: 16-bit linear samples of one channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    /// Samples per second.
    pub rate: u32,
    /// The samples.
    pub samples: Arc<[i16]>,
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clip({} samples at {} Hz)", self.samples.len(), self.rate)
    }
}

/// What people hear that is neither words nor music.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The other party's phone rings: one ring and the pause after it.
    Ringing,
    /// The other party is busy.
    Busy,
    /// The other party could not be reached.
    Unreachable,
    /// The time of the call is nearly over.
    Warning,
    /// Somebody entered the room.
    Entered,
    /// Somebody left the room.
    Left,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Self; 6] = [
        Self::Ringing,
        Self::Busy,
        Self::Unreachable,
        Self::Warning,
        Self::Entered,
        Self::Left,
    ];
}

/// Turns texts and files into sound.
pub trait Prompts: Send + Sync {
    /// Speaks a text, from the cache where it was spoken before.
    ///
    /// # Errors
    ///
    /// [`PromptError`]; a failed or empty synthesis is never cached.
    fn say<'a>(&'a self, say: &'a Say, rate: u32) -> BoxFuture<'a, Result<Arc<Clip>, PromptError>>;

    /// Reads stored audio (the bytes of an upload), from the cache where it was read before.
    /// `hash` names the bytes.
    ///
    /// # Errors
    ///
    /// [`PromptError`] when they cannot be read as audio.
    fn decode<'a>(
        &'a self,
        hash: &'a str,
        bytes: Arc<[u8]>,
        rate: u32,
    ) -> BoxFuture<'a, Result<Arc<Clip>, PromptError>>;

    /// A signal, whole.
    fn signal(&self, signal: Signal, rate: u32) -> Arc<Clip>;

    /// Whether the sound of this hash and rate is in memory, so that its bytes need not be fetched.
    fn cached(&self, hash: &str, rate: u32) -> Option<Arc<Clip>>;

    /// Gives uploaded bytes so that they say themselves what they are. Raw audio does not, but its file
    /// is called something like `hello.ulaw`; it gets a header.
    fn described(&self, name: &str, bytes: Vec<u8>) -> Vec<u8> {
        let _ = name;
        bytes
    }

    /// Looks at uploaded bytes without keeping anything. Those that come together wait for each other.
    ///
    /// # Errors
    ///
    /// [`PromptError::Unreadable`] says what is wrong with them and what to do, [`PromptError::Busy`] that too many
    /// waited.
    fn inspect(&self, bytes: Arc<[u8]>) -> BoxFuture<'_, Result<ImportedAudio, PromptError>>;
}

/// What uploaded bytes turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedAudio {
    /// The kind, in words, as `WAV, PCM 16 bit, 44100 Hz, 2 channels`.
    pub format: String,
    /// How long it plays, in milliseconds.
    pub millis: u64,
}

/// Why there is no sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// The speech engine cannot be started or reached.
    #[error("the speech engine cannot be used: {reason}. {remedy}")]
    Engine {
        /// What happened.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The speech engine gave nothing, or nothing that can be heard.
    #[error("the speech engine gave no sound for this text: {0}")]
    Silent(String),
    /// The speech engine took too long, or gave too much.
    #[error("speaking the text passed a limit: {0}")]
    Limit(String),
    /// So many files are being read that this one did not come to its turn.
    #[error("too many audio files are being read at the moment: {0}")]
    Busy(String),
    /// The audio bytes cannot be read.
    #[error("the audio cannot be read: {0}")]
    Unreadable(String),
}
