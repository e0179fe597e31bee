//! The lines of a call file in words.

use super::{Meaning, values};
use crate::{CallerId, Key};

pub(super) fn line(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Blank => "nothing".to_owned(),
        Meaning::Comment => "a comment".to_owned(),
        Meaning::Status => "the result of the call, which Asterisk does not read again".to_owned(),
        Meaning::Skipped => "skipped".to_owned(),
        Meaning::Directive { key, value } => directive(*key, value),
    }
}

fn directive(key: Key, value: &str) -> String {
    let seconds = |least, otherwise| {
        values::number(value)
            .filter(|number| *number >= least)
            .unwrap_or(otherwise)
    };
    let yes = values::is_yes(value);
    match key {
        Key::Channel => {
            let (technology, destination) = value.split_once('/').unwrap_or((value, ""));
            format!("rings {destination:?} by {technology}")
        }
        Key::CallerId => match CallerId::read(value) {
            None => "shows no caller id".to_owned(),
            Some(CallerId { name, number }) => format!(
                "shows {} and {}",
                name.map_or("no name".to_owned(), |name| format!("the name {name:?}")),
                number.map_or("no number".to_owned(), |number| format!("the number {number:?}"))
            ),
        },
        Key::MaxRetries => match seconds(i32::MIN, 0) {
            retries if retries < 0 => "makes no attempt at all".to_owned(),
            retries => format!("makes at most {} attempts", i64::from(retries) + 1),
        },
        Key::RetryTime => format!("waits some {} s between attempts", seconds(1, 300)),
        Key::WaitTime => format!("rings for at most {} s", seconds(1, 45)),
        Key::Account => format!("books the call on account {value:?}"),
        Key::Codecs => format!("allows the codecs {value}"),
        Key::Application => format!("runs the application {value:?} after the answer"),
        Key::Data => format!("gives the application {value:?}"),
        Key::Context => format!("goes to the context {value:?} after the answer"),
        Key::Extension => format!("goes to the extension {value:?} after the answer"),
        Key::Priority => format!("begins at priority {}", seconds(1, 1)),
        Key::EarlyMedia if yes => "goes to the dialplan at the first sound, before the answer".to_owned(),
        Key::EarlyMedia => "waits for the answer".to_owned(),
        Key::Set => {
            let (name, value) = value.split_once('=').unwrap_or((value, ""));
            format!("sets {name:?} to {value:?}")
        }
        Key::AlwaysDelete if yes => "removes the file after the call".to_owned(),
        Key::AlwaysDelete => "keeps the file in the queue if its time lies in the future".to_owned(),
        Key::Archive if yes => "keeps the finished file in outgoing_done".to_owned(),
        Key::Archive => "does not keep the finished file".to_owned(),
        Key::StartRetry => "notes that an attempt began".to_owned(),
        Key::EndRetry => "notes that an attempt failed".to_owned(),
        Key::AbortRetry => "notes that a restart of Asterisk cut an attempt off".to_owned(),
        Key::DelayedRetry => "notes that an attempt was due while another was running".to_owned(),
        Key::Retry => "notes an attempt".to_owned(),
    }
}
