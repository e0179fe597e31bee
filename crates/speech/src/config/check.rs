//! What serde cannot see: values that make no sense, alone or together.

use reqwest::Url;

use super::SpeechConfig;

/// A key of the configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    key: String,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
        }
    }

    /// The key, as `speech.limits.time_seconds`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl SpeechConfig {
    /// Checks what concerns all engines; the chosen one checks its own keys when it is made.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, problem: &str| Err(ConfigError::new(key, problem));
        if !(0.25..=4.0).contains(&self.speed) {
            return wrong("speech.speed", "it must lie between 0.25 and 4");
        }
        let limits = &self.limits;
        if limits.concurrency == Some(0) {
            return wrong(
                "speech.limits.concurrency",
                "nothing could ever be spoken; leave it out for one a core",
            );
        }
        for (key, empty) in [
            ("speech.limits.text_bytes", limits.text_bytes == 0),
            ("speech.limits.time_seconds", limits.time.is_zero()),
            ("speech.limits.queue_seconds", limits.queue.is_zero()),
            ("speech.limits.audio_seconds", limits.audio_seconds == 0),
            ("speech.limits.audio_bytes", limits.audio_bytes == 0),
            ("speech.limits.upload_seconds", limits.upload_seconds == 0),
        ] {
            if empty {
                return wrong(key, "it must be more than nothing");
            }
        }
        Ok(())
    }

    /// The address of the HTTP engine.
    pub(crate) fn http_url(&self) -> Result<Url, ConfigError> {
        let wrong = |problem: String| Err(ConfigError::new("speech.http.url", problem));
        let example = "give the whole address, as http://127.0.0.1:8880/v1/audio/speech";
        let url = match Url::parse(&self.http.url) {
            Ok(url) => url,
            Err(error) => return wrong(format!("{error}; {example}")),
        };
        if !matches!(url.scheme(), "http" | "https") {
            return wrong(format!("it is neither http nor https; {example}"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("it holds a name or a password; put a key into speech.http.key".to_owned());
        }
        Ok(url)
    }
}

/// How many things are worth doing at once on this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Spoil = fn(&mut SpeechConfig);

    #[test]
    fn senseless_values_name_their_key() {
        let cases: [(&str, Spoil); 5] = [
            ("speech.speed", |config| {
                config.speed = f64::NAN;
            }),
            ("speech.speed", |config| {
                config.speed = 9.0;
            }),
            ("speech.limits.concurrency", |config| {
                config.limits.concurrency = Some(0);
            }),
            ("speech.limits.time_seconds", |config| {
                config.limits.time = Duration::ZERO;
            }),
            ("speech.limits.upload_seconds", |config| {
                config.limits.upload_seconds = 0;
            }),
        ];
        for (key, spoil) in cases {
            let mut config = SpeechConfig::default();
            assert_eq!(config.check(), Ok(()));
            spoil(&mut config);
            assert_eq!(config.check().unwrap_err().key(), key);
        }
    }

    #[test]
    fn the_address_is_whole_and_holds_no_secret() {
        for (url, problem) in [
            ("", "whole address"),
            ("127.0.0.1:8880", "whole address"),
            ("file:///etc/passwd", "neither http"),
            ("http://me:pw@127.0.0.1/v1/audio/speech", "speech.http.key"),
        ] {
            let mut config = SpeechConfig::default();
            config.http.url = url.to_owned();
            let error = config.http_url().unwrap_err().to_string();
            assert!(error.contains(problem) && !error.contains("pw"), "{error}");
        }
    }
}
