//! Status answers: what became of a call, attempt by attempt.

use crate::req_id::{error_of, print_error};
use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::fmt;

/// What became of an attempt, or of a campaign's call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Word {
    /// Somebody answered, and it is over.
    Made,
    /// It failed for good.
    Failed,
    /// It failed, and will be tried again.
    Retry,
    /// It waits.
    Pending,
    /// A word of newer, hosted versions: `in_progress`, `mixed`, `waitresponse`, `waitagent`, `expired`; or an unknown one.
    Other(String),
}

impl Word {
    /// Reads it.
    #[must_use]
    pub fn read(word: &str) -> Self {
        match word {
            "made" => Self::Made,
            "failed" => Self::Failed,
            "retry" => Self::Retry,
            "pending" => Self::Pending,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Made => "made",
            Self::Failed => "failed",
            Self::Retry => "retry",
            Self::Pending => "pending",
            Self::Other(word) => word,
        }
    }
}

/// The record of one attempt.
///
/// Its times have no zone on the wire: they are those of the gateway's clock on the wall.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// What became of it.
    pub word: Word,
    /// When it was made, to the minute.
    pub at: Option<DateTime>,
    /// For when the request was planned, to the minute; the same in all records.
    pub due: Option<DateTime>,
    /// What happened, for people.
    pub message: String,
    /// The answers that an application has gathered, by name.
    pub answers: Vec<(String, String)>,
}

impl Attempt {
    /// An attempt without answers.
    #[must_use]
    pub fn new(word: Word, at: DateTime, due: DateTime, message: impl Into<String>) -> Self {
        Self {
            word,
            at: Some(at),
            due: Some(due),
            message: message.into(),
            answers: Vec::new(),
        }
    }

    /// When it was made, by a gateway in this zone.
    #[must_use]
    pub fn at_in(&self, zone: &TimeZone) -> Option<Zoned> {
        self.at?.to_zoned(zone.clone()).ok()
    }

    /// For when it was planned, by a gateway in this zone.
    #[must_use]
    pub fn due_in(&self, zone: &TimeZone) -> Option<Zoned> {
        self.due?.to_zoned(zone.clone()).ok()
    }

    fn read(fields: &[&str]) -> Self {
        let field = |place: usize| fields.get(place).copied().unwrap_or_default();
        let answers = field(8).split('|').filter(|answer| !answer.is_empty());
        Self {
            word: Word::read(field(2)),
            at: read_time(field(3)),
            due: read_time(field(4)),
            message: field(5).trim_end().to_owned(),
            answers: answers
                .map(|answer| answer.split_once('=').unwrap_or((PLAIN_ANSWER, answer)))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let answers: Vec<String> = self
            .answers
            .iter()
            .map(|(name, value)| format!("{}={}", answer_text(name).replace('=', " "), answer_text(value)))
            .collect();
        write!(
            out,
            "0^null^{}^{}^{}^{}^^^{}^^",
            plain(self.word.as_str()),
            print_time(self.at),
            print_time(self.due),
            plain(&self.message),
            answers.join("|"),
        )
    }
}

/// The name of an answer that came without one.
pub const PLAIN_ANSWER: &str = "answer";

/// A text in which no character ends a field or the whole.
fn plain(text: &str) -> String {
    let clean = |character: char| match character {
        '^' | '[' | ']' => ' ',
        other if other.is_control() => ' ',
        other => other,
    };
    text.chars().map(clean).collect()
}

fn answer_text(text: &str) -> String {
    plain(text).replace('|', " ")
}

/// `2008 3 21 13 2`: the month counts from 0.
fn read_time(text: &str) -> Option<DateTime> {
    let mut numbers = text.split_whitespace().map(str::parse::<i16>);
    let mut next = || numbers.next()?.ok();
    let (year, month, day, hour, minute) = (next()?, next()?.checked_add(1)?, next()?, next()?, next()?);
    let small = |number: i16| i8::try_from(number).ok();
    DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, 0, 0).ok()
}

fn print_time(time: Option<DateTime>) -> String {
    time.map_or_else(String::new, |time| {
        let (month, day) = (time.month() - 1, time.day());
        format!("{} {month} {day} {} {}", time.year(), time.hour(), time.minute())
    })
}

/// The answer to a question for the status of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Status {
    /// The attempts that are over, oldest first; none while it waits or goes on for the first time.
    Attempts(Vec<Attempt>),
    /// There is no such call, or its record went by itself; with what the gateway said.
    Error(String),
}

impl Status {
    /// Where questions for the status go, with the field `reqid`.
    pub const PATH: &'static str = "/ocall/callstatusHandler.jsp";

    /// Reads the answer. Text that is no record counts as no attempt, as it does for the first clients.
    #[must_use]
    pub fn read(body: &str) -> Self {
        if let Some(error) = error_of(body) {
            return Self::Error(error);
        }
        let body = body.trim();
        let body = body.strip_prefix('[').unwrap_or(body);
        let body = body.strip_suffix(']').unwrap_or(body).trim_end_matches(['\r', '\n']);
        let fields: Vec<&str> = body.split('^').collect();
        let records = fields.chunks(10).filter(|record| record.len() >= 6);
        Self::Attempts(records.map(Attempt::read).collect())
    }

    /// Prints it. What a client could misread is replaced by blanks.
    #[must_use]
    pub fn print(&self) -> String {
        match self {
            Self::Error(why) => print_error(why),
            Self::Attempts(attempts) if attempts.is_empty() => "[]".to_owned(),
            Self::Attempts(attempts) => {
                let mut text = "[".to_owned();
                for attempt in attempts {
                    attempt.print(&mut text).expect("a text can be written to");
                }
                text.push_str("\n]");
                text
            }
        }
    }

    /// What the attempts mean together, by the rules of the first clients: a call that was made is made, one
    /// that failed has failed, and otherwise it may be tried again.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let Self::Attempts(attempts) = self else {
            return Outcome::InProgress;
        };
        let any = |word: &Word| attempts.iter().any(|attempt| attempt.word == *word);
        if any(&Word::Made) {
            Outcome::Made
        } else if any(&Word::Failed) {
            Outcome::Failed
        } else if any(&Word::Retry) {
            Outcome::WillRetry
        } else {
            Outcome::InProgress
        }
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// It waits, or goes on.
    InProgress,
    /// It failed, and will be tried again.
    WillRetry,
    /// Somebody answered, and it is over.
    Made,
    /// It failed for good.
    Failed,
    /// Its record went by itself when it was over, and with it the result.
    Gone,
}

impl Outcome {
    /// Whether it will not change any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Made | Self::Failed | Self::Gone)
    }
}

/// The words of the first clients; nothing for a call in progress or without a result.
impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Made => "Call Made",
            Self::Failed => "Call Failed",
            Self::WillRetry => "Call Will Retry",
            Self::InProgress | Self::Gone => "",
        })
    }
}
