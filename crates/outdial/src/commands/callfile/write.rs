use std::process::ExitCode;

use outdial_callfile::{Action, CallFile, CallerId, Ending, Outcome, Spool, SpoolError, Spooled, Status};
use serde_json::{Value, json};

use super::{arguments::Write, failure, tell_cleared};
use crate::{commands::print_json, exit::Failure};

pub(super) fn run(write: Write) -> Result<ExitCode, Failure> {
    let spool = write.place.spool();
    let at = write.time.when()?;
    let (print, wait, limit, json) = (write.print, write.wait, write.limit, write.json);
    let (name, time, early) = (write.name.clone(), write.time.clone(), write.early_media);
    if wait && !write.archive {
        return Err(Failure::usage(
            "--wait reads the result from the finished file: it needs --archive yes",
        ));
    }
    let file = call_file(write)?;
    if print {
        let text = file.to_text().map_err(|error| failure(&error.into(), &time))?;
        if json {
            // As `callfile spool` takes it.
            print_json(&serde_json::to_value(&file).map_err(|error| Failure::result(error.to_string()))?);
        } else {
            crate::output::write_out!("{text}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let spooled = match name {
        Some(name) => spool.spool_as(&name, &file, at),
        None => at.map_or_else(|| spool.spool(&file), |at| spool.spool_at(&file, at)),
    };
    tell_cleared(&spool);
    let spooled = spooled.map_err(|error: SpoolError| failure(&error, &time))?;
    if !json {
        crate::output::say!("{}", spooled.path.display());
        crate::output::tell!("{}", spooled.due);
    }
    let ending = if wait {
        Some(wait_for(&spool, &spooled, limit)?)
    } else {
        None
    };
    if json {
        let mut said = spooled_json(&spooled);
        if let Some(Ending::Done(outcome)) = &ending {
            said["outcome"] = outcome_json(outcome);
        }
        print_json(&said);
    }
    match ending {
        None => Ok(ExitCode::SUCCESS),
        Some(Ending::Done(outcome)) => {
            if !json {
                crate::output::say!("{}, attempts: {}", outcome.status, outcome.attempts);
            }
            if early && outcome.status == Status::Completed {
                return Err(Failure::result(
                    "the call was connected at its first sound, and Asterisk does not tell whether it was answered",
                ));
            }
            Ok(ExitCode::from(u8::from(outcome.status != Status::Completed)))
        }
        Some(Ending::Removed) => Err(Failure::result("the file left the queue and was not kept")),
    }
}

fn call_file(write: Write) -> Result<CallFile, Failure> {
    let action = match (write.application, write.extension) {
        (Some(name), _) => Action::Application {
            name,
            data: write.data.filter(|data| !data.is_empty()),
        },
        (None, extension) => Action::Dialplan {
            context: write.context.unwrap_or_default(),
            extension: extension.unwrap_or_default(),
            priority: write.priority,
        },
    };
    let caller_id = match (write.caller_id, write.caller_name, write.caller_number) {
        (Some(text), ..) => Some(
            text.parse()
                .map_err(|error| Failure::usage(format!("--caller-id: {error}")))?,
        ),
        (None, None, None) => None,
        (None, name, number) => Some(CallerId { name, number }),
    };
    Ok(CallFile {
        caller_id,
        max_retries: write.max_retries,
        retry_time: write.retry_time,
        wait_time: write.wait_time,
        account: write.account,
        codecs: write.codecs,
        variables: write.set,
        early_media: write.early_media,
        always_delete: write.always_delete,
        archive: write.archive,
        ..CallFile::new(write.channel, action)
    })
}

fn wait_for(spool: &Spool, spooled: &Spooled, limit: Option<std::time::Duration>) -> Result<Ending, Failure> {
    let ending = spool.wait(&spooled.name, limit);
    let ending = ending.map_err(|error| {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        Failure::start(format!("{error}{}", source.unwrap_or_default()))
    })?;
    ending.ok_or_else(|| Failure::result("the limit is over, and the call is not; it stays in the queue"))
}

pub(super) fn spooled_json(spooled: &Spooled) -> Value {
    use outdial_callfile::Due;
    let (due, past) = match spooled.due {
        Due::Now => (None, None),
        Due::Past(asked) => (None, Some(asked)),
        Due::At(time) => (Some(time), None),
    };
    json!({ "name": spooled.name.as_str(), "path": spooled.path, "due": due, "past": past })
}

fn outcome_json(outcome: &Outcome) -> Value {
    json!({
        "status": outcome.status.name(),
        "attempts": outcome.attempts,
        "began": outcome.began(),
        "ended": outcome.ended,
    })
}
