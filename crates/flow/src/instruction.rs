//! The instructions: one neutral vocabulary that every dialect is read into.

use std::{collections::BTreeMap, time::Duration};

use outdial_domain::{AudioId, Digit, RoomName, digit::Digits};
use serde::{Deserialize, Serialize};

use crate::{Conference, Dial, HandOver, Record, RecordingAction};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gather {
    /// The name its digits are kept under; `digits` when the flow does not say.
    pub name: String,
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

    /// Whether the call may be handed over to a switch somewhere in this flow, branches included.
    #[must_use]
    pub fn hands_over(&self) -> bool {
        fn somewhere(steps: &[Instruction]) -> bool {
            steps.iter().any(|step| match step {
                Instruction::HandOver(_) => true,
                Instruction::Gather(gather) => {
                    gather.on.values().any(|steps| somewhere(steps))
                        || somewhere(&gather.otherwise)
                        || somewhere(&gather.no_input)
                }
                Instruction::Say(_)
                | Instruction::Play(_)
                | Instruction::Pause(_)
                | Instruction::SendDigits(_)
                | Instruction::Conference(_)
                | Instruction::Record(_)
                | Instruction::Recording(_)
                | Instruction::HangUp => false,
                Instruction::Dial(dial) => somewhere(dial.on_failure.steps()),
            })
        }
        somewhere(&self.steps)
    }

    /// Every `dial` somewhere in this flow, branches included.
    #[must_use]
    pub fn dials(&self) -> Vec<&Dial> {
        fn collect<'f>(steps: &'f [Instruction], into: &mut Vec<&'f Dial>) {
            for step in steps {
                match step {
                    Instruction::Dial(dial) => {
                        into.push(dial);
                        collect(dial.on_failure.steps(), into);
                    }
                    Instruction::Gather(gather) => {
                        gather.on.values().for_each(|steps| collect(steps, into));
                        collect(&gather.otherwise, into);
                        collect(&gather.no_input, into);
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
        let mut dials = Vec::new();
        collect(&self.steps, &mut dials);
        dials
    }

    /// The first room that this flow may enter, branches included.
    #[must_use]
    pub fn room(&self) -> Option<&RoomName> {
        fn first(steps: &[Instruction]) -> Option<&RoomName> {
            steps.iter().find_map(|step| match step {
                Instruction::Conference(conference) => Some(&conference.room),
                Instruction::Dial(dial) => first(dial.on_failure.steps()),
                Instruction::Gather(gather) => {
                    let branches = gather.on.values().chain([&gather.otherwise, &gather.no_input]);
                    branches.into_iter().find_map(|steps| first(steps))
                }
                Instruction::Say(_)
                | Instruction::Play(_)
                | Instruction::Pause(_)
                | Instruction::SendDigits(_)
                | Instruction::Record(_)
                | Instruction::Recording(_)
                | Instruction::HandOver(_)
                | Instruction::HangUp => None,
            })
        }
        first(&self.steps)
    }

    /// Everything that may be heard in this flow, branches included, in the order of the document.
    ///
    /// The engine renders all of it before the phone rings, so that nobody answers a call whose
    /// sentence cannot be spoken.
    #[must_use]
    pub fn prompts(&self) -> Vec<Prompt> {
        fn collect(steps: &[Instruction], into: &mut Vec<Prompt>) {
            for step in steps {
                match step {
                    Instruction::Say(say) => into.push(Prompt::Say(say.clone())),
                    Instruction::Play(audio) => into.push(Prompt::Play(*audio)),
                    Instruction::Gather(gather) => {
                        into.extend(gather.prompts.iter().cloned());
                        gather.on.values().for_each(|steps| collect(steps, into));
                        collect(&gather.otherwise, into);
                        collect(&gather.no_input, into);
                    }
                    Instruction::Dial(dial) => {
                        into.extend(dial.prompts().cloned());
                        collect(dial.on_failure.steps(), into);
                    }
                    Instruction::Conference(conference) => into.extend(conference.waiting.iter().cloned()),
                    Instruction::Record(record) => {
                        into.extend(
                            record
                                .consent
                                .iter()
                                .flat_map(|consent| consent.prompts.iter().cloned()),
                        );
                        into.extend(record.until.filter(|until| until.beep).map(|_| Prompt::Beep));
                    }
                    Instruction::Pause(_)
                    | Instruction::SendDigits(_)
                    | Instruction::Recording(_)
                    | Instruction::HandOver(_)
                    | Instruction::HangUp => {}
                }
            }
        }
        let mut prompts = Vec::new();
        collect(&self.steps, &mut prompts);
        prompts
    }
}
