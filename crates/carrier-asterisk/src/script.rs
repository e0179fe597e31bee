//! What Asterisk does after the answer: the part of a flow that it can do by itself.

use std::{sync::Arc, time::Duration};

use outdial_engine::ports::Clip;
use outdial_flow::{Flow, HandOver, Instruction, Prompt};

use crate::{
    AsteriskTrunk,
    together::{refusal as refusal_together, together},
};

/// The sample rate of prompts.
pub(crate) const RATE: u32 = 8_000;

/// A flow that has only what Asterisk can do as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Script {
    /// Nothing: hang up, or go on in the dialplan.
    Nothing,
    /// Be silent, then hang up.
    Silence(Duration),
    /// These sounds, then hang up.
    Sounds(Vec<Piece>),
    /// What the request says in Asterisk's own words.
    HandOver(HandOver),
}

/// A part of what is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A prompt.
    Clip(Arc<Clip>),
    /// Nothing is heard for so many samples.
    Silence(usize),
}

/// How the flow hands the call over, when that is all it does.
pub(crate) fn handed_over(flow: &Flow) -> Option<&HandOver> {
    match flow.steps.first() {
        Some(Instruction::HandOver(hand_over)) => Some(hand_over),
        _ => None,
    }
}

/// Whether Asterisk can do this flow over this trunk; otherwise why not.
pub(crate) fn refusal(trunk: &AsteriskTrunk, flow: &Flow) -> Option<String> {
    if handed_over(flow).is_some() {
        return None;
    }
    if let Some(together) = together(flow) {
        return refusal_together(trunk, &together);
    }
    for step in reached(flow) {
        match step {
            Instruction::Say(_) | Instruction::Play(_) if trunk.sounds.is_none() => {
                return Some("prompts need a directory that Asterisk plays from: give the trunk `sounds`".to_owned());
            }
            Instruction::Gather(_) => {
                return Some(
                    "a call that Asterisk takes as a whole cannot gather keys: use a SIP trunk for it".to_owned(),
                );
            }
            Instruction::SendDigits(_) => {
                return Some(
                    "a call that Asterisk takes as a whole cannot press keys: use a SIP trunk for it".to_owned(),
                );
            }
            Instruction::Dial(_) | Instruction::Conference(_) => {
                return Some(
                    "a call that Asterisk takes as a whole does nothing before or after it connects people: use a \
                     SIP trunk for it"
                        .to_owned(),
                );
            }
            Instruction::Record(_) | Instruction::Recording(_) => {
                return Some(
                    "a call that Asterisk takes as a whole is not recorded by us: use a SIP trunk for it".to_owned(),
                );
            }
            Instruction::HandOver(_) => {
                return Some(
                    "Asterisk takes a call over at its answer and not later: let `hand_over` be the first step"
                        .to_owned(),
                );
            }
            Instruction::Say(_) | Instruction::Play(_) | Instruction::Pause(_) | Instruction::HangUp => {}
        }
    }
    None
}

/// The steps up to the first that hangs up.
fn reached(flow: &Flow) -> impl Iterator<Item = &Instruction> {
    flow.steps
        .iter()
        .take_while(|step| !matches!(step, Instruction::HangUp))
}

/// The flow as Asterisk does it, no longer than the call may last: the talk limit cuts the sound, and
/// where it ends Asterisk hangs up.
pub(crate) fn script(flow: &Flow, sounds: &[(Prompt, Arc<Clip>)], talk: Duration) -> Result<Script, String> {
    if flow.steps.is_empty() {
        return Ok(Script::Nothing);
    }
    if let Some(hand_over) = handed_over(flow) {
        return Ok(Script::HandOver(hand_over.clone()));
    }
    let mut left = samples(talk);
    let mut pieces = Vec::new();
    for step in reached(flow) {
        let prompt = match step {
            Instruction::Say(say) => Prompt::Say(say.clone()),
            Instruction::Play(audio) => Prompt::Play(*audio),
            Instruction::Pause(length) => {
                let length = samples(*length).min(left);
                left -= length;
                pieces.push(Piece::Silence(length));
                continue;
            }
            Instruction::Gather(_)
            | Instruction::SendDigits(_)
            | Instruction::Dial(_)
            | Instruction::Conference(_)
            | Instruction::Record(_)
            | Instruction::Recording(_)
            | Instruction::HandOver(_)
            | Instruction::HangUp => {
                return Err("this flow has steps that Asterisk cannot do as a whole".to_owned());
            }
        };
        let (_, clip) = sounds
            .iter()
            .find(|(known, _)| *known == prompt)
            .ok_or("the sound of a prompt is missing")?;
        if clip.rate != RATE {
            return Err(format!("a prompt has {} samples a second, not {RATE}", clip.rate));
        }
        let length = clip.samples.len().min(left);
        left -= length;
        pieces.push(if length == clip.samples.len() {
            Piece::Clip(Arc::clone(clip))
        } else {
            let samples = clip.samples[..length].into();
            Piece::Clip(Arc::new(Clip { rate: RATE, samples }))
        });
    }
    pieces.retain(|piece| piece.length() > 0);
    let silent: usize = pieces.iter().map(Piece::length).sum();
    if pieces.iter().all(|piece| matches!(piece, Piece::Silence(_))) {
        return Ok(Script::Silence(duration(silent)));
    }
    Ok(Script::Sounds(pieces))
}

