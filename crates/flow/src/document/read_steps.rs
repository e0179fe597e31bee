//! Reads steps and all verbs but `gather`.

use std::time::Duration;

use outdial_domain::{AudioId, digit::Digits};
use serde_json::Value;

use super::{DEEPEST, hand_over, record};
use crate::{
    AudioRef, Flow, Instruction, Prompt, Say,
    fields::{Fields, Given, shortened},
};

const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const LONGEST_VOICE: usize = 100;
/// RFC 5646, section 4.4.1, recommends room for 35 characters.
const LONGEST_LANGUAGE: usize = 35;
/// More than any id has, so that a path or a URL gets the message that fits it.
const LONGEST_AUDIO: usize = 2_000;

/// The verbs that are heard and may stand in the prompts of a gather.
const HEARD: &[&str] = &["say", "play"];
const VERBS: &[&str] = &[
    "say",
    "play",
    "gather",
    "pause",
    "send_digits",
    "record",
    "recording",
    "dial",
    "conference",
    "hand_over",
    "hang_up",
];

/// Reads one flow.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Steps and prompts so far.
    count: usize,
    /// In how many branches we are.
    depth: usize,
}

impl Reader {
    pub(super) fn flow(&mut self, given: &Given<'_, '_>) -> Option<Flow> {
        let steps = match given.value() {
            Value::Object(object) => {
                if !object.contains_key("steps") && VERBS.iter().any(|verb| object.contains_key(*verb)) {
                    given.problem("type", "this is one step, a flow is a list of them: put [ ] around it");
                    return None;
                }
                let mut fields = given.object()?;
                let steps = fields.required("steps");
                fields.finish();
                self.steps(&steps?)
            }
            Value::Array(_) => self.steps(given),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let kind = given.kind();
                given.problem(
                    "type",
                    format!(r#"a flow is a list of steps, as [{{"say": "Hello"}}], not {kind}"#),
                );
                None
            }
        };
        steps.map(|steps| Flow { steps })
    }

    /// The steps of a branch.
    pub(super) fn branch(&mut self, given: &Given<'_, '_>) -> Option<Vec<Instruction>> {
        if self.depth == DEEPEST {
            given.problem(
                "too_long",
                format!("branches are nested more than {DEEPEST} deep: use fewer"),
            );
            return None;
        }
        self.depth += 1;
        let steps = self.steps(given);
        self.depth -= 1;
        steps
    }

    fn steps(&mut self, given: &Given<'_, '_>) -> Option<Vec<Instruction>> {
        let list = given.list(Flow::MOST_STEPS)?;
        // All are read before the first that could not be read ends it.
        let steps: Vec<_> = list.iter().map(|step| self.step(step)).collect();
        steps.into_iter().collect()
    }

    /// The prompts of a gather.
    pub(super) fn prompts(&mut self, given: &Given<'_, '_>) -> Option<Vec<Prompt>> {
        let list = given.list(Flow::MOST_STEPS)?;
        let prompts: Vec<_> = list.iter().map(|prompt| self.prompt(prompt)).collect();
        prompts.into_iter().collect()
    }

    fn step(&mut self, given: &Given<'_, '_>) -> Option<Instruction> {
        self.one_of(VERBS, given, |reader, verb, value| match verb {
            "say" => say(value).map(Instruction::Say),
            "play" => play(value).map(Instruction::Play),
            "gather" => reader.gather(value).map(Instruction::Gather),
            "pause" => value.duration(Duration::ZERO..=LONGEST_PAUSE).map(Instruction::Pause),
            "send_digits" => value.parse(Digits::MOST).map(Instruction::SendDigits),
            "record" => reader.record(value).map(Instruction::Record),
            "recording" => record::action(value).map(Instruction::Recording),
            "dial" => reader.dial(value).map(Box::new).map(Instruction::Dial),
            "conference" => reader.conference(value).map(Instruction::Conference),
            "hand_over" => hand_over::read(value).map(Instruction::HandOver),
            _ => hang_up(value).then_some(Instruction::HangUp),
        })
    }

    fn prompt(&mut self, given: &Given<'_, '_>) -> Option<Prompt> {
        self.one_of(HEARD, given, |_, verb, value| match verb {
            "say" => say(value).map(Prompt::Say),
            _ => play(value).map(Prompt::Play),
        })
    }

