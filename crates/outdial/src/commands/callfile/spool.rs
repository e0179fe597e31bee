use std::{path::Path, process::ExitCode};

use jiff::Timestamp;
use outdial_callfile::{CallFile, Order, When, parse};
use serde_json::Value;

use super::{arguments::SpoolFiles, failure, now, read, tell_cleared, write::spooled_json};
use crate::{commands::print_json, exit::Failure};

/// So many files come into the queue together, and are told of then.
const TOGETHER: usize = 1024;

/// A call and the time that its file has.
struct Wish {
    file: CallFile,
    at: Option<When>,
}

pub(super) fn run(files: &SpoolFiles) -> Result<ExitCode, Failure> {
    let at = files.time.when()?;
    let mut wishes = Vec::new();
    // All are read before the first is spooled.
    for path in &files.files {
        wishes.extend(wishes_in(path, files.strict)?);
    }
    let spool = files.place.spool();
    let mut said = Vec::new();
    let mut failed: Vec<Failure> = Vec::new();
    // Each part is told of before the next, so that whoever interrupts this knows what is in the queue.
    for part in wishes.chunks(TOGETHER) {
        let orders = part.iter().map(|wish| Order {
            at: at.or(wish.at),
            ..Order::new(&wish.file)
        });
        let answers = spool.spool_many(orders);
        for answer in answers {
            match answer {
                Ok(spooled) if files.json => said.push(spooled_json(&spooled)),
                Ok(spooled) => {
                    crate::output::say!("{}", spooled.path.display());
                    crate::output::tell!("{}", spooled.due);
                }
                Err(error) => failed.push(failure(&error, &files.time)),
            }
        }
    }
    tell_cleared(&spool);
    if files.json {
        print_json(&Value::Array(said));
    }
    let Some(last) = failed.pop() else {
        return Ok(ExitCode::SUCCESS);
    };
    for other in failed {
        crate::output::tell!("outdial: {other}");
    }
    Err(last)
}

fn wishes_in(path: &Path, strict: bool) -> Result<Vec<Wish>, Failure> {
    let bytes = read(path)?;
    let wrong = |what: String| Failure::usage(format!("{}: {what}", path.display()));
    let files = if path.extension().is_some_and(|ending| ending == "json") {
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        let values = match value {
            Value::Array(values) => values,
            one => vec![one],
        };
        let files = values.into_iter().map(serde_json::from_value::<CallFile>);
        files
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(error.to_string()))?
    } else {
        let parsed = parse(&bytes);
        for problem in &parsed.problems {
            crate::output::tell!("{}: {problem}", path.display());
        }
        if strict && !parsed.problems.is_empty() {
            return Err(wrong("not all is as it seems in it, and --strict was given".to_owned()));
        }
        if !parsed.would_call() {
            return Err(wrong("Asterisk would ring nobody for it".to_owned()));
        }
        parsed.file.into_iter().collect()
    };
    for file in &files {
        file.validate().map_err(|error| wrong(error.to_string()))?;
    }
    let at = due(path).filter(|time| *time > now()).map(When::from);
    Ok(files.into_iter().map(|file| Wish { file, at }).collect())
}

/// The time of the file, which is when it is due.
fn due(path: &Path) -> Option<Timestamp> {
    let time = std::fs::metadata(path).ok()?.modified().ok()?;
    Timestamp::try_from(time).ok()
}
