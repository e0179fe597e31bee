//! Recordings of a flow, and messages.

use std::time::{Duration, Instant};

use outdial_domain::RecordingEnd;

use super::{Command, Interpreter, Next, State};
use crate::{Prompt, Record};

impl Interpreter {
    pub(super) fn record(&mut self, record: Record, now: Instant) -> Next {
        let record = match record.asking() {
            Ok(consent) => {
                // A key that was pressed before the question is no answer to it.
                self.ahead.clear();
                return self.gather(consent, now);
            }
            Err(record) => record,
        };
        match record.until {
            None => {
                self.commands.push_back(Command::Record(record));
                self.done("recording from here on");
                return Next::Runs;
            }
            Some(until) if until.beep => {
                self.commands.push_back(Command::Prompt(vec![Prompt::Beep]));
                self.state = State::Beeping(record);
            }
            Some(_) => self.listen_to(record),
        }
        Next::Waits
    }

    pub(super) fn listen_to(&mut self, record: Record) {
        self.state = State::Recording {
            key: record.until.and_then(|until| until.key),
        };
        self.commands.push_back(Command::Record(record));
    }

    pub(super) fn recorded(&mut self, end: RecordingEnd, length: Duration, now: Instant) {
        if let State::Recording { .. } = self.state {
            let seconds = length.as_secs_f32();
            self.done(&format!("recorded {seconds:.1} s, ended by `{end}`"));
            self.run(now);
        }
    }
}
