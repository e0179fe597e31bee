//! An examination of the whole state: what its tables say of each other.
//!
//! The rules of the schema are kept by the database itself. These are the rules that no constraint can say.

use std::path::Path;

use outdial_domain::RecordingId;

use crate::{blobs::FileBlobs, recordings::file_of};

/// What an examination found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examination {
    /// How many calls there are. Each was read, with its attempts, legs, events and messages.
    pub calls: u64,
    /// How many messages there are. Each was read, with its events.
    pub messages: u64,
    /// How many events there are.
    pub events: u64,
    /// How many schedules there are.
    pub schedules: u64,
    /// How many webhooks of accounts there are.
    pub webhooks: u64,
    /// How many deliveries the log holds.
    pub deliveries: u64,
    /// How many uploads there are. Of each the bytes were read.
    pub uploads: u64,
    /// What is wrong, in words; of each kind the first few.
    pub faults: Vec<String>,
}

/// How many faults of one kind are told.
pub(crate) const MOST: i64 = 20;

/// What a database calls things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// The function that gives an id as hexadecimal digits, as `hex(`.
    pub(crate) id: fn(&str) -> String,
    /// How many elements a JSON list in a text has.
    pub(crate) length: fn(&str) -> String,
    /// The id that stands for none.
    pub(crate) no_id: &'static str,
}

/// A rule, and the statement that finds what breaks it: one column with the ids.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) broken: &'static str,
    /// What the ids begin with.
    pub(crate) prefix: &'static str,
    pub(crate) statement: String,
}

/// Every row of some tables, in the columns and the order in which their rows are read in both databases.
pub(crate) mod every {
    pub(crate) const ACCOUNT: &str = "SELECT id, name, created_at, allowance FROM account";
    pub(crate) const KEY: &str = "SELECT account_id, id, name, scopes, created_at, expires_at FROM key";
    pub(crate) const AUDIO: &str = "SELECT account_id, id, name, blob, format, millis, created_at FROM audio";
    pub(crate) const SCHEDULE: &str = "SELECT id, schedule, flow, wake, version FROM schedule";
    pub(crate) const WEBHOOK: &str =
        "SELECT account_id, id, url, events, secrets, disabled, created_at, position FROM webhook";
    pub(crate) const FEED: &str =
        "SELECT kind, subject, webhook_id, replay_id, account_id, receiver, told, newest, tries FROM feed";
    pub(crate) const DELIVERY: &str = "SELECT account_id, id, kind, subject, webhook_id, at, entry FROM delivery";
    pub(crate) const MESSAGE: &str =
        "SELECT account_id, id, direction, state, events, created_at, ended_at, plan, progress FROM message";
    pub(crate) const PART: &str =
        "SELECT sender, receiver, reference, total, number, encoding, octets FROM arrived_part";
    pub(crate) const LEFT_ALONE: &str = "SELECT number, since, because FROM do_not_disturb";
    pub(crate) const MASK: &str = "SELECT id, mask FROM mask";
    pub(crate) const FIRST_ANSWER: &str =
        "SELECT account_id, key, request, answer, made_at, kept_until FROM first_answer";
}

