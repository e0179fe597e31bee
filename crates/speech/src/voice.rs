//! The names of voices and languages, and which voice speaks.

use std::{collections::BTreeMap, fmt};

use outdial_engine::ports::{PromptError, Say};

use crate::{
    config::{ConfigError, SpeechConfig},
    engine::Speech,
    error::unusable,
};

/// The name of a voice or of a language: harmless as a whole argument of a command.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(String);

/// It cannot be the name of a voice or of a language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "it may have letters, digits, `_`, `+` and `-`, starts with no `-`, and has at most {} characters",
    Name::LONGEST
)]
pub struct BadName;

impl Name {
    /// The most characters a name may have.
    pub const LONGEST: usize = 64;

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`BadName`] for what could be taken for an option, a path or anything else but a name.
    pub fn parse(name: &str) -> Result<Self, BadName> {
        let fits = (1..=Self::LONGEST).contains(&name.len()) && !name.starts_with('-');
        let harmless = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b));
        if fits && harmless {
            Ok(Self(name.to_owned()))
        } else {
            Err(BadName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The voices that the operator chose for languages.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    by_language: BTreeMap<String, Name>,
}

impl Voices {
    /// Reads them from the configuration.
    pub(crate) fn new(config: &SpeechConfig) -> Result<Self, ConfigError> {
        let mut by_language = BTreeMap::new();
        for (language, voice) in &config.voices {
            let key = || format!("speech.voices.{language}");
            let tag = Name::parse(language).map_err(|bad| ConfigError::new(key(), bad.to_string()))?;
            let voice = Name::parse(voice).map_err(|bad| ConfigError::new(key(), bad.to_string()))?;
            by_language.insert(tag.as_str().to_ascii_lowercase(), voice);
        }
        Ok(Self { by_language })
    }

    /// Checks the names in a request, and chooses its voice: the one asked for, otherwise the one of
    /// its language, otherwise the engine's own.
    pub(crate) fn speech(&self, say: &Say, text: String) -> Result<Speech, PromptError> {
        let read = |name: &Option<String>, kind: &str| {
            let read = name.as_deref().map(Name::parse).transpose();
            read.map_err(|bad| {
                let reason = format!(
                    "`{}` is no name of a {kind}",
                    name.as_deref().unwrap_or_default().escape_debug()
                );
                unusable(reason, format!("Name another: {bad}"))
            })
        };
        let asked = read(&say.voice, "voice")?;
        let language = read(&say.language, "language")?;
        let voice = asked.or_else(|| self.of_language(language.as_ref()?));
        Ok(Speech { text, voice, language })
    }

    /// The voice of the longest beginning of a language tag that has one.
    fn of_language(&self, language: &Name) -> Option<Name> {
        let mut tag = language.as_str().to_ascii_lowercase();
        loop {
            if let Some(voice) = self.by_language.get(&tag) {
                return Some(voice.clone());
            }
            tag.truncate(tag.rfind('-')?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_harmless_as_arguments() {
        for good in ["en", "en-us+f3", "pt-BR", "af_heart", "1"] {
            assert_eq!(Name::parse(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in [
            "", "-w", "--stdout", "../en", "a b", "a;b", "en\n", "$(id)", "é", "!v", &long,
        ] {
            assert_eq!(Name::parse(bad), Err(BadName), "{bad:?}");
        }
    }

    #[test]
    fn the_voice_is_that_asked_for_then_that_of_the_language() {
        let voices = [("en", "anna"), ("pt-BR", "ines")].map(|(l, v)| (l.to_owned(), v.to_owned()));
        let config = SpeechConfig {
            voices: voices.into(),
            ..SpeechConfig::default()
        };
        let voices = Voices::new(&config).unwrap();
        for (voice, language, chosen) in [
            (None, None, None),
            (Some("bob"), Some("en"), Some("bob")),
            (None, Some("en"), Some("anna")),
            (None, Some("EN-gb-scotland"), Some("anna")),
            (None, Some("pt-br"), Some("ines")),
            (None, Some("pt"), None),
        ] {
            let say = Say {
                text: "Hello".to_owned(),
                voice: voice.map(str::to_owned),
                language: language.map(str::to_owned),
            };
            let speech = voices.speech(&say, say.text.clone()).unwrap();
            assert_eq!(speech.voice.as_ref().map(Name::as_str), chosen, "{say:?}");
        }
    }
}
