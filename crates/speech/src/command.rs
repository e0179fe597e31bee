//! A speech engine that is a command: the text goes in by standard input, a WAV file comes out by standard output.

mod process;

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use outdial_engine::ports::PromptError;
use tokio::sync::OnceCell;

use self::process::{Command, Ended};
use crate::{
    config::{ConfigError, EngineKind, SpeechConfig},
    engine::{Identity, Speech, SpeechEngine},
    error::{excerpt, unusable},
    voice::Name,
};

/// The words a minute that espeak-ng speaks at speed 1.
const WORDS_PER_MINUTE: f64 = 175.0;

/// The most bytes of a version that are read.
const LONGEST_VERSION: usize = 4_096;

/// Speaks by running a command for each text.
pub struct CommandEngine {
    kind: Kind,
    voice: Option<Name>,
    language: Name,
    environment: Vec<String>,
    time: Duration,
    most: usize,
    version: OnceCell<String>,
}

enum Kind {
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

enum Argument {
    Fixed(String),
    Voice,
    Language,
}

impl CommandEngine {
    /// The engine that the configuration describes: espeak-ng, or the operator's own command.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key that cannot be used.
    pub fn new(config: &SpeechConfig) -> Result<Self, ConfigError> {
        let name = |key: &'static str, name: &str| {
            Name::parse(name).map_err(|bad| ConfigError::new(key, format!("`{}`: {bad}", name.escape_debug())))
        };
        let kind = if config.engine == EngineKind::Command {
            template(config)?
        } else {
            espeak(config)?
        };
        Ok(Self {
            kind,
            voice: config
                .voice
                .as_deref()
                .map(|voice| name("speech.voice", voice))
                .transpose()?,
            language: name("speech.language", &config.language)?,
            environment: config.command.environment.clone(),
            time: config.limits.time,
            most: config.limits.audio_bytes,
            version: OnceCell::new(),
        })
    }

    /// The arguments for one text.
    fn arguments(&self, speech: &Speech) -> Vec<String> {
        let language = speech.language.as_ref();
        match &self.kind {
            Kind::Espeak { words_per_minute, .. } => {
                // Its voices are named by language, so a language will do where no voice is named.
                let voice = speech
                    .voice
                    .as_ref()
                    .or(language)
                    .or(self.voice.as_ref())
                    .unwrap_or(&self.language);
                let fixed = ["--stdin", "--stdout", "-b", "1", "-s"].map(str::to_owned);
                fixed
                    .into_iter()
                    .chain([words_per_minute.to_string(), "-v".to_owned(), voice.to_string()])
                    .collect()
            }
            Kind::Template { args, .. } => args
                .iter()
                .map(|argument| match argument {
                    Argument::Fixed(text) => text.clone(),
                    Argument::Language => language.unwrap_or(&self.language).to_string(),
                    // The configuration was refused if there is no default for a placeholder.
                    Argument::Voice => speech
                        .voice
                        .as_ref()
                        .or(self.voice.as_ref())
                        .map(Name::to_string)
                        .unwrap_or_default(),
                })
                .collect(),
        }
    }

    async fn run(&self, args: Vec<String>, stdin: &[u8], most: usize) -> Result<Vec<u8>, PromptError> {
        let program = self.program();
        let command = Command {
            program,
            args: &args,
            environment: &self.environment,
            time: self.time,
            most,
        };
        command.run(stdin).await.map_err(|ended| self.explain(ended))
    }

    fn program(&self) -> &str {
        match &self.kind {
            Kind::Espeak { program, .. } | Kind::Template { program, .. } => program,
        }
    }

    fn explain(&self, ended: Ended) -> PromptError {
        let program = self.program();
        let (key, install) = match self.kind {
            Kind::Espeak { .. } => (
                "speech.espeak.program",
                "Install espeak-ng (on Debian: apt install espeak-ng), or set ",
            ),
            Kind::Template { .. } => ("speech.command.args", "Install it, or correct "),
        };
        match ended {
            Ended::NotStarted(error) => unusable(
                format!("`{program}` cannot be started: {error}"),
                format!("{install}{key}"),
            ),
            Ended::Failed { status, stderr } => {
                let said = excerpt(&stderr);
                let said = if said.is_empty() {
                    String::new()
                } else {
                    format!(" and said: {said}")
                };
                unusable(
                    format!("`{program}` ended with {status}{said}"),
                    "Try the same text and voice with it by hand, or name another voice",
                )
            }
            Ended::Broken(error) => unusable(
                format!("talking to `{program}` failed: {error}"),
                "Try it again, and look at the system's log",
            ),
            Ended::TooLate => PromptError::Limit(format!(
                "`{program}` was not done after {:?}; shorten the text, or raise speech.limits.time_seconds",
                self.time
            )),
            Ended::TooMuch => PromptError::Limit(format!(
                "`{program}` gave more than {} bytes; shorten the text, or raise speech.limits.audio_bytes",
                self.most
            )),
        }
    }

