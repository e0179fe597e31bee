//! The request that a call file is.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use outdial_callfile::{Action, CallFile, History, Parsed, ProblemKind, parse};
use outdial_domain::{Address, Factor, Limits, Outcome, Retry, RetryRule};
use outdial_engine::verbs::{self, FaceReference, KeptByFace, PlaceCall};

use super::{
    application::{Applications, Done},
    kept::Kept,
};
use crate::tag::shortened;

/// After what a call is tried again: nobody answered, and that is known for certain.
const NOBODY_ANSWERED: &[Outcome] = &[
    Outcome::Busy,
    Outcome::NoAnswer,
    Outcome::Rejected,
    Outcome::InvalidNumber,
    Outcome::Congestion,
    Outcome::Failed,
];

/// Why a file is no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Something in it cannot be done here: the file has failed.
    Wrong(String),
    /// Nobody can be rung by its channel, or nothing leads there now: an attempt has failed.
    NoWay(String),
    /// All its attempts were made.
    Used,
    /// Something failed here: look at it again.
    Later(String),
}

/// A file as it was read.
pub(super) struct Read<'a> {
    /// Its name, for people.
    pub(super) name: &'a str,
    /// What it is called by, once and for all.
    pub(super) token: &'a str,
    pub(super) bytes: &'a [u8],
    /// When it is due.
    pub(super) due: Timestamp,
}

/// Makes a request of a file.
pub(super) async fn wanted(
    with: &Applications<'_>,
    flows: &BTreeMap<String, String>,
    caller_id: Option<&Address>,
    read: &Read<'_>,
    now: Timestamp,
) -> Result<PlaceCall, Unfit> {
    let Parsed {
        file,
        history,
        problems,
        ..
    } = parse(read.bytes);
    let refused = problems
        .iter()
        .filter(|problem| matches!(problem.kind, ProblemKind::NoChannel | ProblemKind::NoAction));
    let Some(file) = file else {
        let refused: Vec<String> = refused.map(ToString::to_string).collect();
        return Err(Unfit::Wrong(refused.join("; ")));
    };
    let retries = retries_left(&file, &history).ok_or(Unfit::Used)?;
    let way = with.ways.of(&file.channel)?;
    let from = match file.caller_id.as_ref().and_then(|id| id.number.as_deref()) {
        Some(number) => Some(Address::parse(number).map_err(|error| Unfit::Wrong(format!("CallerID: {error}")))?),
        None => caller_id.cloned(),
    };
    let (action, talk) = match &file.action {
        Action::Application { name, data } => {
            let data = data.as_deref().unwrap_or_default();
            let Done { flow, talk } = with.read(name, data, &file, way.via.as_deref(), read.token).await?;
            (verbs::Action::Flow(flow), talk)
        }
        Action::Dialplan {
            context,
            extension,
            priority,
        } => (
            verbs::Action::Stored(stored(flows, context, extension, *priority)?),
            None,
        ),
    };
    let limits = with.engine.settings.limits;
    let kept = Kept {
        size: read.bytes.len() as u64,
        due: read.due,
        used: history.used(),
        aborted: history.running().is_some(),
        text: String::from_utf8_lossy(read.bytes).into_owned(),
    };
    Ok(PlaceCall {
        from,
        via: way.via,
        due: (read.due > now).then_some(read.due),
        retry: retry(retries, file.retry_time),
        ring: Some(ring(file.wait_time, limits)),
        talk: talk.map(|talk| talk.min(limits.longest_talk)),
        tag: file.account.as_deref().and_then(shortened),
        reference: Some(read.name.to_owned()),
        kept: Some(KeptByFace {
            reference: FaceReference::Given(read.token.to_owned()),
            kept: kept.print(),
        }),
        ..PlaceCall::new(way.to, action)
    })
}

/// How many retries are left after the next attempt, as Asterisk counts them; none where not even that is.
///
/// An attempt that another process began and did not end is used up by the note that says so, which counts from
/// the next reading on.
fn retries_left(file: &CallFile, history: &History) -> Option<u32> {
    let left = i64::from(file.max_retries) - i64::from(history.used());
    let left = u32::try_from(left).ok()?;
    Some(left.saturating_sub(u32::from(history.running().is_some())))
}

