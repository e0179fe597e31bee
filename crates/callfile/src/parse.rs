//! Reads call files exactly as leniently as Asterisk 22.

mod explain;
mod lines;
mod meaning;
mod problem;
mod values;

pub use self::{
    meaning::{Line, Meaning},
    problem::{Problem, ProblemKind},
};

use crate::{
    Action, CallFile, CallerId, Channel, History, Key, Note, Variable,
    call_file::{default_retry_time, default_wait_time},
};
use lines::Read;

/// What Asterisk makes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The call, if there is a channel to ring and something to do.
    ///
    /// It is what Asterisk takes, which need not be what we would write: values may be refused by
    /// [`CallFile::validate`].
    pub file: Option<CallFile>,
    /// Asterisk's notes about attempts, in a file that it has had before.
    pub history: History,
    /// Each line with its meaning.
    pub lines: Vec<Line>,
    /// What is wrong or surprising, line by line, then about the whole.
    pub problems: Vec<Problem>,
}

impl Parsed {
    /// Whether Asterisk would ring somebody for it.
    #[must_use]
    pub fn would_call(&self) -> bool {
        self.file.is_some() && !self.problems.iter().any(|problem| problem.kind.prevents_call())
    }
}

/// Reads a call file as Asterisk 22 does: it never fails, and says what it met.
///
/// ```
/// let parsed = outdial_callfile::parse(b"Channel: Local/100@ctx\nApplication: Hangup\nWaitTime: 5x\n");
/// assert_eq!(parsed.file.as_ref().unwrap().wait_time, 5);
/// assert!(parsed.would_call());
/// assert_eq!(parsed.problems[0].to_string(), "line 3: of WaitTime only a part counts; 5 is taken");
/// ```
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed {
    let mut reader = Reader::default();
    for (index, read) in lines::lines(bytes).into_iter().enumerate() {
        reader.line(index + 1, &read);
    }
    reader.finish()
}

/// What has been read so far, with Asterisk's defaults.
#[derive(Debug)]
struct Reader {
    channel: (String, String),
    caller_id: Option<CallerId>,
    max_retries: i32,
    retry_time: i32,
    wait_time: i32,
    account: String,
    codecs: String,
    application: String,
    data: String,
    context: String,
    extension: String,
    priority: i32,
    early_media: bool,
    variables: Vec<Variable>,
    always_delete: bool,
    archive: bool,
    history: History,
    seen: Vec<Key>,
    lines: Vec<Line>,
    problems: Vec<Problem>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            channel: Default::default(),
            caller_id: None,
            max_retries: 0,
            retry_time: default_retry_time().cast_signed(),
            wait_time: default_wait_time().cast_signed(),
            account: String::new(),
            codecs: String::new(),
            application: String::new(),
            data: String::new(),
            context: String::new(),
            extension: String::new(),
            priority: 1,
            early_media: false,
            variables: Vec::new(),
            always_delete: true,
            archive: false,
            history: History::default(),
            seen: Vec::new(),
            lines: Vec::new(),
            problems: Vec::new(),
        }
    }
}

impl Reader {
    fn line(&mut self, number: usize, read: &Read<'_>) {
        let problems = self.problems.len();
        let (bytes, meaning) = match read {
            Read::Line(bytes) => (bytes, self.directive(number, bytes)),
            Read::TooLong(bytes) => (bytes, self.skipped(number, ProblemKind::LineTooLong)),
            Read::Nul(bytes) => (bytes, self.skipped(number, ProblemKind::Nul)),
            Read::AfterNul(bytes) => (bytes, self.skipped(number, ProblemKind::AfterNul)),
        };
        self.lines.push(Line {
            number,
            text: String::from_utf8_lossy(bytes).into_owned(),
            meaning,
            problems: self.problems[problems..]
                .iter()
                .map(|problem| problem.kind.clone())
                .collect(),
        });
    }

    fn problem(&mut self, line: usize, kind: ProblemKind) {
        self.problems.push(Problem { line: Some(line), kind });
    }

    fn skipped(&mut self, line: usize, kind: ProblemKind) -> Meaning {
        self.problem(line, kind);
        Meaning::Skipped
    }

    fn directive(&mut self, line: usize, bytes: &[u8]) -> Meaning {
        let (kept, cut) = lines::without_comment(bytes);
        if kept.is_empty() {
            return if cut.is_some() {
                Meaning::Comment
            } else {
                Meaning::Blank
            };
        }
        let Some(colon) = kept.iter().position(|byte| *byte == b':') else {
            return self.skipped(line, ProblemKind::NoColon);
        };
        let word = &kept[..colon];
        let Some(key) = Key::read(word) else {
            if word == b"Status" {
                return Meaning::Status;
            }
            let word = String::from_utf8_lossy(word).into_owned();
            return self.skipped(line, ProblemKind::UnknownKey(word));
        };
        let value = &kept[colon + 1..];
        let blanks = value.iter().take_while(|byte| **byte <= b' ').count();
        let value = String::from_utf8_lossy(&value[blanks..]).into_owned();
        if std::str::from_utf8(&kept[colon + 1..]).is_err() {
            self.problem(line, ProblemKind::NotUtf8);
        }
        // Behind a note or nothing, a comment takes nothing away.
        if let Some(cut) = cut.filter(|_| !key.is_note()) {
            self.problem(
                line,
                ProblemKind::Comment(String::from_utf8_lossy(cut).trim_end().to_owned()),
            );
        }
        if key != Key::Set && !key.is_note() {
            if self.seen.contains(&key) {
                self.problem(line, ProblemKind::Again(key));
            }
            self.seen.push(key);
        }
        self.apply(line, key, &value)
    }

