//! Instructions in words.

use crate::{Instruction, Target, fields::shortened};

/// What an instruction does, for people who read the log.
pub(super) fn in_words(instruction: &Instruction) -> String {
    match instruction {
        Instruction::Say(say) => format!("say \"{}\"", shortened(&say.text)),
        Instruction::Play(audio) => format!("play {}", audio.audio),
        Instruction::Gather(gather) => format!("gather `{}`", shortened(&gather.name)),
        Instruction::Pause(length) => format!("pause {length:?}"),
        Instruction::SendDigits(digits) => format!("send digits {digits}"),
        Instruction::Record(record) => format!("record `{}`", shortened(&record.name)),
        Instruction::Recording(action) => format!("{} recording", action.as_str()),
        Instruction::HandOver(to) => match &to.target {
            Target::Application { name, .. } => format!("hand over to the application {}", shortened(name)),
            Target::Dialplan { context, extension, .. } => {
                format!("hand over to {}@{}", shortened(extension), shortened(context))
            }
        },
        Instruction::Dial(dial) => {
            let to: Vec<String> = dial.to.iter().map(|to| shortened(&to.to_string())).collect();
            format!("dial {}", to.join(", then "))
        }
        Instruction::Conference(conference) => format!("enter the room `{}`", conference.room),
        Instruction::HangUp => "hang up".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flow;

    #[test]
    fn a_long_text_is_shortened() {
        let flow = Flow::say("word ".repeat(1_000));
        assert!(in_words(&flow.steps[0]).len() < 80);
    }
}