    /// Reads an object with exactly one of these verbs.
    fn one_of<T>(
        &mut self,
        verbs: &[&'static str],
        given: &Given<'_, '_>,
        mut read: impl FnMut(&mut Self, &str, &Given<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        let Value::Object(object) = given.value() else {
            let kind = given.kind();
            given.problem(
                "type",
                format!(r#"a step is an object with one verb, as {{"say": "Hello"}}, not {kind}"#),
            );
            return None;
        };
        if !self.has_room(given) {
            return None;
        }
        let mut fields = given.object()?;
        let mut done = Vec::new();
        let mut named = Vec::new();
        for verb in verbs {
            if let Some(value) = fields.optional(verb) {
                named.push(format!("`{verb}`"));
                done.push(read(self, verb, &value));
            }
        }
        let hangs_up = verbs.contains(&"hang_up") && object.contains_key("hang_up");
        if named.is_empty() && hangs_up {
            done.push(read(
                self,
                "hang_up",
                &Given::new(&Value::Null, given.path(), given.problems()),
            ));
        } else if named.is_empty() && object.keys().all(|key| verbs.contains(&key.as_str())) {
            let list: Vec<_> = verbs.iter().map(|verb| format!("`{verb}`")).collect();
            given.problem(
                "missing",
                format!("the step says nothing to do: give one of {}", list.join(", ")),
            );
        } else if named.len() > 1 {
            let named = named.join(" and ");
            given.problem(
                "invalid",
                format!("a step has one verb, this one has {named}: make each a step"),
            );
        }
        fields.finish();
        done.pop().flatten().filter(|_| done.is_empty())
    }

    /// Counts a step. What comes after too many is not even looked at.
    fn has_room(&mut self, given: &Given<'_, '_>) -> bool {
        self.count += 1;
        if self.count == Flow::MOST_STEPS + 1 {
            given.problem(
                "too_long",
                format!(
                    "the flow has more than {} steps, with those in branches and prompts: use fewer",
                    Flow::MOST_STEPS
                ),
            );
        }
        self.count <= Flow::MOST_STEPS
    }
}

fn say(given: &Given<'_, '_>) -> Option<Say> {
    match given.value() {
        Value::String(_) => Some(Say {
            text: given.text(Say::LONGEST)?.to_owned(),
            voice: None,
            language: None,
        }),
        Value::Object(_) => {
            let mut fields = Fields::of(given.clone());
            let text = fields.text("text", Say::LONGEST);
            let voice = fields.optional_line("voice", LONGEST_VOICE);
            let language = fields.optional("language").and_then(|given| language(&given));
            fields.finish();
            Some(Say {
                text: text?.to_owned(),
                voice: voice.map(str::to_owned),
                language,
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            let kind = given.kind();
            given.problem("type", format!("give a text, or an object with `text`, not {kind}"));
            None
        }
    }
}

/// A tag that is well formed enough to be handed to a speech engine (RFC 5646, section 2.1).
fn language(given: &Given<'_, '_>) -> Option<String> {
    let tag = given.line(LONGEST_LANGUAGE)?;
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = tag.split('-').next().unwrap_or_default();
    if tag.split('-').all(part) && first.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Some(tag.to_owned())
    } else {
        given.problem(
            "invalid",
            format!("`{}` is no language tag: give one as `en` or `pt-BR`", shortened(tag)),
        );
        None
    }
}

fn play(given: &Given<'_, '_>) -> Option<AudioRef> {
    let id = given.line(LONGEST_AUDIO)?;
    let audio = id.parse::<AudioId>();
    if audio.is_err() {
        given.problem(
            "invalid",
            format!(
                "`{}` is not the id of an audio file: upload the file and give the id you get, `aud_…`",
                shortened(id)
            ),
        );
    }
    Some(AudioRef { audio: audio.ok()? })
}

fn hang_up(given: &Given<'_, '_>) -> bool {
    match given.value() {
        Value::Null | Value::Bool(true) => true,
        Value::Object(_) => {
            let fields = Fields::of(given.clone());
            let empty = given.value().as_object().is_some_and(serde_json::Map::is_empty);
            fields.finish();
            empty
        }
        Value::Bool(false) => {
            given.problem("invalid", "`hang_up` is false: take the step out, or write {}");
            false
        }
        Value::Number(_) | Value::String(_) | Value::Array(_) => {
            given.problem("type", format!("give {{}} or true, not {}", given.kind()));
            false
        }
    }
}
