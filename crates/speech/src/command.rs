//! A speech engine that is a command: the text goes in by standard input, a WAV file comes out by standard output.

mod line;
mod process;

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use outdial_engine::ports::PromptError;
use tokio::sync::OnceCell;

use self::{
    line::{Kind, Line},
    process::{Command, Ended},
};
use crate::{
    config::{ConfigError, SpeechConfig},
    engine::{Identity, Speech, SpeechEngine},
    error::{excerpt, unusable},
};

/// The most bytes of a version that are read.
const LONGEST_VERSION: usize = 4_096;

/// Speaks by running a command for each text.
pub struct CommandEngine {
    line: Line,
    environment: Vec<String>,
    time: Duration,
    most: usize,
    version: OnceCell<String>,
}

impl CommandEngine {
    /// The engine that the configuration describes: espeak-ng, or the operator's own command.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key that cannot be used.
    pub fn new(config: &SpeechConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            line: Line::new(config)?,
            environment: config.command.environment.clone(),
            time: config.limits.time,
            most: config.limits.audio_bytes,
            version: OnceCell::new(),
        })
    }

    async fn run(&self, args: Vec<String>, stdin: &[u8], most: usize) -> Result<Vec<u8>, PromptError> {
        let (program, environment) = (self.line.program(), &self.environment);
        let command = Command {
            program,
            args: &args,
            environment,
            time: self.time,
            most,
        };
        command.run(stdin).await.map_err(|ended| self.explain(ended))
    }

    /// What to tell people, and what they can do.
    fn explain(&self, ended: Ended) -> PromptError {
        let program = self.line.program();
        match ended {
            Ended::NotStarted(error) => {
                let remedy = match self.line.kind {
                    Kind::Espeak { .. } => {
                        "Install espeak-ng (on Debian: apt install espeak-ng), or correct speech.espeak.program"
                    }
                    Kind::Template { .. } => "Install it, or correct speech.command.args",
                };
                unusable(format!("`{program}` cannot be started: {error}"), remedy)
            }
            Ended::Failed { status, stderr } => {
                let said = excerpt(&stderr);
                let said = if said.is_empty() {
                    said
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
            let version = match &self.line.kind {
                Kind::Espeak { .. } => self.version.get_or_try_init(|| self.espeak_version()).await?,
                Kind::Template { version, .. } => version,
            };
            Ok(Identity {
                name: self.line.program().to_owned(),
                version: version.clone(),
                settings: self.line.settings(),
            })
        }
        .boxed()
    }

    fn speak<'a>(&'a self, speech: &'a Speech) -> BoxFuture<'a, Result<Vec<u8>, PromptError>> {
        async move {
            let text = self.line.stdin(&speech.text);
            self.run(self.line.arguments(speech), text.as_bytes(), self.most).await
        }
        .boxed()
    }
}
