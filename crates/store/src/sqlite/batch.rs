//! Changes of many calls as one transaction, which is one text of SQL.

use std::{collections::HashMap, sync::Arc};

use outdial_domain::{AccountId, Attempt, Call, CallId, CallState, Event, Leg, LegId};
use outdial_engine::ports::{Change, Job, StoreError, WireMessage};
use outdial_flow::Flow;

use super::{
    attempt, call,
    column::json,
    error::forbidden,
    event,
    job::{self, Claim},
    leg, progress,
    statement::{Arguments, delete, insert, update},
    trace,
};

/// Says what no change may be: the schema cannot say that sequences have no gaps.
pub(super) fn flaw(change: &Change) -> Option<StoreError> {
    let before = change.since.unwrap_or(0);
    let gapless = (before + 1..)
        .zip(&change.events)
        .all(|(next, event)| next == event.sequence);
    let counted = u32::try_from(change.events.len()).is_ok_and(|count| before + count == change.call.events);
    let why = if change.events.is_empty() {
        "it has no event"
    } else if !gapless || !counted {
        "the sequence of its events has a gap"
    } else if change.since.is_none() && change.flow.is_none() {
        "a new call needs a flow"
    } else if change.leg.is_none() && !change.trace.is_empty() {
        "a trace belongs to a leg"
    } else {
        return None;
    };
    Some(forbidden(change.call.id, why))
}

/// A call as it is after its last change in the batch, and what is to be written of it.
struct LastOf<'c> {
    call: &'c Call,
    since: Option<u32>,
    flow: Option<&'c Flow>,
    plan: bool,
    job: Job,
}

