//! The instructions: one neutral vocabulary that every dialect is read into.

use std::{collections::BTreeMap, time::Duration};

use outdial_domain::{AudioId, Digit, RoomName, digit::Digits};
use serde::{Deserialize, Serialize};

use crate::{Conference, Dial, HandOver, OnFailure, Record, RecordingAction};

/// What to do on an answered leg, in order. After the last instruction the leg is hung up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flow {
    /// The instructions.
    pub steps: Vec<Instruction>,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instruction {
    /// Speak a text.
    Say(Say),
    /// Play an audio file.
    Play(AudioRef),
    /// Wait for keys, with prompts that any key interrupts.
    Gather(Gather),
    /// Be silent for a while.
    Pause(Duration),
    /// Press keys.
    SendDigits(Digits),
    /// Keep the sound.
    Record(Record),
    /// Pause, resume or stop the recordings that are under way.
    Recording(RecordingAction),
    /// Ring somebody else, and let the two talk.
    Dial(Box<Dial>),
    /// Enter a room.
    Conference(Conference),
    /// Leave the call to the switch that carries it, for good.
    HandOver(HandOver),
    /// End the call.
    HangUp,
}

/// A text to speak.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Say {
    /// The text.
    pub text: String,
    /// The engine's name of a voice; its default when none is given.
    pub voice: Option<String>,
    /// A BCP 47 language tag, as `en` or `pt-BR`.
    pub language: Option<String>,
}

impl Say {
    /// The most bytes a text may have.
    pub const LONGEST: usize = 10_000;
}

/// An uploaded audio file. No caller ever names a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AudioRef {
    /// The upload.
    pub audio: AudioId,
}

/// Something that is heard: the part of the vocabulary that may stand inside a gather.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// A text to speak.
    Say(Say),
    /// An audio file.
    Play(AudioRef),
    /// The tone that says that a message is recorded from now on. No document has it by itself.
    Beep,
}

impl From<Prompt> for Instruction {
    fn from(prompt: Prompt) -> Self {
        match prompt {
            Prompt::Say(say) => Self::Say(say),
            Prompt::Play(audio) => Self::Play(audio),
            // It belongs to a `record`; by itself it says nothing.
            Prompt::Beep => Self::Pause(Duration::ZERO),
        }
    }
}

/// Waits for keys.
///
/// It ends when `most` keys were pressed, when the `finish` key was pressed (which is not part of
/// the result), when no key comes within `timeout` after the prompts or after the last key, or when
/// the call ends. The steps under `on` for exactly these digits are run next; `otherwise` is run for
/// any other digits, and `no_input` when too few came in every one of the `tries`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gather {
    /// The name its digits are kept under; `digits` when the flow does not say.
    pub name: String,
    /// Whether its keys stand nowhere: not in the events, not in the digits of the call, and its branches have no
    /// names. For PINs and card numbers.
    #[serde(default)]
    pub private: bool,
    /// What is heard first. Any key interrupts it.
    pub prompts: Vec<Prompt>,
    /// The fewest keys that count as an answer.
    pub fewest: u8,
    /// The most keys; it ends as soon as they are pressed.
    pub most: u8,
    /// The key that ends it early.
    pub finish: Option<Digit>,
    /// How long to wait for the first key after the prompts, and for each further one.
    pub timeout: Duration,
    /// How often the prompts are heard before `no_input` is run.
    pub tries: u8,
    /// What to do after exactly these digits.
    pub on: BTreeMap<String, Vec<Instruction>>,
    /// What to do after any other digits.
    pub otherwise: Vec<Instruction>,
    /// What to do when too few digits came.
    pub no_input: Vec<Instruction>,
}

impl Flow {
    /// The most instructions that one flow may have, branches included.
    pub const MOST_STEPS: usize = 500;

    /// A flow of one spoken text.
    #[must_use]
    pub fn say(text: impl Into<String>) -> Self {
        Self {
            steps: vec![Instruction::Say(Say {
                text: text.into(),
                voice: None,
                language: None,
            })],
        }
    }

    /// A flow of one audio file.
    #[must_use]
    pub fn play(audio: AudioId) -> Self {
        Self {
            steps: vec![Instruction::Play(AudioRef { audio })],
        }
    }