fn retry(times: u32, seconds: u32) -> Retry {
    if times == 0 {
        return Retry::default();
    }
    let delay = Duration::from_secs(seconds.into()).min(Retry::LONGEST_DELAY);
    let times = u16::try_from(times).unwrap_or(u16::MAX).min(Retry::MOST_TIMES);
    Retry {
        rules: vec![RetryRule {
            on: NOBODY_ANSWERED.to_vec(),
            times,
            delay,
            factor: Factor::ONE,
            longest: delay,
            to: Vec::new(),
            via: Vec::new(),
        }],
        ..Retry::default()
    }
}

fn ring(seconds: u32, limits: Limits) -> Duration {
    Duration::from_secs(seconds.into()).min(limits.longest_ring)
}

/// The flow that stands for a place in the dialplan: the most exact line of the configuration holds.
fn stored(flows: &BTreeMap<String, String>, context: &str, extension: &str, priority: u32) -> Result<String, Unfit> {
    let exact = format!("{context}/{extension}/{priority}");
    let extensions = format!("{context}/{extension}");
    let keys = [exact.as_str(), extensions.as_str(), context];
    // A line without a priority is about the first one.
    let keys = if priority == 1 { &keys[..] } else { &keys[..1] };
    let found = keys.iter().find_map(|key| flows.get(*key));
    found.cloned().ok_or_else(|| {
        Unfit::Wrong(format!(
            "Context: no flow is named for {exact}: add it under `flows` of this spool"
        ))
    })
}

/// A number of seconds, from 1.
pub(super) fn seconds(field: &str, text: &str) -> Result<Duration, Unfit> {
    match text.trim().parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err(Unfit::Wrong(format!("{field}: {text:?} is no number of seconds"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str) -> Option<u32> {
        let parsed = parse(format!("Channel: SIP/a\nApplication: Hangup\n{text}").as_bytes());
        retries_left(&parsed.file.unwrap(), &parsed.history)
    }

    #[test]
    fn retries_are_counted_as_asterisk_counts_them() {
        for (text, retries) in [
            ("", Some(0)),
            ("MaxRetries: 2\n", Some(2)),
            ("MaxRetries: -1\n", None),
            ("MaxRetries: 2\n\nStartRetry: 1 1 (9)\n\nEndRetry: 1 1 (9)\n", Some(1)),
            ("MaxRetries: 0\n\nStartRetry: 1 1 (9)\n\nEndRetry: 1 1 (9)\n", None),
            // Begun by a process that is gone: dialled once more, and that is all.
            ("MaxRetries: 0\n\nStartRetry: 1 1 (9)\n", Some(0)),
            ("MaxRetries: 1\n\nStartRetry: 1 1 (9)\n", Some(0)),
            ("MaxRetries: 2\n\nStartRetry: 1 1 (9)\n", Some(1)),
        ] {
            assert_eq!(left(text), retries, "{text}");
        }
    }

    #[test]
    fn waits_and_retries_stay_in_bounds() {
        let rule = retry(1_000_000, u32::MAX).rules.remove(0);
        assert_eq!((rule.times, rule.delay), (Retry::MOST_TIMES, Retry::LONGEST_DELAY));
        assert!(
            !rule.on.contains(&Outcome::Unknown),
            "what may have rung is not rung again"
        );
        assert_eq!(retry(0, 5), Retry::default());
        assert_eq!(ring(5, Limits::default()), Duration::from_secs(5));
        assert_eq!(ring(u32::MAX, Limits::default()), Limits::default().longest_ring);
    }

    #[test]
    fn places_in_the_dialplan_are_flows() {
        let flows = [("ivr", "menu"), ("ivr/2", "second"), ("ivr/2/7", "seventh")];
        let flows = flows.map(|(place, flow)| (place.to_owned(), flow.to_owned())).into();
        let of = |extension: &str, priority| stored(&flows, "ivr", extension, priority);
        assert_eq!(of("s", 1).unwrap(), "menu");
        assert_eq!(of("2", 1).unwrap(), "second");
        assert_eq!(of("2", 7).unwrap(), "seventh");
        for (extension, priority) in [("s", 2), ("2", 2)] {
            assert!(matches!(of(extension, priority), Err(Unfit::Wrong(_))));
        }
        assert!(stored(&flows, "other", "s", 1).is_err());
    }
}
