use std::{path::Path, process::ExitCode};

use outdial_callfile::{Meaning, Parsed, ProblemKind, Status, parse};
use serde_json::{Value, json};

use super::{arguments::Check, read};
use crate::{commands::print_json, exit::Failure, output::without_controls};

pub(super) fn run(check: &Check) -> Result<ExitCode, Failure> {
    let mut fine = true;
    let mut pages = Vec::new();
    for path in &check.files {
        let bytes = read(path)?;
        let parsed = parse(&bytes);
        fine &= parsed.would_call() && (!check.strict || parsed.problems.is_empty());
        let status = Status::at_the_end_of(&bytes);
        if check.json {
            pages.push(json_page(path, &parsed, status));
        } else {
            crate::output::write_out!("{}", page(path, &parsed, status));
        }
    }
    if check.json {
        print_json(&Value::Array(pages));
    }
    Ok(ExitCode::from(u8::from(!fine)))
}

fn verdict(parsed: &Parsed) -> &'static str {
    let expires = |kind: &ProblemKind| matches!(kind, ProblemKind::NoAttempt | ProblemKind::AttemptsUsed);
    if parsed.file.is_none() {
        "Asterisk would refuse it"
    } else if parsed.problems.iter().any(|problem| expires(&problem.kind)) {
        "Asterisk would let it expire without ringing anybody"
    } else if parsed.problems.is_empty() {
        "Asterisk would place the call"
    } else {
        "Asterisk would place the call, but not all is as it seems"
    }
}

fn page(path: &Path, parsed: &Parsed, status: Option<Status>) -> String {
    let name = path.display().to_string();
    let mut page = format!("{}: {}\n", without_controls(&name), verdict(parsed));
    for line in &parsed.lines {
        if line.meaning == Meaning::Blank {
            continue;
        }
        // What a file holds must not move the cursor of whoever reads this.
        let text: String = line.text.trim_end().escape_debug().take(76).collect();
        page += &format!("{:>5}  {text}\n", line.number);
        if line.meaning != Meaning::Skipped {
            page += &format!("         {}\n", line.explanation());
        }
        for problem in &line.problems {
            page += &format!("       ! {problem}\n");
        }
    }
    for problem in parsed.problems.iter().filter(|problem| problem.line.is_none()) {
        page += &format!("       ! {problem}\n");
    }
    let attempts = parsed.history.attempts();
    if attempts > 0 {
        page += &format!("       attempts so far: {attempts}\n");
    }
    if let Some(status) = status {
        page += &format!("       it was over: {status}\n");
    }
    page
}

fn json_page(path: &Path, parsed: &Parsed, status: Option<Status>) -> Value {
    let lines = parsed.lines.iter().map(|line| {
        let problems: Vec<String> = line.problems.iter().map(ToString::to_string).collect();
        json!({ "line": line.number, "text": line.text, "does": line.explanation(), "problems": problems })
    });
    let problems = parsed.problems.iter().map(|problem| {
        json!({ "line": problem.line, "problem": problem.kind.to_string(), "prevents_call": problem.kind.prevents_call() })
    });
    json!({
        "file": path,
        "verdict": verdict(parsed),
        "would_call": parsed.would_call(),
        "call": parsed.file,
        "attempts": parsed.history.attempts(),
        "status": status.map(Status::name),
        "problems": problems.collect::<Vec<_>>(),
        "lines": lines.collect::<Vec<_>>(),
    })
}