    fn apply(&mut self, line: usize, key: Key, value: &str) -> Meaning {
        match key {
            Key::Channel => match value.split_once('/') {
                Some((technology, destination)) => self.channel = (technology.to_owned(), destination.to_owned()),
                None => return self.skipped(line, ProblemKind::ChannelWithoutSlash),
            },
            Key::CallerId => self.caller_id = CallerId::read(value),
            Key::MaxRetries => self.max_retries = self.number(line, key, value, i32::MIN, 0),
            Key::RetryTime => self.retry_time = self.number(line, key, value, 1, default_retry_time().cast_signed()),
            Key::WaitTime => self.wait_time = self.number(line, key, value, 1, default_wait_time().cast_signed()),
            Key::Priority => self.priority = self.number(line, key, value, 1, 1),
            Key::Account => value.clone_into(&mut self.account),
            Key::Codecs => value.clone_into(&mut self.codecs),
            Key::Application => value.clone_into(&mut self.application),
            Key::Data => value.clone_into(&mut self.data),
            Key::Context => value.clone_into(&mut self.context),
            Key::Extension => value.clone_into(&mut self.extension),
            Key::EarlyMedia => self.early_media = self.yes(line, key, value),
            Key::AlwaysDelete => self.always_delete = self.yes(line, key, value),
            Key::Archive => self.archive = self.yes(line, key, value),
            Key::Set => match value.split_once('=') {
                Some((name, value)) => self.variables.push(Variable::new(name, value)),
                None => return self.skipped(line, ProblemKind::NoEquals),
            },
            Key::StartRetry | Key::EndRetry | Key::AbortRetry | Key::DelayedRetry | Key::Retry => {
                self.history.notes.push(Note::read(key, value, values::number(value)));
            }
        }
        Meaning::Directive {
            key,
            value: value.to_owned(),
        }
    }

    fn number(&mut self, line: usize, key: Key, value: &str, least: i32, otherwise: i32) -> i32 {
        match values::number(value).filter(|number| *number >= least) {
            Some(taken) => {
                if value.trim_start_matches('+').parse() != Ok(taken) {
                    self.problem(line, ProblemKind::NumberInPart { key, taken });
                }
                taken
            }
            None => {
                let taken = otherwise;
                self.problem(line, ProblemKind::Number { key, taken });
                taken
            }
        }
    }

    fn yes(&mut self, line: usize, key: Key, value: &str) -> bool {
        let yes = values::is_yes(value);
        if !yes && !values::is_no(value) {
            self.problem(line, ProblemKind::NeitherYesNorNo(key));
        }
        yes
    }

    fn finish(mut self) -> Parsed {
        let has_channel = !self.channel.0.is_empty() && !self.channel.1.is_empty();
        let (by_application, by_extension) = (!self.application.is_empty(), !self.extension.is_empty());
        let used = i64::from(self.history.used());
        let about_all = [
            (!has_channel, ProblemKind::NoChannel),
            (!by_application && !by_extension, ProblemKind::NoAction),
            (by_application && by_extension, ProblemKind::ApplicationWins),
            (
                !by_application && by_extension && self.context.is_empty(),
                ProblemKind::NoContext,
            ),
            (by_application && self.early_media, ProblemKind::EarlyMediaUnused),
            (self.max_retries < 0, ProblemKind::NoAttempt),
            (
                self.max_retries >= 0 && used > i64::from(self.max_retries),
                ProblemKind::AttemptsUsed,
            ),
            (!self.always_delete, ProblemKind::NeverDeleted),
            (!self.archive, ProblemKind::NotArchived),
        ];
        let about_all = about_all.into_iter().filter(|(is_so, _)| *is_so);
        self.problems
            .extend(about_all.map(|(_, kind)| Problem { line: None, kind }));
        let valid = has_channel && (by_application || by_extension);
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let action = if by_application {
            Action::Application {
                name: self.application,
                data: some(self.data),
            }
        } else {
            Action::Dialplan {
                context: self.context,
                extension: self.extension,
                priority: self.priority.unsigned_abs(),
            }
        };
        let codecs = self.codecs.split(',').map(str::trim).filter(|codec| !codec.is_empty());
        let file = CallFile {
            channel: Channel::as_read(self.channel.0, self.channel.1),
            action,
            caller_id: self.caller_id,
            max_retries: self.max_retries,
            retry_time: self.retry_time.unsigned_abs(),
            wait_time: self.wait_time.unsigned_abs(),
            account: some(self.account),
            codecs: codecs.map(str::to_owned).collect(),
            variables: self.variables,
            early_media: self.early_media,
            always_delete: self.always_delete,
            archive: self.archive,
        };
        Parsed {
            file: valid.then_some(file),
            history: self.history,
            lines: self.lines,
            problems: self.problems,
        }
    }
}

#[cfg(test)]
mod tests;
