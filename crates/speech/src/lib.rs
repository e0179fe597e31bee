//! Speech engines, the prompt cache, and the reading of audio files.
//!
//! [`PromptLibrary`] is what the engine's port [`Prompts`](outdial_engine::ports::Prompts) asks for:
//! it speaks a text by a [`SpeechEngine`], keeps what was spoken, and reads uploads.
//!
//! ```text
//! say ─► voice and limits ─► memory ─► one flight per text ─► disk ─► a turn ─► engine ─► WAV
//!                                          all who ask wait here        sound: mono, rate, loudness ◄─┘
//! ```
//!
//! Invariants:
//!
//! - A text reaches an engine by standard input or as a JSON string, never on a command line; a
//!   voice or a language reaches a command line only as a whole argument of a few harmless characters.
//! - What failed, was empty or cannot be heard is never kept.
//! - Decoding, resampling and files run on threads that may block, never on those that run calls.
//!
//! Whoever opens a library with an HTTP engine has installed a TLS provider before.

mod cache;
mod command;
mod config;
mod engine;
mod error;
mod flight;
mod http;
mod import;
mod library;
mod probe;
mod signal;
mod sound;
mod studio;
mod text;
mod voice;

pub use command::CommandEngine;
pub use config::{
    CacheConfig, CommandConfig, ConfigError, DEFAULTS, EngineKind, EspeakConfig, HttpConfig, SpeechConfig, SpeechLimits,
};
pub use engine::{Identity, Speech, SpeechEngine};
pub use error::OpenError;
pub use http::HttpEngine;
pub use library::PromptLibrary;
pub use probe::SpeechReport;
pub use voice::{BadName, Name};
