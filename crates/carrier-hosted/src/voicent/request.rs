//! What is asked of a gateway for a call.

use std::time::Duration;

use outdial_engine::{
    ports::{Ask, WholeOrder},
    sound_files,
};
use outdial_flow::{Instruction, Prompt, Say};
use outdial_voicent::{CallRequest, Content};

use super::{FIRST_OCCURRENCE, VoicentTrunk};
use crate::{
    numbers::digits,
    plan::{Plan, app, plan},
};

const NAME: &str = "Voicent's gateway";

/// The sample rate of the files that a gateway plays.
pub(super) const RATE: u32 = 8_000;

/// The longest silence that is written into a file.
const LONGEST_SILENCE: Duration = Duration::from_secs(600);

/// Stands for a file that is written before the call.
const LATER: &str = "written before the call";

/// The request for a call, without its sound; otherwise why there is none.
pub(super) fn request(trunk: &VoicentTrunk, ask: &Ask<'_>) -> Result<CallRequest, String> {
    let to = digits(ask.to, NAME)?;
    let request = match plan(ask.flow) {
        Plan::Heard(steps) => match spoken(steps) {
            Some(text) => CallRequest::text(to, text),
            None if trunk.audio.is_none() => {
                return Err(
                    "sounds need a directory that the gateway plays from: give the trunk `audio`; without one, it speaks \
                     texts in a voice of its own"
                        .to_owned(),
                );
            }
            None if silence(steps) > LONGEST_SILENCE => {
                return Err(format!(
                    "{NAME} is given at most {} s of silence",
                    LONGEST_SILENCE.as_secs()
                ));
            }
            None => CallRequest::audio(to, LATER),
        },
        Plan::App(hand_over) => CallRequest::app(to, app(hand_over, NAME)?),
        Plan::Nothing | Plan::Two(_) | Plan::Room(_) | Plan::More => {
            return Err(format!(
                "{NAME} says texts, plays sounds or starts one of its applications, and does nothing else: use a SIP trunk \
                 for it"
            ));
        }
    };
    let mut request = request.first_occurrence(FIRST_OCCURRENCE);
    request.caller_id = match ask.from {
        Some(number) => Some(digits(number, NAME)?),
        None => trunk.from.clone(),
    };
    request.check().map_err(|invalid| invalid.to_string())?;
    Ok(request)
}

/// The text that the gateway speaks by itself, where the voice is left to it and nothing else is heard.
fn spoken(steps: &[Instruction]) -> Option<String> {
    let texts = steps.iter().map(|step| match step {
        Instruction::Say(Say {
            text,
            voice: None,
            language: None,
        }) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Option<Vec<_>>>().map(|texts| texts.join(" "))
}

fn silence(steps: &[Instruction]) -> Duration {
    let pauses = steps.iter().map(|step| match step {
        Instruction::Pause(length) => *length,
        _ => Duration::ZERO,
    });
    pauses.fold(Duration::ZERO, Duration::saturating_add)
}

/// The same request with the file that is to be played, which is written here.
pub(super) fn with_sound(
    trunk: &VoicentTrunk,
    mut request: CallRequest,
    order: &WholeOrder,
) -> Result<CallRequest, String> {
    let (Content::Audio(_), Some(directory)) = (&request.content, &trunk.audio) else {
        return Ok(request);
    };
    let Plan::Heard(steps) = plan(&order.flow) else {
        return Ok(request);
    };
    let mut samples = Vec::new();
    for step in steps {
        match step {
            Instruction::Say(say) => samples.extend_from_slice(sound(order, &Prompt::Say(say.clone()))?),
            Instruction::Play(audio) => samples.extend_from_slice(sound(order, &Prompt::Play(*audio))?),
            Instruction::Pause(length) => samples.resize(samples.len() + of_length(*length), 0),
            _ => return Err("this flow has steps that are not heard".to_owned()),
        }
    }
    samples.truncate(of_length(order.talk));
    let path = sound_files::write(directory, RATE, &samples)
        .map_err(|error| format!("the prompts cannot be written to {}: {error}", directory.display()))?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    request.content = Content::Audio(match &trunk.audio_there {
        Some(there) => format!("{there}{name}"),
        None => path.to_string_lossy().into_owned(),
    });
    Ok(request)
}

fn sound<'o>(order: &'o WholeOrder, prompt: &Prompt) -> Result<&'o [i16], String> {
    let (_, clip) = order
        .sounds
        .iter()
        .find(|(known, _)| known == prompt)
        .ok_or("the sound of a prompt is missing")?;
    match clip.rate {
        RATE => Ok(&clip.samples),
        other => Err(format!("a prompt has {other} samples a second, not {RATE}")),
    }
}

fn of_length(length: Duration) -> usize {
    usize::try_from(length.as_millis() * u128::from(RATE) / 1_000).unwrap_or(usize::MAX)
}