/// All rules.
pub(crate) fn rules(dialect: Dialect) -> Vec<Rule> {
    let call = (dialect.id)("call.id");
    let subject = named(dialect, "");
    let length = (dialect.length)("events");
    let of_calls = |broken, condition: &str| Rule {
        broken,
        prefix: "call_",
        statement: format!("SELECT {call} FROM call WHERE {condition} LIMIT {MOST}"),
    };
    let count =
        |table: &str, more: &str| format!("(SELECT count(*) FROM {table} WHERE {table}.call_id = call.id {more})");
    let happened = format!("(SELECT coalesce(sum({length}), 0) FROM event WHERE event.subject = call.id)");
    vec![
        of_calls(
            "call {} waits to be dialled and has no job: it would wait for ever",
            "state IN ('scheduled', 'queued') AND NOT EXISTS (SELECT 1 FROM job WHERE job.subject = call.id)",
        ),
        of_calls(
            "call {} is under way or over and has a job: it would be dialled again",
            "state IN ('active', 'ended') AND EXISTS (SELECT 1 FROM job WHERE job.subject = call.id)",
        ),
        of_calls(
            "call {} is under way and has no leg under way",
            &format!("state = 'active' AND {} = 0", count("leg", "AND leg.state <> 'ended'")),
        ),
        of_calls(
            "call {} is over and has a leg or an attempt under way",
            &format!(
                "state = 'ended' AND {} + {} > 0",
                count("leg", "AND leg.state <> 'ended'"),
                count("attempt", "AND attempt.state <> 'ended'")
            ),
        ),
        of_calls(
            "call {} counts its attempts wrongly",
            &format!("attempts <> {}", count("attempt", "")),
        ),
        of_calls(
            "call {} has a leg without an attempt",
            &format!(
                "{} > 0",
                count(
                    "leg",
                    "AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.call_id = leg.call_id AND attempt.id = leg.attempt_id)"
                )
            ),
        ),
        of_calls("call {} counts its events wrongly", &format!("events <> {happened}")),
        Rule {
            prefix: "",
            broken: "the events of {} have a gap, or two of one number",
            statement: format!(
                "SELECT {subject} FROM (SELECT kind, subject, sequence, \
                    lag(sequence + {length}) OVER (PARTITION BY subject ORDER BY sequence) AS expected FROM event) AS row \
                 WHERE sequence <> coalesce(expected, 1) LIMIT {MOST}"
            ),
        },
        Rule {
            prefix: "",
            broken: "the events of {} take positions that others have, too",
            statement: format!(
                "SELECT {subject} FROM (SELECT kind, subject, position - {length} AS before, \
                    lag(position) OVER (ORDER BY position) AS last FROM event) AS row \
                 WHERE before < coalesce(last, 0) LIMIT {MOST}"
            ),
        },
        Rule {
            prefix: "",
            broken: "an event of {} has a position that the log has not given yet",
            statement: format!(
                "SELECT {subject} FROM event WHERE position > (SELECT position FROM log WHERE id = 1) LIMIT {MOST}"
            ),
        },
        Rule {
            prefix: "",
            broken: "the events of {} belong to no call or message of their account",
            statement: format!("SELECT {subject} FROM event WHERE NOT {} LIMIT {MOST}", exists("event")),
        },
        Rule {
            prefix: "",
            broken: "there is a job for {}, which is no call or message of its account",
            statement: format!(
                "SELECT 'job_' || {} FROM job WHERE NOT (EXISTS (SELECT 1 FROM call \
                    WHERE call.id = job.subject AND call.account_id = job.account_id AND job.priority <= 2) \
                 OR EXISTS (SELECT 1 FROM message \
                    WHERE message.id = job.subject AND message.account_id = job.account_id AND job.priority > 2)) \
                 LIMIT {MOST}",
                (dialect.id)("job.subject")
            ),
        },
    ]
    .into_iter()
    .chain(rules_of_messages(dialect))
    .chain(rules_of_telling(dialect))
    .collect()
}

/// The id of the subject in a table, with the prefix that says what it is.
fn named(dialect: Dialect, table: &str) -> String {
    let id = (dialect.id)(&format!("{table}subject"));
    format!("CASE {table}kind WHEN 'call' THEN 'call_' ELSE 'msg_' END || {id}")
}

/// Whether the subject of a row of this table is there, in the account of the row.
fn exists(table: &str) -> String {
    let of = |kind: &str| {
        format!(
            "EXISTS (SELECT 1 FROM {kind} WHERE {table}.kind = '{kind}' AND {kind}.id = {table}.subject \
                AND {kind}.account_id = {table}.account_id)"
        )
    };
    format!("({} OR {})", of("call"), of("message"))
}

/// The rules of messages.
fn rules_of_messages(dialect: Dialect) -> Vec<Rule> {
    let message = (dialect.id)("message.id");
    let length = (dialect.length)("events");
    let of_messages = |broken, condition: &str| Rule {
        broken,
        prefix: "msg_",
        statement: format!("SELECT {message} FROM message WHERE {condition} LIMIT {MOST}"),
    };
    let happened = format!("(SELECT coalesce(sum({length}), 0) FROM event WHERE event.subject = message.id)");
    vec![
        of_messages(
            "message {} waits to be sent and has no job: it would wait for ever",
            "state IN ('scheduled', 'queued') AND NOT EXISTS (SELECT 1 FROM job WHERE job.subject = message.id)",
        ),
        of_messages(
            "message {} was sent or is over and has a job: it would be sent again",
            "state NOT IN ('scheduled', 'queued') AND EXISTS (SELECT 1 FROM job WHERE job.subject = message.id)",
        ),
        of_messages("message {} counts its events wrongly", &format!("events <> {happened}")),
    ]
}