/// What is to be written, with each row once, as it is after the last change.
pub(super) struct Batch<'c> {
    calls: Vec<LastOf<'c>>,
    attempts: Vec<(AccountId, &'c Attempt)>,
    legs: Vec<(AccountId, &'c Leg)>,
    traces: Vec<(AccountId, CallId, LegId, &'c [WireMessage])>,
    events: Vec<&'c Event>,
    exact: bool,
}

impl<'c> Batch<'c> {
    /// Folds changes into one batch, or gives `None` when two changes of one call do not follow each
    /// other, so that one of them is stale.
    pub(super) fn fold(changes: impl ExactSizeIterator<Item = &'c Change>) -> Option<Self> {
        let count = changes.len();
        let mut batch = Self {
            calls: Vec::with_capacity(count),
            attempts: Vec::with_capacity(count),
            legs: Vec::with_capacity(count),
            traces: Vec::new(),
            events: Vec::with_capacity(2 * count),
            exact: count == 1,
        };
        let mut places = Places::default();
        for change in changes {
            batch.add(change, &mut places)?;
        }
        Some(batch)
    }

    fn add(&mut self, change: &'c Change, places: &mut Places) -> Option<()> {
        let call = &change.call;
        let account = call.account;
        let waits = match call.state {
            CallState::Scheduled | CallState::Queued => true,
            CallState::Active | CallState::Ended => false,
        };
        let plan = change.since.is_some() && waits;
        match places.calls.get(&call.id).and_then(|&at| self.calls.get_mut(at)) {
            Some(last) => {
                if change.since != Some(last.call.events) || last.call.account != account {
                    return None;
                }
                last.call = call;
                last.plan |= plan;
                if change.job != Job::Keep {
                    last.job = change.job;
                }
            }
            None => {
                places.calls.insert(call.id, self.calls.len());
                self.calls.push(LastOf {
                    call,
                    since: change.since,
                    flow: change.flow.as_ref(),
                    plan,
                    job: change.job,
                });
            }
        }
        if let Some(attempt) = &change.attempt {
            let key = (attempt.call, u128::from(attempt.number));
            upsert(&mut self.attempts, &mut places.attempts, key, (account, attempt));
        }
        if let Some(leg) = &change.leg {
            let key = (leg.call, leg.id.uuid().as_u128());
            upsert(&mut self.legs, &mut places.legs, key, (account, leg));
            if !change.trace.is_empty() {
                let trace = (account, call.id, leg.id, change.trace.as_slice());
                upsert(&mut self.traces, &mut places.traces, key, trace);
            }
        }
        self.events.extend(&change.events);
        Some(())
    }

    fn new_calls(&self) -> impl Iterator<Item = (&'c Call, Option<&'c Flow>)> {
        self.calls
            .iter()
            .filter(|last| last.since.is_none())
            .map(|last| (last.call, last.flow))
    }

    fn moved_calls(&self) -> impl Iterator<Item = (&'c Call, u32)> {
        self.calls
            .iter()
            .filter_map(|last| last.since.map(|since| (last.call, since)))
    }

    fn planned_calls(&self) -> impl Iterator<Item = &'c Call> {
        self.calls
            .iter()
            .filter(|last| last.plan && last.since.is_some())
            .map(|last| last.call)
    }

    fn jobs(&self, what: Job) -> impl Iterator<Item = &'c Call> {
        self.calls
            .iter()
            .filter(move |last| last.job == what)
            .map(|last| last.call)
    }

    /// How many rows each statement takes: exactly as many as there are for a change that is saved
    /// alone, and otherwise one of few sizes for groups of tables that are mostly written together, so
    /// that the texts of all batches are soon prepared.
    pub(super) fn sizes(&self) -> Sizes {
        let size = |rows: usize| if self.exact { rows } else { rounded(rows) };
        let together = |one: usize, other: usize| if self.exact { one } else { rounded(one.max(other)) };
        let (new_calls, added_jobs) = (self.new_calls().count(), self.jobs(Job::Add).count());
        let moved_calls = self.moved_calls().count();
        let moved = moved_calls.max(self.attempts.len()).max(self.legs.len());
        let planned_calls = self.planned_calls().count();
        Sizes {
            new_calls: together(new_calls, added_jobs),
            moved_calls: together(moved_calls, moved),
            planned_calls: if planned_calls == 0 { 0 } else { size(planned_calls) },
            attempts: together(self.attempts.len(), moved),
            legs: together(self.legs.len(), moved),
            removed_jobs: size(self.jobs(Job::Remove).count()),
            added_jobs: together(added_jobs, new_calls),
            traces: size(self.traces.len()),
            events: size(self.events.len()),
            claim: false,
        }
    }

    /// The values for [`Sizes::transaction`].
    pub(super) fn transaction(&self, sizes: &Sizes, claim: Option<&Claim>) -> Arguments {
        let mut arguments = Arguments::default();
        self.bind_calls(&mut arguments, sizes);
        if sizes.moved_calls > 0 {
            // Rows that are skipped change nothing.
            arguments.add(i64::try_from(self.moved_calls().count()).unwrap_or(i64::MAX));
        }
        self.bind_rest(&mut arguments, sizes);
        if let Some(claim) = claim {
            claim.bind(&mut arguments);
        }
        arguments
    }

    /// The values for [`Sizes::calls`].
    pub(super) fn calls(&self, sizes: &Sizes) -> Arguments {
        let mut arguments = Arguments::default();
        self.bind_calls(&mut arguments, sizes);
        arguments
    }

    /// The values for [`Sizes::rest`].
    pub(super) fn rest(&self, sizes: &Sizes) -> Arguments {
        let mut arguments = Arguments::default();
        self.bind_rest(&mut arguments, sizes);
        arguments
    }

    fn bind_calls(&self, arguments: &mut Arguments, sizes: &Sizes) {
        rows(
            arguments,
            sizes.new_calls,
            call::COLUMNS,
            self.new_calls(),
            |arguments, (call, flow)| {
                let flow = flow.map_or_else(|| json(&Flow::default()), json);
                call::bind_new(arguments, call, flow);
            },
        );
        rows(
            arguments,
            sizes.moved_calls,
            call::PROGRESS_COLUMNS,
            self.moved_calls(),
            |arguments, (call, since)| {
                call::bind_progress(arguments, call, since);
            },
        );
    }

    fn bind_rest(&self, arguments: &mut Arguments, sizes: &Sizes) {
        rows(
            arguments,
            sizes.planned_calls,
            call::PLAN_COLUMNS,
            self.planned_calls(),
            call::bind_plan,
        );
        rows(
            arguments,
            sizes.attempts,
            attempt::COLUMNS,
            self.attempts.iter(),
            |arguments, (account, attempt)| {
                attempt::bind(arguments, *account, attempt);
            },
        );
        rows(
            arguments,
            sizes.legs,
            leg::COLUMNS,
            self.legs.iter(),
            |arguments, (account, leg)| {
                leg::bind(arguments, *account, leg);
            },
        );
        rows(
            arguments,
            sizes.removed_jobs,
            &["call_id"],
            self.jobs(Job::Remove),
            |arguments, call| {
                arguments.id(call.id.uuid());
            },
        );
        rows(
            arguments,
            sizes.added_jobs,
            job::COLUMNS,
            self.jobs(Job::Add),
            |arguments, call| {
                job::bind(arguments, call.account, call.id, call.plan.due);
            },
        );
        rows(
            arguments,
            sizes.traces,
            trace::COLUMNS,
            self.traces.iter(),
            |arguments, (account, call, leg, messages)| {
                trace::bind(arguments, *account, *call, *leg, messages);
            },
        );
        rows(
            arguments,
            sizes.events,
            event::COLUMNS,
            self.events.iter(),
            |arguments, event| {
                event::bind(arguments, event);
            },
        );
    }
}