    async fn espeak_version(&self) -> Result<String, PromptError> {
        let said = self.run(vec!["--version".to_owned()], b"", LONGEST_VERSION).await?;
        // `eSpeak NG text-to-speech: 1.51  Data at: /usr/lib/…`
        let said = excerpt(&said);
        let version = said.split_once(": ").map_or(said.as_str(), |(_, rest)| rest);
        Ok(version.split_whitespace().next().unwrap_or("unknown").to_owned())
    }
}

impl SpeechEngine for CommandEngine {
    fn identity(&self) -> BoxFuture<'_, Result<Identity, PromptError>> {
        async move {
            let default = self.voice.as_ref().unwrap_or(&self.language);
            let settings = format!("{} {default}", self.language);
            Ok(match &self.kind {
                Kind::Espeak {
                    program,
                    words_per_minute,
                } => Identity {
                    name: program.clone(),
                    version: self.version.get_or_try_init(|| self.espeak_version()).await?.clone(),
                    settings: format!("{words_per_minute} {settings}"),
                },
                Kind::Template { program, args, version } => {
                    let args: Vec<&str> = args.iter().map(Argument::as_str).collect();
                    Identity {
                        name: program.clone(),
                        version: version.clone(),
                        settings: format!("{args:?} {settings}"),
                    }
                }
            })
        }
        .boxed()
    }

    fn speak<'a>(&'a self, speech: &'a Speech) -> BoxFuture<'a, Result<Vec<u8>, PromptError>> {
        async move {
            let text = match self.kind {
                // It reads what stands in [[ ]] as phonemes.
                Kind::Espeak { .. } => speech.text.replace("[[", "[ ["),
                Kind::Template { .. } => speech.text.clone(),
            };
            self.run(self.arguments(speech), text.as_bytes(), self.most).await
        }
        .boxed()
    }
}

impl Argument {
    const VOICE: &str = "{voice}";
    const LANGUAGE: &str = "{language}";

    fn as_str(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Voice => Self::VOICE,
            Self::Language => Self::LANGUAGE,
        }
    }

    fn parse(text: &str, config: &SpeechConfig) -> Result<Self, ConfigError> {
        let wrong = |problem: String| Err(ConfigError::new("speech.command.args", problem));
        match text {
            Self::VOICE if config.voice.is_none() => {
                wrong("`{voice}` needs a default; set speech.voice too".to_owned())
            }
            Self::VOICE => Ok(Self::Voice),
            Self::LANGUAGE => Ok(Self::Language),
            _ if text.contains(Self::VOICE) || text.contains(Self::LANGUAGE) => {
                wrong(format!("`{text}`: a placeholder must be a whole argument"))
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
    // The configuration was checked: 0.25 to 4 times the usual speed fits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "43 to 700, after the check"
    )]
    let words_per_minute = (WORDS_PER_MINUTE * config.speed).round() as u32;
    Ok(Kind::Espeak {
        program: config.espeak.program.clone(),
        words_per_minute,
    })
}

fn template(config: &SpeechConfig) -> Result<Kind, ConfigError> {
    let wrong = |key: &'static str, problem: &str| Err(ConfigError::new(key, problem));
    let Some((program, args)) = config
        .command
        .args
        .split_first()
        .filter(|(program, _)| !program.is_empty())
    else {
        return wrong(
            "speech.command.args",
            "it is empty; give the program and its arguments, as [\"flite\", …]",
        );
    };
    if !matches!(Argument::parse(program, config)?, Argument::Fixed(_)) {
        return wrong("speech.command.args", "the program itself cannot be a placeholder");
    }
    if config.speed.to_bits() != 1.0_f64.to_bits() {
        return wrong(
            "speech.speed",
            "a command of your own takes its speed from speech.command.args; leave this out",
        );
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
        let engine = CommandEngine::new(&config).unwrap();
        for (voice, language, chosen) in [
            (Some("en+f3"), Some("de"), "en+f3"),
            (None, Some("de"), "de"),
            (None, None, "en-gb"),
        ] {
            let args = engine.arguments(&speech(voice, language));
            assert_eq!(args, ["--stdin", "--stdout", "-b", "1", "-s", "140", "-v", chosen]);
        }
    }

    #[test]
    fn placeholders_are_whole_arguments() {
        let engine = CommandEngine::new(&command(&["say", "-l", "{language}", "{voice}", "-"], Some("slt"))).unwrap();
        assert_eq!(engine.arguments(&speech(None, None)), ["-l", "en", "slt", "-"]);
        assert_eq!(
            engine.arguments(&speech(Some("rms"), Some("hi"))),
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
            let error = CommandEngine::new(&command(args, voice)).err().unwrap().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
