//! The command line of an engine: what is fixed by the operator, and where a voice and a language stand in it.

use std::borrow::Cow;

use crate::{
    config::{ConfigError, EngineKind, SpeechConfig},
    engine::Speech,
    voice::Name,
};

/// The words a minute that espeak-ng speaks at speed 1.
const WORDS_PER_MINUTE: f64 = 175.0;

/// How a command is started.
pub(super) struct Line {
    pub(super) kind: Kind,
    voice: Option<Name>,
    language: Name,
}

/// Whose command it is.
pub(super) enum Kind {
    Espeak {
        program: String,
        words_per_minute: u32,
    },
    Template {
        program: String,
        args: Vec<Argument>,
        version: String,
    },
}

/// One argument of the operator's command.
#[derive(Debug)]
pub(super) enum Argument {
    Fixed(String),
    Voice,
    Language,
}

impl Line {
    /// Reads the configuration.
    pub(super) fn new(config: &SpeechConfig) -> Result<Self, ConfigError> {
        let name = |key: &'static str, name: &str| {
            Name::parse(name).map_err(|bad| ConfigError::new(key, format!("`{}`: {bad}", name.escape_debug())))
        };
        let own = config.engine == EngineKind::Command;
        Ok(Self {
            kind: if own { template(config)? } else { espeak(config)? },
            voice: config
                .voice
                .as_deref()
                .map(|voice| name("speech.voice", voice))
                .transpose()?,
            language: name("speech.language", &config.language)?,
        })
    }

    /// The program.
    pub(super) fn program(&self) -> &str {
        match &self.kind {
            Kind::Espeak { program, .. } | Kind::Template { program, .. } => program,
        }
    }

    /// The arguments for one text.
    pub(super) fn arguments(&self, speech: &Speech) -> Vec<String> {
        // Whoever asks for the usual language gets the usual voice.
        let usual = |language: &Name| language.as_str().eq_ignore_ascii_case(self.language.as_str());
        let language = speech.language.as_ref().filter(|language| !usual(language));
        let (asked, default) = (speech.voice.as_ref(), self.voice.as_ref());
        match &self.kind {
            Kind::Espeak { words_per_minute, .. } => {
                // Its voices are named by language, so a language will do where no voice is named.
                let voice = asked.or(language).or(default).unwrap_or(&self.language);
                let mut args = ["--stdin", "--stdout", "-b", "1", "-s"].map(str::to_owned).to_vec();
                args.extend([words_per_minute.to_string(), "-v".to_owned(), voice.to_string()]);
                args
            }
            Kind::Template { args, .. } => {
                let value = |argument: &Argument| match argument {
                    Argument::Fixed(text) => text.clone(),
                    Argument::Language => language.unwrap_or(&self.language).to_string(),
                    // The configuration was refused if there is no default for this placeholder.
                    Argument::Voice => asked.or(default).map(Name::to_string).unwrap_or_default(),
                };
                args.iter().map(value).collect()
            }
        }
    }

    /// What goes in by standard input.
    pub(super) fn stdin<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.kind {
            // It reads what stands in [[ ]] as phonemes.
            Kind::Espeak { .. } => text.replace("[[", "[ [").into(),
            Kind::Template { .. } => text.into(),
        }
    }

    /// All that changes how it sounds, beside program and version.
    pub(super) fn settings(&self) -> String {
        let default = self.voice.as_ref().unwrap_or(&self.language);
        match &self.kind {
            Kind::Espeak { words_per_minute, .. } => format!("{words_per_minute} {} {default}", self.language),
            Kind::Template { args, .. } => format!("{args:?} {} {default}", self.language),
        }
    }
}

impl Argument {
    const VOICE: &str = "{voice}";
    const LANGUAGE: &str = "{language}";

    fn parse(text: &str, config: &SpeechConfig) -> Result<Self, ConfigError> {
        match text {
            Self::VOICE if config.voice.is_none() => wrong_args("`{voice}` needs a default; set speech.voice too"),
            Self::VOICE => Ok(Self::Voice),
            Self::LANGUAGE => Ok(Self::Language),
            _ if text.contains(Self::VOICE) || text.contains(Self::LANGUAGE) => {
                wrong_args(format!("`{text}`: a placeholder must be a whole argument"))
            }
            _ => Ok(Self::Fixed(text.to_owned())),
        }
    }
}

