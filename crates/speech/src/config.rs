//! What the operator decides about speech.

mod check;
mod seconds;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use outdial_engine::ports::Say;
use secrecy::SecretString;
use serde::Deserialize;

pub use check::ConfigError;
pub(crate) use check::cores;

/// The section `[speech]` with every key, its default, and what it does.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// The section `[speech]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechConfig {
    /// Who speaks.
    pub engine: EngineKind,
    /// The voice of texts that ask for none.
    pub voice: Option<String>,
    /// The language of texts that ask for none, where the engine must be told one.
    pub language: String,
    /// The voices of languages, by tag or the beginning of one.
    pub voices: BTreeMap<String, String>,
    /// How fast, where 1 is the engine's usual speed.
    pub speed: f64,
    /// An audio file that is played when a text cannot be spoken.
    pub fallback: Option<PathBuf>,
    /// About espeak-ng.
    pub espeak: EspeakConfig,
    /// About a command of the operator's.
    pub command: CommandConfig,
    /// About an engine reached by HTTP.
    pub http: HttpConfig,
    /// What a text may take.
    pub limits: SpeechLimits,
    /// What is kept.
    pub cache: CacheConfig,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// espeak-ng, started for each text.
    #[default]
    Espeak,
    /// Another command, started for each text.
    Command,
    /// A service in the shape of `POST /v1/audio/speech`.
    Http,
}

/// The section `[speech.espeak]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EspeakConfig {
    /// The program.
    pub program: String,
}

/// The section `[speech.command]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommandConfig {
    /// The program and its arguments. `{voice}` and `{language}` as whole arguments are replaced.
    pub args: Vec<String>,
    /// Changed by the operator when the command speaks differently, so that nothing old is found in the cache.
    pub version: String,
    /// The names of environment variables that a command may see beside `PATH`.
    pub environment: Vec<String>,
}

/// The section `[speech.http]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// The whole address. It may be a private one, because the operator chose it.
    pub url: String,
    /// The model to ask for.
    pub model: String,
    /// The bearer key.
    pub key: Option<SecretString>,
    /// Changed by the operator when the service speaks differently.
    pub version: String,
}

/// The section `[speech.limits]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechLimits {
    /// The longest text.
    pub text_bytes: usize,
    /// How long speaking may take.
    #[serde(rename = "time_seconds", with = "seconds")]
    pub time: Duration,
    /// How long a text waits for its turn.
    #[serde(rename = "queue_seconds", with = "seconds")]
    pub queue: Duration,
    /// How many texts are spoken at once; by default one for each core.
    pub concurrency: Option<usize>,
    /// How long a spoken text may play.
    pub audio_seconds: u32,
    /// How much an engine may give for one text.
    pub audio_bytes: usize,
    /// How long an upload may play.
    pub upload_seconds: u32,
}

/// The section `[speech.cache]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// How much sound is kept in memory.
    pub memory_bytes: u64,
    /// Where speech is kept for the next start; nowhere by default.
    pub directory: Option<PathBuf>,
    /// How much is kept there.
    pub disk_bytes: u64,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            engine: EngineKind::default(),
            voice: None,
            language: "en".to_owned(),
            voices: BTreeMap::new(),
            speed: 1.0,
            fallback: None,
            espeak: EspeakConfig::default(),
            command: CommandConfig::default(),
            http: HttpConfig::default(),
            limits: SpeechLimits::default(),
            cache: CacheConfig::default(),
        }
    }
}

impl Default for EspeakConfig {
    fn default() -> Self {
        Self {
            program: "espeak-ng".to_owned(),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: "tts-1".to_owned(),
            key: None,
            version: String::new(),
        }
    }
}

impl Default for SpeechLimits {
    fn default() -> Self {
        Self {
            text_bytes: Say::LONGEST,
            time: Duration::from_secs(10),
            queue: Duration::from_secs(10),
            concurrency: None,
            audio_seconds: 900,
            audio_bytes: 64 << 20,
            upload_seconds: 3_600,
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            directory: None,
            disk_bytes: 512 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        speech: SpeechConfig,
    }

    #[test]
    fn the_commented_defaults_are_the_defaults() {
        let file: File = toml::from_str(DEFAULTS).unwrap();
        assert_eq!(format!("{:?}", file.speech), format!("{:?}", SpeechConfig::default()));
        assert!(file.speech.check().is_ok());
    }

    #[test]
    fn every_commented_key_exists() {
        let uncommented: Vec<&str> = DEFAULTS
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .collect();
        let file: File = toml::from_str(&uncommented.join("\n")).unwrap();
        assert!(file.speech.fallback.is_some() && file.speech.http.key.is_some());
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        for text in [
            "[speech]\nvoize = \"en\"",
            "[speech.limits]\ntime = 3",
            "[speech.cache]\ndisk = 1",
        ] {
            assert!(toml::from_str::<File>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let file: File = toml::from_str("[speech.http]\nkey = \"sk-hidden\"").unwrap();
        assert!(!format!("{:?}", file.speech).contains("sk-hidden"));
    }
}