/// The rules of what is told to receivers.
fn rules_of_telling(dialect: Dialect) -> Vec<Rule> {
    let (subject, webhook) = (named(dialect, "feed."), (dialect.id)("webhook.id"));
    vec![
        Rule {
            prefix: "",
            broken: "what is to be told of {} ends with an event that it has not",
            statement: format!(
                "SELECT {subject} FROM feed WHERE feed.newest > coalesce( \
                    (SELECT call.events FROM call WHERE call.id = feed.subject), \
                    (SELECT message.events FROM message WHERE message.id = feed.subject), 0) LIMIT {MOST}"
            ),
        },
        Rule {
            prefix: "",
            broken: "something is to be told of {}, which is no call or message of its account",
            statement: format!("SELECT {subject} FROM feed WHERE NOT {} LIMIT {MOST}", exists("feed")),
        },
        Rule {
            prefix: "",
            broken: "{} waits to be told to a webhook that is not there",
            statement: format!(
                "SELECT {subject} FROM feed WHERE feed.webhook_id <> {} AND NOT EXISTS (SELECT 1 FROM webhook \
                    WHERE webhook.id = feed.webhook_id AND webhook.account_id = feed.account_id) \
                 LIMIT {MOST}",
                dialect.no_id
            ),
        },
        Rule {
            prefix: "hook_",
            broken: "webhook {} stands at a position that the log has not given yet: it would miss events",
            statement: format!(
                "SELECT {webhook} FROM webhook WHERE position > (SELECT position FROM log WHERE id = 1) LIMIT {MOST}"
            ),
        },
    ]
}

impl Examination {
    /// Reads all blobs, and looks whether those of these names are there.
    pub(crate) fn look_at(&mut self, blobs: &FileBlobs, named: Vec<String>) {
        let there = match blobs.names() {
            Ok(there) => there,
            Err(error) => return self.faults.push(error.to_string()),
        };
        let missing = named.into_iter().filter(|name| there.binary_search(name).is_err());
        let mut faults: Vec<String> = missing
            .map(|name| format!("the bytes of an upload are not there: {name}"))
            .collect();
        faults.extend(
            there
                .iter()
                .filter_map(|name| Some(blobs.get_now(name).err()?.to_string())),
        );
        faults.truncate(usize::try_from(MOST).unwrap_or(usize::MAX));
        self.faults.append(&mut faults);
    }

    /// Looks for the sound of complete recordings in this directory.
    pub(crate) fn listen_to(&mut self, directory: &Path, finished: Vec<RecordingId>) {
        let missing = finished.into_iter().filter(|id| !file_of(directory, *id).exists());
        let faults = missing.map(|id| {
            format!(
                "the sound of {id} is not there: bring it back from a copy of {}",
                directory.display()
            )
        });
        self.faults
            .extend(faults.take(usize::try_from(MOST).unwrap_or(usize::MAX)));
    }

    /// Notes what breaks a rule.
    pub(crate) fn broken(&mut self, rule: &Rule, ids: impl IntoIterator<Item = String>) {
        let ids = ids.into_iter().map(|id| {
            rule.broken
                .replace("{}", &format!("{}{}", rule.prefix, id.to_lowercase()))
        });
        self.faults.extend(ids);
    }

    /// Notes that a rule could not be tried.
    pub(crate) fn untried(&mut self, rule: &Rule, error: &dyn std::fmt::Display) {
        let rule = rule.broken.replace("{}", "…");
        self.faults
            .push(format!("whether {rule}: this cannot be found out, because {error}"));
    }

    /// Notes that a row cannot be read. After many the rest says nothing new.
    pub(crate) fn unreadable(&mut self, error: &outdial_engine::ports::StoreError) {
        if i64::try_from(self.faults.len()).is_ok_and(|faults| faults < 10 * MOST) {
            self.faults.push(error.to_string());
        }
    }
}