/// The next of 2, 8, 32, 128, …
fn rounded(rows: usize) -> usize {
    let mut size = 2;
    while size < rows {
        size *= 4;
    }
    size
}

/// Where the rows of a batch are that a later change replaces.
#[derive(Default)]
struct Places {
    calls: HashMap<CallId, usize>,
    attempts: HashMap<(CallId, u128), usize>,
    legs: HashMap<(CallId, u128), usize>,
    traces: HashMap<(CallId, u128), usize>,
}

fn upsert<R>(rows: &mut Vec<R>, places: &mut HashMap<(CallId, u128), usize>, key: (CallId, u128), row: R) {
    match places.get(&key).and_then(|&at| rows.get_mut(at)) {
        Some(there) => *there = row,
        None => {
            places.insert(key, rows.len());
            rows.push(row);
        }
    }
}

fn rows<R>(
    arguments: &mut Arguments,
    size: usize,
    columns: &[&str],
    rows: impl Iterator<Item = R>,
    bind: impl Fn(&mut Arguments, R),
) {
    let mut bound = 0;
    for row in rows {
        bind(arguments, row);
        bound += 1;
    }
    arguments.skip(size - bound, columns.len());
}

/// How many rows each statement of a batch takes: what a text of SQL depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sizes {
    new_calls: usize,
    moved_calls: usize,
    planned_calls: usize,
    attempts: usize,
    legs: usize,
    removed_jobs: usize,
    added_jobs: usize,
    traces: usize,
    events: usize,
    claim: bool,
}

impl Sizes {
    /// The same, with a claim at the end of the transaction. Its rows have three columns.
    pub(super) fn with_claim(self, claim: bool) -> Self {
        Self { claim, ..self }
    }

    #[cfg(test)]
    pub(super) fn all(rows: usize) -> Self {
        Self {
            new_calls: rows,
            moved_calls: rows,
            planned_calls: rows,
            attempts: rows,
            legs: rows,
            removed_jobs: rows,
            added_jobs: rows,
            traces: rows,
            events: rows,
            claim: false,
        }
    }

    /// The whole transaction. It fails, leaving the transaction open, when a call is stale.
    fn transaction(&self) -> String {
        let mut text = String::from("BEGIN IMMEDIATE;\n");
        text.push_str(&self.calls());
        if self.moved_calls > 0 {
            // SQLite raises errors of our own in triggers only; bad JSON is one that any statement can raise.
            text.push_str("SELECT CASE WHEN changes() = ? THEN 1 ELSE json('a call is stale') END;\n");
        }
        text.push_str(&self.rest());
        if self.claim {
            text.push_str(job::CLAIM);
            text.push_str(";\n");
        }
        text.push_str("COMMIT;");
        text
    }

    /// The rows of the calls, which show whether a change is stale.
    pub(super) fn calls(&self) -> String {
        let mut text = String::new();
        insert(&mut text, "call", call::COLUMNS, self.new_calls, "");
        update(
            &mut text,
            call::UPDATE_PROGRESS,
            call::PROGRESS_COLUMNS,
            self.moved_calls,
        );
        text
    }

    /// All other rows. Events come last, so that the last row id is the newest event's position.
    pub(super) fn rest(&self) -> String {
        let upsert = |key: &str, set: &str| format!("ON CONFLICT ({key}) DO UPDATE SET {set}");
        let mut text = String::new();
        update(&mut text, call::UPDATE_PLAN, call::PLAN_COLUMNS, self.planned_calls);
        let on_attempt = upsert(attempt::KEY, progress::SET);
        insert(&mut text, "attempt", attempt::COLUMNS, self.attempts, &on_attempt);
        let on_leg = upsert(leg::KEY, &format!("{}, quality = excluded.quality", progress::SET));
        insert(&mut text, "leg", leg::COLUMNS, self.legs, &on_leg);
        delete(&mut text, "job", "call_id", self.removed_jobs);
        let on_job = upsert("call_id", "due = excluded.due, claimed_by = NULL, claimed_at = NULL");
        insert(&mut text, "job", job::COLUMNS, self.added_jobs, &on_job);
        let on_trace = upsert(trace::KEY, "messages = excluded.messages");
        insert(&mut text, "trace", trace::COLUMNS, self.traces, &on_trace);
        insert(&mut text, "event", event::COLUMNS, self.events, "");
        text
    }
}

/// Texts that were made before.
#[derive(Default)]
pub(super) struct Texts(HashMap<Sizes, Arc<str>>);

impl Texts {
    /// About as many as the connection keeps prepared.
    const MOST: usize = 256;

    pub(super) fn transaction(&mut self, sizes: Sizes) -> Arc<str> {
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        Arc::clone(self.0.entry(sizes).or_insert_with(|| sizes.transaction().into()))
    }
}