    /// Every instruction of this flow, branches included, in the order of the document.
    #[must_use]
    pub fn all(&self) -> Vec<&Instruction> {
        fn collect<'f>(steps: &'f [Instruction], into: &mut Vec<&'f Instruction>) {
            for step in steps {
                into.push(step);
                step.branches().into_iter().for_each(|branch| collect(branch, into));
            }
        }
        let mut all = Vec::new();
        collect(&self.steps, &mut all);
        all
    }

    /// Whether the call may be handed over to a switch somewhere in this flow, branches included.
    #[must_use]
    pub fn hands_over(&self) -> bool {
        self.all().iter().any(|step| matches!(step, Instruction::HandOver(_)))
    }

    /// Whether a gather somewhere in this flow, branches included, keeps its keys to itself.
    #[must_use]
    pub fn has_private_keys(&self) -> bool {
        self.all()
            .iter()
            .any(|step| matches!(step, Instruction::Gather(gather) if gather.private))
    }

    /// The same without what its private gathers wait for: their branches by keys are left out. It can be shown and
    /// kept, and is not to be run.
    #[must_use]
    pub fn without_private_keys(mut self) -> Self {
        fn hide(steps: &mut [Instruction]) {
            for step in steps {
                match step {
                    Instruction::Gather(gather) => {
                        if gather.private {
                            gather.on.clear();
                        }
                        gather.on.values_mut().for_each(|branch| hide(branch));
                        hide(&mut gather.otherwise);
                        hide(&mut gather.no_input);
                    }
                    Instruction::Dial(dial) => {
                        dial.codes.values_mut().for_each(|branch| hide(branch));
                        if let OnFailure::Flow(steps) = &mut dial.on_failure {
                            hide(steps);
                        }
                    }
                    Instruction::Say(_)
                    | Instruction::Play(_)
                    | Instruction::Pause(_)
                    | Instruction::SendDigits(_)
                    | Instruction::Record(_)
                    | Instruction::Recording(_)
                    | Instruction::Conference(_)
                    | Instruction::HandOver(_)
                    | Instruction::HangUp => {}
                }
            }
        }
        hide(&mut self.steps);
        self
    }

    /// Every `dial` somewhere in this flow, branches included.
    #[must_use]
    pub fn dials(&self) -> Vec<&Dial> {
        self.all().into_iter().filter_map(Instruction::dial).collect()
    }

    /// The first room that this flow may enter, branches included.
    #[must_use]
    pub fn room(&self) -> Option<&RoomName> {
        self.all().into_iter().find_map(Instruction::room)
    }

    /// Everything that may be heard in this flow, branches included, in the order of the document.
    ///
    /// The engine renders all of it before the phone rings, so that nobody answers a call whose
    /// sentence cannot be spoken.
    #[must_use]
    pub fn prompts(&self) -> Vec<Prompt> {
        self.all().into_iter().flat_map(Instruction::prompts).collect()
    }
}

impl std::fmt::Debug for Gather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Gather");
        shown
            .field("name", &self.name)
            .field("private", &self.private)
            .field("prompts", &self.prompts)
            .field("fewest", &self.fewest)
            .field("most", &self.most)
            .field("finish", &self.finish)
            .field("timeout", &self.timeout)
            .field("tries", &self.tries);
        if self.private {
            shown.field("on", &format_args!("{} of them", self.on.len()));
        } else {
            shown.field("on", &self.on);
        }
        shown
            .field("otherwise", &self.otherwise)
            .field("no_input", &self.no_input)
            .finish()
    }
}

impl Instruction {
    /// The steps that may follow inside of it.
    fn branches(&self) -> Vec<&[Self]> {
        match self {
            Self::Gather(gather) => {
                let answers = gather.on.values().chain([&gather.otherwise, &gather.no_input]);
                answers.map(Vec::as_slice).collect()
            }
            Self::Dial(dial) => {
                let codes = dial.codes.values().map(Vec::as_slice);
                codes.chain([dial.on_failure.steps()]).collect()
            }
            Self::Say(_)
            | Self::Play(_)
            | Self::Pause(_)
            | Self::SendDigits(_)
            | Self::Record(_)
            | Self::Recording(_)
            | Self::Conference(_)
            | Self::HandOver(_)
            | Self::HangUp => Vec::new(),
        }
    }

    fn dial(&self) -> Option<&Dial> {
        if let Self::Dial(dial) = self { Some(dial) } else { None }
    }

    fn room(&self) -> Option<&RoomName> {
        if let Self::Conference(conference) = self {
            Some(&conference.room)
        } else {
            None
        }
    }

    /// What may be heard of it, its branches left out.
    fn prompts(&self) -> Vec<Prompt> {
        match self {
            Self::Say(say) => vec![Prompt::Say(say.clone())],
            Self::Play(audio) => vec![Prompt::Play(*audio)],
            Self::Gather(gather) => gather.prompts.clone(),
            Self::Dial(dial) => dial.prompts().cloned().collect(),
            Self::Conference(conference) => conference.waiting.clone(),
            Self::Record(record) => {
                let consent = record
                    .consent
                    .iter()
                    .flat_map(|consent| consent.prompts.iter().cloned());
                let beep = record.until.filter(|until| until.beep).map(|_| Prompt::Beep);
                consent.chain(beep).collect()
            }
            Self::Pause(_) | Self::SendDigits(_) | Self::Recording(_) | Self::HandOver(_) | Self::HangUp => Vec::new(),
        }
    }
}