impl Script {
    /// How long it takes; unknown when Asterisk decides.
    pub(crate) fn length(&self) -> Option<Duration> {
        match self {
            Self::Nothing | Self::HandOver(_) => None,
            Self::Silence(length) => Some(*length),
            Self::Sounds(pieces) => Some(duration(pieces.iter().map(Piece::length).sum())),
        }
    }
}

impl Piece {
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Clip(clip) => clip.samples.len(),
            Self::Silence(length) => *length,
        }
    }
}

fn samples(length: Duration) -> usize {
    usize::try_from(length.as_millis() * u128::from(RATE) / 1_000).unwrap_or(usize::MAX)
}

fn duration(samples: usize) -> Duration {
    Duration::from_millis(samples as u64 * 1_000 / u64::from(RATE))
}

#[cfg(test)]
mod tests {
    use outdial_callfile::Spool;
    use outdial_flow::Say;

    use super::*;
    use crate::Way;

    const SECOND: Duration = Duration::from_secs(1);

    fn said(text: &str) -> Say {
        Say {
            text: text.to_owned(),
            voice: None,
            language: None,
        }
    }

    fn clip(length: usize) -> Arc<Clip> {
        Arc::new(Clip {
            rate: RATE,
            samples: vec![7; length].into(),
        })
    }

    fn run(steps: Vec<Instruction>, talk: Duration) -> Script {
        let sounds = [
            (Prompt::Say(said("a")), clip(8_000)),
            (Prompt::Say(said("b")), clip(4_000)),
        ];
        script(&Flow { steps }, &sounds, talk).unwrap()
    }

    #[test]
    fn flows_become_sounds() {
        let (a, b) = (Instruction::Say(said("a")), Instruction::Say(said("b")));
        let pause = Instruction::Pause(SECOND);
        let long = 100 * SECOND;
        let table = [
            (vec![], long, Script::Nothing),
            (vec![Instruction::HangUp], long, Script::Silence(Duration::ZERO)),
            (vec![pause.clone(), pause.clone()], long, Script::Silence(2 * SECOND)),
            (vec![pause.clone()], SECOND / 2, Script::Silence(SECOND / 2)),
            (
                vec![a.clone(), Instruction::HangUp, b.clone()],
                long,
                Script::Sounds(vec![Piece::Clip(clip(8_000))]),
            ),
            (
                vec![a.clone(), pause.clone(), b.clone()],
                long,
                Script::Sounds(vec![
                    Piece::Clip(clip(8_000)),
                    Piece::Silence(8_000),
                    Piece::Clip(clip(4_000)),
                ]),
            ),
            // The talk limit cuts.
            (
                vec![a.clone(), pause, b.clone()],
                SECOND,
                Script::Sounds(vec![Piece::Clip(clip(8_000))]),
            ),
            (
                vec![a, b],
                SECOND + SECOND / 4,
                Script::Sounds(vec![Piece::Clip(clip(8_000)), Piece::Clip(clip(2_000))]),
            ),
        ];
        for (steps, talk, wanted) in table {
            assert_eq!(run(steps.clone(), talk), wanted, "{steps:?}");
        }
        assert_eq!(run(vec![Instruction::Pause(SECOND)], long).length(), Some(SECOND));
        assert_eq!(run(vec![], long).length(), None);
    }

    #[test]
    fn what_asterisk_cannot_do_is_said() {
        let mut trunk = AsteriskTrunk::new("pbx", Way::Files(Spool::default()));
        let flow = |steps: Vec<Instruction>| Flow { steps };
        let say = || Instruction::Say(said("a"));
        let keys = || Instruction::SendDigits("1".parse().unwrap());
        assert!(refusal(&trunk, &flow(vec![say()])).unwrap().contains("`sounds`"));
        assert_eq!(refusal(&trunk, &flow(vec![Instruction::Pause(SECOND)])), None);
        trunk.sounds = Some("/sounds".into());
        assert_eq!(refusal(&trunk, &flow(vec![say()])), None);
        assert!(
            refusal(&trunk, &flow(vec![say(), keys()]))
                .unwrap()
                .contains("press keys")
        );
        assert_eq!(refusal(&trunk, &flow(vec![say(), Instruction::HangUp, keys()])), None);
        let record = Instruction::Record(outdial_flow::Record::default());
        assert!(refusal(&trunk, &flow(vec![record])).is_some_and(|reason| reason.contains("recorded")));
    }
}
