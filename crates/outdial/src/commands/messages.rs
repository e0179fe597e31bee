//! `outdial messages`: what can be said of texts without sending them.

use std::process::ExitCode;

use outdial_domain::text::Concatenation;
use outdial_engine::verbs;
use serde_json::json;

use super::print_json;
use crate::{cli::Messages, exit::Failure};

pub(super) fn run(command: Messages) -> Result<ExitCode, Failure> {
    let Messages::Preview {
        text,
        smart,
        concatenation,
        json,
    } = command;
    // The words come from the same list.
    let concatenation = Concatenation::from_word(&concatenation).unwrap_or(Concatenation::Udh8);
    let composed =
        verbs::preview_message(&text, smart, concatenation).map_err(|error| Failure::usage(error.to_string()))?;
    let room_left = composed.room_left(concatenation);
    if json {
        let parts: Vec<_> = composed
            .parts
            .iter()
            .map(|part| json!({"body": part.text, "units": part.units}))
            .collect();
        print_json(&json!({
            "encoding": composed.encoding.as_str(),
            "part_count": composed.parts.len(),
            "units": composed.units(),
            "room_left": room_left,
            "body": composed.text(),
            "parts": parts,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let count = composed.parts.len();
    let noun = if count == 1 { "part" } else { "parts" };
    crate::output::say!(
        "{}, {count} {noun}, {} units, room for {room_left} more",
        composed.encoding,
        composed.units()
    );
    for (number, part) in (1..).zip(&composed.parts) {
        crate::output::say!("{number}/{count} {:>3} {}", part.units, part.text.escape_debug());
    }
    Ok(ExitCode::SUCCESS)
}
