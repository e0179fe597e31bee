//! Keeping the sound of a call.

use std::time::Duration;

use outdial_domain::{Channels, Digit};
use serde::{Deserialize, Serialize};

use crate::{Gather, Instruction, Prompt};

/// Keeps the sound of the leg, from here to its end or until another step stops it; or, with an `until`,
/// a message that the flow waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What the recording is called.
    pub name: String,
    /// Whose voice goes where.
    pub channels: Channels,
    /// The longest that it may become.
    pub most: Duration,
    /// Who must agree first, and how. Without agreement nothing is recorded, and the flow goes on.
    pub consent: Option<Consent>,
    /// What ends it, where the flow waits for it.
    pub until: Option<Until>,
}

/// What ends a message, besides its greatest length and the end of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Until {
    /// This key.
    pub key: Option<Digit>,
    /// Nobody speaks for so long.
    pub silence: Option<Duration>,
    /// Whether a tone says that it begins.
    pub beep: bool,
}

/// How somebody agrees to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// What is heard first.
    pub prompts: Vec<Prompt>,
    /// The key that says yes.
    pub key: Digit,
    /// How long to wait for it after the prompts.
    pub timeout: Duration,
    /// How often the prompts are heard.
    pub tries: u8,
}

/// What happens to a recording that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingAction {
    /// What is said from now on is not kept.
    Pause,
    /// What is said is kept again.
    Resume,
    /// It is complete.
    Stop,
}

impl RecordingAction {
    /// Every value, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Pause, Self::Resume, Self::Stop];

    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
        }
    }

    /// The value that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }
}

impl Record {
    /// The longest recording of a call when the flow does not say.
    pub const USUAL_LONGEST: Duration = Duration::from_secs(4 * 3600);

    /// The longest message when the flow does not say.
    pub const USUAL_LONGEST_MESSAGE: Duration = Duration::from_secs(120);

    /// The name under which the answer to a consent prompt is kept.
    pub const CONSENT: &str = "consent";

    /// The same as a gather that asks for consent first, where that is wanted.
    pub(crate) fn asking(mut self) -> Result<Gather, Self> {
        let Some(consent) = self.consent.take() else {
            return Err(self);
        };
        let agreed = vec![Instruction::Record(self)];
        Ok(Gather {
            name: Self::CONSENT.to_owned(),
            private: false,
            prompts: consent.prompts,
            fewest: 1,
            most: 1,
            finish: None,
            timeout: consent.timeout,
            tries: consent.tries,
            on: [(consent.key.to_string(), agreed)].into(),
            otherwise: Vec::new(),
            no_input: Vec::new(),
        })
    }
}

impl Default for Record {
    fn default() -> Self {
        Self {
            name: outdial_domain::Recording::USUAL_NAME.to_owned(),
            channels: Channels::Mono,
            most: Self::USUAL_LONGEST,
            consent: None,
            until: None,
        }
    }
}
