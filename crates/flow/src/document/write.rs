//! Writes flows.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{hand_over, record};
use crate::{
    AudioRef, CallerId, Conference, Dial, Flow, Gather, Instruction, OnFailure, Party, Prompt, Say, WhileRinging,
    fields::duration::shown,
};

/// Writes a flow so that [`read`](super::read) makes the same of it, as a list of steps.
///
/// What has a default is written all the same, so that a stored document keeps its meaning.
///
/// ```
/// use outdial_flow::{Flow, document};
///
/// let value = document::write(&Flow::say("Hello"));
/// assert_eq!(value, serde_json::json!([{"say": "Hello"}]));
/// ```
#[must_use]
pub fn write(flow: &Flow) -> Value {
    steps(&flow.steps)
}

fn steps(steps: &[Instruction]) -> Value {
    steps.iter().map(step).collect()
}

fn step(step: &Instruction) -> Value {
    match step {
        Instruction::Say(say) => written_say(say),
        Instruction::Play(audio) => written_play(*audio),
        Instruction::Gather(gather) => json!({"gather": written_gather(gather)}),
        Instruction::Pause(length) => json!({"pause": shown(*length)}),
        Instruction::SendDigits(digits) => json!({"send_digits": digits.to_string()}),
        Instruction::Dial(dial) => json!({"dial": written_dial(dial)}),
        Instruction::Conference(conference) => json!({"conference": written_conference(conference)}),
        Instruction::Record(given) => json!({"record": record::written(given)}),
        Instruction::Recording(action) => json!({"recording": action.as_str()}),
        Instruction::HandOver(given) => json!({"hand_over": hand_over::write(given)}),
        Instruction::HangUp => json!({"hang_up": {}}),
    }
}

pub(super) fn prompt(prompt: &Prompt) -> Value {
    match prompt {
        Prompt::Say(say) => written_say(say),
        Prompt::Play(audio) => written_play(*audio),
        // It comes from a `record`, which is written as such.
        Prompt::Beep => Value::Null,
    }
}

fn written_say(say: &Say) -> Value {
    if say.voice.is_none() && say.language.is_none() {
        return json!({"say": say.text});
    }
    let mut object = Map::new();
    object.insert("text".to_owned(), json!(say.text));
    if let Some(voice) = &say.voice {
        object.insert("voice".to_owned(), json!(voice));
    }
    if let Some(language) = &say.language {
        object.insert("language".to_owned(), json!(language));
    }
    json!({ "say": object })
}

fn written_play(audio: AudioRef) -> Value {
    json!({"play": audio.audio.to_string()})
}

/// Lists of steps by the keys that lead to them.
fn branches(branches: &BTreeMap<String, Vec<Instruction>>) -> Value {
    let written = branches.iter().map(|(keys, branch)| (keys.clone(), steps(branch)));
    Value::Object(written.collect())
}

fn written_gather(gather: &Gather) -> Value {
    let finish = gather.finish.map_or("none".to_owned(), |digit| digit.to_string());
    json!({
        "name": gather.name,
        "private": gather.private,
        "prompts": gather.prompts.iter().map(prompt).collect::<Value>(),
        "fewest": gather.fewest,
        "most": gather.most,
        "finish": finish,
        "timeout": shown(gather.timeout),
        "tries": gather.tries,
        "on": branches(&gather.on),
        "otherwise": steps(&gather.otherwise),
        "no_input": steps(&gather.no_input),
    })
}

fn prompts(prompts: &[Prompt]) -> Value {
    prompts.iter().map(prompt).collect()
}

fn written_dial(dial: &Dial) -> Value {
    let from = dial.from.as_ref().map(|from| match from {
        CallerId::Number(number) => number.given().to_owned(),
        CallerId::Private => "private".to_owned(),
        CallerId::OtherParty => "other_party".to_owned(),
    });
    let while_ringing = match &dial.while_ringing {
        WhileRinging::Tone => json!("tone"),
        WhileRinging::Silence => json!("silence"),
        WhileRinging::Prompts(given) => prompts(given),
    };
    let on_failure = match &dial.on_failure {
        OnFailure::HangUp => json!("hang_up"),
        OnFailure::Next => json!("next"),
        OnFailure::Flow(given) => steps(given),
    };
    let codes_by = match dial.codes_by {
        None => "both",
        Some(Party::First) => "first",
        Some(Party::Other) => "other",
    };
    json!({
        "to": dial.to.iter().map(outdial_domain::Address::given).collect::<Value>(),
        "from": from,
        "ring": dial.ring.map(shown),
        "max": dial.max.map(shown),
        "warn_before": dial.warn_before.map(shown),
        "whisper": prompts(&dial.whisper),
        "screen": dial.screen.map(|digit| digit.to_string()),
        "while_ringing": while_ringing,
        "early_media": dial.early_media,
        "announce": prompts(&dial.announce),
        "on_failure": on_failure,
        "codes": branches(&dial.codes),
        "codes_by": codes_by,
    })
}

fn written_conference(conference: &Conference) -> Value {
    json!({
        "room": conference.room.as_str(),
        "muted": conference.muted,
        "moderator": conference.moderator,
        "wait": conference.wait,
        "patience": shown(conference.patience),
        "end": conference.end,
        "tones": conference.tones,
        "record": conference.record,
        "most": conference.most,
        "waiting": prompts(&conference.waiting),
    })
}
