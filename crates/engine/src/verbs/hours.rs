//! Whether hours that a request gives can ever let something go.

use jiff::Timestamp;
use outdial_domain::{Address, Hours};
use outdial_flow::Problem;

/// What is wrong with hours, whomever they are for.
pub(super) fn flaws(hours: &Hours) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, length) in [("windows", hours.windows.len()), ("skip", hours.skip.len())] {
        if length > Hours::MOST {
            let message = format!("give at most {}", Hours::MOST);
            problems.push(problem(&format!("hours.{name}"), "too_long", message));
        }
    }
    if hours.windows.is_empty() {
        let message = "give one window at least".to_owned();
        problems.push(problem("hours.windows", "missing", message));
    }
    problems
}

/// The first moment from this one on at which the hours are open for somebody.
pub(super) fn opening(
    hours: &Hours,
    to: &Address,
    from: Timestamp,
    end: Option<Timestamp>,
) -> Result<Timestamp, Problem> {
    match hours.opening(to, from, end) {
        Ok(Some(opening)) => Ok(opening),
        Ok(None) => {
            let until = match end {
                Some(_) => " to the end of the call's time",
                None => " on",
            };
            let message = format!("the hours never open for {to} from {from}{until}");
            Err(problem("hours", "invalid", message))
        }
        Err(error) => Err(problem("hours.zone", "invalid", error.to_string())),
    }
}

fn problem(field: &str, code: &'static str, message: String) -> Problem {
    Problem {
        field: field.to_owned(),
        code,
        message,
    }
}