fn espeak(config: &SpeechConfig) -> Result<Kind, ConfigError> {
    if config.espeak.program.is_empty() {
        return Err(ConfigError::new(
            "speech.espeak.program",
            "it is empty; leave it out for `espeak-ng`",
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "44 to 700, because the speed was checked; a cast saturates in any case"
    )]
    let words_per_minute = (WORDS_PER_MINUTE * config.speed).round() as u32;
    Ok(Kind::Espeak {
        program: config.espeak.program.clone(),
        words_per_minute,
    })
}

fn template(config: &SpeechConfig) -> Result<Kind, ConfigError> {
    let Some((program, args)) = config
        .command
        .args
        .split_first()
        .filter(|(program, _)| !program.is_empty())
    else {
        return wrong_args("it is empty; give the program and its arguments, as [\"flite\", …]");
    };
    if !matches!(Argument::parse(program, config)?, Argument::Fixed(_)) {
        return wrong_args("the program itself cannot be a placeholder");
    }
    if config.speed.to_bits() != 1.0_f64.to_bits() {
        let problem = "a command of your own takes its speed from speech.command.args; leave this out";
        return Err(ConfigError::new("speech.speed", problem));
    }
    let args = args
        .iter()
        .map(|text| Argument::parse(text, config))
        .collect::<Result<_, _>>()?;
    Ok(Kind::Template {
        program: program.clone(),
        args,
        version: config.command.version.clone(),
    })
}

fn wrong_args<T>(problem: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::new("speech.command.args", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speech(voice: Option<&str>, language: Option<&str>) -> Speech {
        let name = |name: Option<&str>| name.map(|name| Name::parse(name).unwrap());
        Speech {
            text: "Hello".to_owned(),
            voice: name(voice),
            language: name(language),
        }
    }

    fn command(args: &[&str], voice: Option<&str>) -> SpeechConfig {
        let mut config = SpeechConfig {
            engine: EngineKind::Command,
            ..SpeechConfig::default()
        };
        config.command.args = args.iter().map(|&arg| arg.to_owned()).collect();
        config.voice = voice.map(str::to_owned);
        config
    }

    #[test]
    fn espeak_is_given_a_voice_a_language_or_the_default() {
        let config = SpeechConfig {
            voice: Some("en-gb".to_owned()),
            speed: 0.8,
            ..SpeechConfig::default()
        };
        let line = Line::new(&config).unwrap();
        for (voice, language, chosen) in [
            (Some("en+f3"), Some("de"), "en+f3"),
            (None, Some("de"), "de"),
            (None, Some("EN"), "en-gb"),
            (None, None, "en-gb"),
        ] {
            let args = line.arguments(&speech(voice, language));
            assert_eq!(args, ["--stdin", "--stdout", "-b", "1", "-s", "140", "-v", chosen]);
        }
        assert_eq!(line.stdin("[[[h@l]] <b>"), "[ [[h@l]] <b>");
    }

    #[test]
    fn placeholders_are_whole_arguments() {
        let line = Line::new(&command(&["say", "-l", "{language}", "{voice}", "-"], Some("slt"))).unwrap();
        assert_eq!(line.arguments(&speech(None, None)), ["-l", "en", "slt", "-"]);
        assert_eq!(
            line.arguments(&speech(Some("rms"), Some("hi"))),
            ["-l", "hi", "rms", "-"]
        );
    }

    #[test]
    fn a_command_that_cannot_work_is_refused() {
        for (args, voice, problem) in [
            (&[][..], None, "empty"),
            (&[""], None, "empty"),
            (&["{voice}"], Some("slt"), "program itself"),
            (&["say", "--voice={voice}"], Some("slt"), "whole argument"),
            (&["say", "{voice}"], None, "speech.voice"),
            (&["say"], Some("-w"), "speech.voice"),
        ] {
            let error = Line::new(&command(args, voice)).err().unwrap().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
