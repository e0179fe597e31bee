//! The page.

use std::fmt::Write;

use crate::{
    verbs::{ELSEWHERE, Verb},
    ways::COLUMNS,
};

/// What a carrier says to a verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Works,
    /// Refused at once, for this reason.
    Refused(String),
}

const INTRODUCTION: &str = "\
# Faces and carriers

Every verb of every face by every carrier. A number is a reason, below: such a request is refused at once, before
anybody is rung. `crates/outdial/tests/matrix` writes this page from what routing says, and fails when it is stale.

Requests here have a caller id of the account, numbers with their country, and the usual times.
";

pub(crate) fn print(table: &[(Verb, Vec<Cell>)]) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for (_, cells) in table {
        for cell in cells {
            if let Cell::Refused(reason) = cell
                && !reasons.contains(&reason.as_str())
            {
                reasons.push(reason);
            }
        }
    }
    let mut page = INTRODUCTION.to_owned();
    let mut face = "";
    for (verb, cells) in table {
        if verb.face != face {
            face = verb.face;
            let _ = write!(
                page,
                "\n## {face}\n\n| verb | {} |\n|---{}|\n",
                COLUMNS.join(" | "),
                "|---".repeat(COLUMNS.len())
            );
        }
        let cells = cells.iter().map(|cell| match cell {
            Cell::Works => "works".to_owned(),
            Cell::Refused(reason) => {
                let number = reasons.iter().position(|known| known == reason);
                number.map_or_else(String::new, |number| (number + 1).to_string())
            }
        });
        let _ = writeln!(page, "| {} | {} |", verb.name, cells.collect::<Vec<_>>().join(" | "));
    }
    page.push_str("\n## Reasons\n\n");
    for (number, reason) in reasons.iter().enumerate() {
        let _ = writeln!(page, "{}. {reason}.", number + 1);
    }
    page.push_str(
        "\n## What no carrier is asked for\n\nThese are answered from what is stored, alike over every carrier.\n\n",
    );
    for (face, verbs) in ELSEWHERE {
        let _ = writeln!(page, "- **{face}**: {verbs}.");
    }
    page
}
