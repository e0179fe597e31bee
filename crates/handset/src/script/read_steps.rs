//! Reads the steps of a script file.

use std::path::Path;

use outdial_media::digit::Digit;

use super::table::{Length, StepTable, WayName};
use super::{PressWay, Sound, Step};

pub(super) fn steps(tables: Vec<StepTable>, directory: &Path) -> Result<Vec<Step>, String> {
    let steps = tables.into_iter().enumerate();
    steps
        .map(|(index, table)| step(table, directory).map_err(|problem| format!("step {}: {problem}", index + 1)))
        .collect()
}

pub(super) fn steps_before_the_answer(tables: Vec<StepTable>, directory: &Path) -> Result<Vec<Step>, String> {
    let steps = steps(tables, directory)?;
    let impossible = |step: &Step| match step {
        Step::HangUp => true,
        Step::Press { way, .. } => *way == PressWay::Info,
        Step::Wait(_) | Step::WaitForPrompt { .. } | Step::Speak(_) | Step::Listen { .. } => false,
    };
    match steps.iter().any(impossible) {
        true => Err("early has hang_up or press by info, which need an answered call; move them to do".to_owned()),
        false => Ok(steps),
    }
}

/// The one verb of a step, and the keys that may stand beside it.
fn step(table: StepTable, directory: &Path) -> Result<Step, String> {
    let verbs = [
        ("wait", table.wait.is_some(), [false; 4]),
        ("wait_for", table.wait_for.is_some(), [true, true, false, false]),
        ("press", table.press.is_some(), [false, false, true, false]),
        ("speak", table.speak.is_some(), [false; 4]),
        ("murmur", table.murmur.is_some(), [false; 4]),
        ("tone", table.tone.is_some(), [false, false, false, true]),
        ("listen", table.listen.is_some(), [false, true, false, false]),
        ("hang_up", table.hang_up.is_some(), [false; 4]),
    ];
    let named: Vec<_> = verbs.iter().filter(|(_, there, _)| *there).collect();
    let [(verb, _, allowed)] = named[..] else {
        let names = verbs.map(|(name, ..)| name).join(", ");
        return Err(format!("has {} verbs; write exactly one of {names}", named.len()));
    };
    let companions = [
        ("limit", table.limit.is_some()),
        ("silence", table.silence.is_some()),
        ("way", table.way.is_some()),
        ("for", table.length.is_some()),
    ];
    for ((name, there), allowed) in companions.into_iter().zip(allowed) {
        if there && !allowed {
            return Err(format!("{name} does not go with {verb}; remove it"));
        }
    }
    let or = |length: Option<Length>, usual| length.map_or(usual, |length| length.0);
    if let Some(length) = table.wait {
        return Ok(Step::Wait(length.0));
    }
    if let Some(digits) = table.press {
        Digit::parse_all(&digits).map_err(|error| format!("press: {error}"))?;
        let way = match table.way {
            None | Some(WayName::Rtp) => PressWay::Rtp,
            Some(WayName::Info) => PressWay::Info,
            Some(WayName::InBand) => PressWay::InBand,
        };
        return Ok(Step::Press { digits, way });
    }
    if let Some(file) = table.speak {
        return Ok(Step::Speak(Sound::File(directory.join(file))));
    }
    if let Some(length) = table.murmur {
        return Ok(Step::Speak(Sound::Murmur(length.0)));
    }
    if let Some(frequency) = table.tone {
        if !(20.0..=3900.0).contains(&frequency) {
            return Err(format!("tone is {frequency} Hz; a telephone carries 20 to 3900"));
        }
        let length = table.length.ok_or("tone needs for = \"1s\"")?.0;
        return Ok(Step::Speak(Sound::Tone { frequency, length }));
    }
    if let Some(limit) = table.listen {
        let silence = or(table.silence, Step::MESSAGE_SILENCE);
        return Ok(Step::Listen {
            limit: limit.0,
            silence,
        });
    }
    if let Some(hang_up) = table.hang_up {
        return match hang_up {
            true => Ok(Step::HangUp),
            false => Err("hang_up = false says nothing; remove the step".to_owned()),
        };
    }
    Ok(Step::WaitForPrompt {
        limit: or(table.limit, Step::PROMPT_LIMIT),
        silence: or(table.silence, Step::PROMPT_SILENCE),
    })
}
