//! Ringing somebody else for whom the call is with.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use outdial_domain::{Address, Digit};
use serde::{Deserialize, Serialize};

use crate::{Instruction, Prompt};

/// Rings other numbers, one after the other until one answers, and lets the two parties talk.
///
/// Either party's hang-up ends the call. When nobody answered, what follows is said by `on_failure`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dial {
    /// Whom to ring, in this order.
    pub to: Vec<Address>,
    /// What the other party sees; the number that the first party was called from, or called, when not given.
    pub from: Option<CallerId>,
    /// How long each phone rings.
    pub ring: Option<Duration>,
    /// How long the two may talk, from the other party's answer.
    pub max: Option<Duration>,
    /// So long before that time is over, both hear a tone.
    pub warn_before: Option<Duration>,
    /// What the other party hears after its answer, before it is connected.
    pub whisper: Vec<Prompt>,
    /// The key that the other party must press to be connected.
    pub screen: Option<Digit>,
    /// What the first party hears meanwhile.
    pub while_ringing: WhileRinging,
    /// Whether the first party hears the sound that comes of the other side before its answer, instead of that: the
    /// network's own ringing, or why nobody can be reached.
    pub early_media: bool,
    /// What the first party hears when nobody was reached, before it is hung up; a tone when there are none.
    pub announce: Vec<Prompt>,
    /// What to do when nobody was reached.
    pub on_failure: OnFailure,
    /// What to do when these keys are pressed while the two talk, as `*1`. The talk goes on meanwhile, and both hear
    /// what is played; a step that needs the first party for itself (`dial`, `conference`) lets go of the other one.
    pub codes: BTreeMap<String, Vec<Instruction>>,
    /// Whose keys are listened to for that; those of both when nothing is said.
    pub codes_by: Option<Party>,
}

/// One of the two who talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Whom the call is with, on whose leg the flow runs.
    First,
    /// Who was rung for it.
    Other,
}

/// What a party sees as the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerId {
    /// This number.
    Number(Address),
    /// Nobody: the number is withheld.
    Private,
    /// The other party's number.
    OtherParty,
}

/// What the first party hears while the other's phone rings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhileRinging {
    /// A ringing tone.
    #[default]
    Tone,
    /// Nothing.
    Silence,
    /// These, again and again: music, or words.
    Prompts(Vec<Prompt>),
}

/// What to do when nobody was reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Tell why, and hang up: how the other leg ended is how the call ended.
    #[default]
    HangUp,
    /// Go on with the next step.
    Next,
    /// Do this, then go on with the next step.
    Flow(Vec<Instruction>),
}

impl Dial {
    /// The most numbers that one dial rings.
    pub const MOST: usize = 10;

    /// The most codes that one dial listens for.
    pub const MOST_CODES: usize = 16;

    /// How many keys a code has.
    pub const CODE: RangeInclusive<usize> = 2..=8;

    /// The longest time between two keys of a code.
    pub const CODE_GAP: Duration = Duration::from_secs(3);

    /// A dial that says nothing but whom to ring.
    #[must_use]
    pub fn to(address: Address) -> Self {
        Self {
            to: vec![address],
            from: None,
            ring: None,
            max: None,
            warn_before: None,
            whisper: Vec::new(),
            screen: None,
            while_ringing: WhileRinging::default(),
            early_media: true,
            announce: Vec::new(),
            on_failure: OnFailure::default(),
            codes: BTreeMap::new(),
            codes_by: None,
        }
    }

    /// How long it may take at most where a phone usually rings so long, beyond what the call may last anyway.
    #[must_use]
    pub fn longest(&self, usual: Duration) -> Duration {
        let ring = self.ring.unwrap_or(usual);
        let numbers = u32::try_from(self.to.len()).unwrap_or(u32::MAX);
        ring.saturating_mul(numbers)
            .saturating_add(self.max.unwrap_or_default())
    }

    /// Whether the keys of this party are listened to while the two talk.
    #[must_use]
    pub fn listens_to(&self, party: Party) -> bool {
        !self.codes.is_empty() && self.codes_by.is_none_or(|by| by == party)
    }

    /// Everything that may be heard because of it, but for its `on_failure` and its `codes`.
    pub fn prompts(&self) -> impl Iterator<Item = &Prompt> {
        let ringing: &[Prompt] = match &self.while_ringing {
            WhileRinging::Prompts(prompts) => prompts,
            WhileRinging::Tone | WhileRinging::Silence => &[],
        };
        self.whisper.iter().chain(ringing).chain(&self.announce)
    }
}

impl OnFailure {
    /// The steps that are run then.
    #[must_use]
    pub fn steps(&self) -> &[Instruction] {
        match self {
            Self::Flow(steps) => steps,
            Self::HangUp | Self::Next => &[],
        }
    }
}
