//! What a file says of its call: notes about attempts, and the result.

use std::{ffi::OsStr, io};

use jiff::{SignedDuration, Timestamp};
use outdial_callfile::{Contents, Key, Note, Queue, Status, Taken, parse};
use outdial_domain::{Attempt, CallState, Outcome};
use outdial_engine::ports::CallDetails;

use super::kept::Kept;

/// Where a file stands after it was brought up to its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The call goes on.
    UnderWay,
    /// The call is over, and the file out of the directory.
    Finished,
    /// The call is over, and the file is to be run again at a later time.
    Fresh,
}

/// Writes into a file what is missing there of its call. It may be done again at any time.
pub(super) fn bring_up_to_date(
    queue: &Queue,
    taken: &Taken,
    name: Option<&OsStr>,
    details: &CallDetails,
    now: Timestamp,
) -> io::Result<Standing> {
    let over = details.call.state == CallState::Ended;
    let Some(name) = name else {
        // Nobody looks at it any more.
        return Ok(if over { Standing::Finished } else { Standing::UnderWay });
    };
    let kept = Kept::of(&details.call).and_then(|kept| kept.file().map(|file| (kept, file)));
    let (kept, file) = kept.ok_or_else(|| io::Error::other("what was kept of its call cannot be read"))?;
    let contents = queue.read(taken)?;
    let diary = Diary::read(&kept, file.retry_time, &contents);
    for note in missing(&kept, &diary, details) {
        let next = next(file.retry_time, &note).unwrap_or(contents.modified);
        queue.note(taken, &note, if diary.touched { contents.modified } else { next })?;
    }
    if !over {
        return Ok(Standing::UnderWay);
    }
    if !file.always_delete && diary.touched && contents.modified > now {
        queue.make_fresh(taken, kept.size)?;
        return Ok(Standing::Fresh);
    }
    let status = status(details);
    let why = (status == Status::Failed).then(|| {
        let reason = details.call.ending.as_ref().map_or("", |ending| ending.reason.as_str());
        format!("its call {} was not dialled: {reason}", details.call.id)
    });
    put_away(queue, taken, name, status, why.as_deref(), file.archive, now)?;
    Ok(Standing::Finished)
}

/// Takes a file out of the directory with its result, and says beside it why it has failed.
pub(super) fn put_away(
    queue: &Queue,
    taken: &Taken,
    name: &OsStr,
    status: Status,
    why: Option<&str>,
    archive: bool,
    now: Timestamp,
) -> io::Result<()> {
    match why {
        Some(why) => queue.tell_problem(name, why)?,
        None => queue.forget_problem(name)?,
    }
    // What failed is kept, so that somebody can mend it.
    queue.finish(taken, name, status, archive || status == Status::Failed, now)
}

/// A note of ours.
pub(super) fn note(word: Key, attempt: u32, time: Timestamp) -> Note {
    Note {
        word,
        pid: i32::try_from(std::process::id()).ok(),
        attempt: Some(attempt),
        time: Some(time),
    }
}

/// The notes that we have written, and whether somebody has set the time of the file since.
struct Diary {
    begun: usize,
    over: usize,
    touched: bool,
}

impl Diary {
    fn read(kept: &Kept, retry_time: u32, contents: &Contents) -> Self {
        let from = usize::try_from(kept.size)
            .unwrap_or(usize::MAX)
            .min(contents.bytes.len());
        let notes = parse(&contents.bytes[from..]).history.notes;
        let count = |word| notes.iter().filter(|note| note.word == word).count();
        let expected = notes
            .iter()
            .rev()
            .find_map(|note| next(retry_time, note))
            .unwrap_or(kept.due);
        Self {
            begun: count(Key::StartRetry),
            over: count(Key::EndRetry),
            touched: contents.modified.as_second() != expected.as_second(),
        }
    }
}

/// When the file is looked at next after a note, as Asterisk has it.
fn next(retry_time: u32, note: &Note) -> Option<Timestamp> {
    let times = match note.word {
        Key::StartRetry => 2,
        Key::EndRetry => 1,
        _ => return None,
    };
    let rest = SignedDuration::from_secs(times * i64::from(retry_time));
    note.time?.checked_add(rest).ok()
}

/// The notes that are not in the file yet.
fn missing(kept: &Kept, diary: &Diary, details: &CallDetails) -> Vec<Note> {
    let mut notes = Vec::new();
    let last = details.attempts.len().saturating_sub(1);
    for (index, attempt) in details.attempts.iter().enumerate() {
        let number = kept.used.saturating_add(u32::try_from(index + 1).unwrap_or(u32::MAX));
        let began = attempt.progress.journalled_at;
        if index >= diary.begun {
            if index == 0 && kept.aborted {
                notes.push(note(Key::AbortRetry, number, began));
            }
            notes.push(note(Key::StartRetry, number, began));
        }
        // The last one has the result behind it, and no note.
        let another = index < last || details.call.state != CallState::Ended;
        if let Some(ended) = attempt.progress.ended_at.filter(|_| another && index >= diary.over) {
            notes.push(note(Key::EndRetry, number, ended));
        }
    }
    notes
}

/// Whether somebody answered an attempt: then the file is done, however the call went on.
pub(super) fn is_answered(details: &CallDetails) -> bool {
    let answered = |attempt: &Attempt| attempt.progress.answered_at.is_some();
    let completed = details
        .call
        .ending
        .as_ref()
        .is_some_and(|ending| ending.outcome == Outcome::Completed);
    completed || details.attempts.iter().any(answered)
}

fn status(details: &CallDetails) -> Status {
    if is_answered(details) {
        Status::Completed
    } else if details.attempts.is_empty() {
        Status::Failed
    } else {
        Status::Expired
    }
}
