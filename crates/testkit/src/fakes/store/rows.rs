//! The rows of the store in memory, and what may be done with them.

use std::collections::{BTreeMap, HashMap};

use super::{feeds::Feeds, messages::MessageRows};
use jiff::Timestamp;
use outdial_domain::{
    Account, AccountId, AttemptState, AudioId, Call, CallId, CallState, Key, KeyId, Mask, MaskId, Recording,
    RecordingId, ScheduleId, Subject, attempt::Progress,
};
use outdial_engine::ports::{
    AudioFile, Backlog, CallDetails, CallFilter, Change, Claimed, ClaimedCall, FirstAnswer, Job, Lane, Page, Placing,
    Share, StoreError, StoredEvent, StoredSchedule, Tally, Trace, Wanted, Work,
};

use super::nodes::NodeRows;

#[derive(Debug, Default)]
pub(super) struct Rows {
    calls: BTreeMap<CallId, CallRow>,
    pub(super) events: Vec<StoredEvent>,
    pub(super) texts: MessageRows,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) keys: BTreeMap<KeyId, (Key, [u8; 32])>,
    pub(super) audio: BTreeMap<AudioId, AudioFile>,
    pub(super) schedules: BTreeMap<ScheduleId, StoredSchedule>,
    pub(super) masks: BTreeMap<MaskId, Mask>,
    pub(super) recordings: BTreeMap<RecordingId, Recording>,
    pub(super) secrets: BTreeMap<String, [u8; 32]>,
    pub(super) feeds: Feeds,
    pub(super) answers: BTreeMap<(AccountId, [u8; 32]), FirstAnswer>,
    pub(super) nodes: NodeRows,
}

#[derive(Debug)]
pub(super) struct CallRow {
    pub(super) details: CallDetails,
    pub(super) traces: Vec<Trace>,
    job: Option<JobRow>,
}

#[derive(Debug)]
pub(super) struct JobRow {
    pub(super) due: Timestamp,
    pub(super) taken_by: Option<String>,
}

impl Rows {
    /// Saves all of a change or nothing, and gives the position of its last event.
    pub(super) fn commit(&mut self, mut change: Change) -> Result<i64, StoreError> {
        let answer = change.answer.take();
        self.with_answer(answer, |rows| rows.save(change))
    }

    /// Does something and keeps the answer to the request for it, both or neither.
    pub(super) fn with_answer<T>(
        &mut self,
        answer: Option<FirstAnswer>,
        act: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let key = answer.as_ref().map(|answer| (answer.account, answer.key));
        let kept = key.and_then(|key| self.answers.get(&key));
        if kept
            .zip(answer.as_ref())
            .is_some_and(|(kept, new)| kept.kept_until > new.made_at)
        {
            return Err(StoreError::Repeated);
        }
        let done = act(self)?;
        self.answers.extend(key.zip(answer));
        Ok(done)
    }

    fn save(&mut self, change: Change) -> Result<i64, StoreError> {
        let id = change.call.id;
        self.keeps_the_rules(&change)
            .map_err(|rule| broken(&format!("a change of {id} breaks a rule: {rule}")))?;
        let stored = self.calls.get(&id).map(|row| &row.details.call);
        let foreign = stored.is_some_and(|stored| stored.account != change.call.account);
        if foreign || stored.map(|stored| stored.events) != change.since {
            return Err(StoreError::Stale(id.into()));
        }
        let same_name = |row: &CallRow| {
            let kept = &row.details.call;
            kept.account == change.call.account
                && kept
                    .face
                    .as_ref()
                    .zip(change.call.face.as_ref())
                    .is_some_and(|(kept, new)| (&kept.face, &kept.reference) == (&new.face, &new.reference))
        };
        if change.since.is_none() && self.calls.values().any(same_name) {
            return Err(StoreError::Stale(id.into()));
        }
        self.feeds.notice(&change);
        let row = self.calls.entry(id).or_insert_with(|| CallRow {
            details: CallDetails {
                call: change.call.clone(),
                flow: change.flow.clone().unwrap_or_default(),
                attempts: Vec::new(),
                legs: Vec::new(),
            },
            traces: Vec::new(),
            job: None,
        });
        for trace in change.traces {
            put(&mut row.traces, trace, |trace: &Trace| trace.leg);
        }
        if let Some(attempt) = change.attempt {
            put(&mut row.details.attempts, attempt, |attempt| attempt.id);
        }
        for leg in change.legs {
            put(&mut row.details.legs, leg, |leg| leg.id);
        }
        match change.job {
            Job::Keep => {}
            Job::Add => {
                let due = change.call.plan.due;
                row.job = Some(JobRow { due, taken_by: None });
            }
            Job::Remove => row.job = None,
        }
        if let Some(flow) = change.flow {
            row.details.flow = flow;
        }
        let face = row.details.call.face.take();
        row.details.call = Call { face, ..change.call };
        for event in change.events {
            let position = self.position() + 1;
            self.events.push(StoredEvent { position, event });
        }
        Ok(self.position())
    }

    /// The rules that a real store has as constraints; says which one is broken.
    fn keeps_the_rules(&self, change: &Change) -> Result<(), &'static str> {
        let before = change.since.unwrap_or(0);
        let sequences = change.events.iter().map(|event| event.sequence);
        let account = change.call.account;
        let mut progresses = change.attempt.iter().map(|attempt| &attempt.progress);
        let mut of_legs = change.legs.iter().map(|leg| &leg.progress);
        if change.events.is_empty() {
            Err("nothing happened")
        } else if !sequences.eq(before + 1..=change.call.events) {
            Err("the sequence of its events has a gap")
        } else if !self.accounts.values().any(|known| known.id == account) {
            Err("the call belongs to no account")
        } else if !progresses.all(tells_since_when) || !of_legs.all(tells_since_when) {
            Err("a state has no time")
        } else {
            Ok(())
        }
    }

    pub(super) fn position(&self) -> i64 {
        self.events.last().map_or(0, |event| event.position)
    }

    pub(super) fn claim_due(&mut self, by: Timestamp, run: &str, wanted: &Wanted) -> Claimed {
        let (share, due) = self.due(Work::Calls, by, wanted);
        let mut calls = Vec::new();
        for id in due.into_iter().filter_map(Subject::call) {
            let Some(CallRow {
                details,
                job: Some(job),
                ..
            }) = self.calls.get_mut(&id)
            else {
                continue;
            };
            job.taken_by = Some(run.to_owned());
            calls.push(ClaimedCall {
                run: run.to_owned(),
                call: details.call.clone(),
                flow: details.flow.clone(),
            });
        }
        let more = share.may_go_on(wanted, calls.iter().map(|claimed| Lane::of(&claimed.call)));
        Claimed { calls, more }
    }

    /// What is due of each lane as it is wanted, oldest first.
    pub(super) fn due(&self, work: Work, by: Timestamp, wanted: &Wanted) -> (Share, Vec<Subject>) {
        let mut due: Vec<(Timestamp, Subject, Lane)> = self.waiting(work).filter(|(due, ..)| *due <= by).collect();
        due.sort_unstable();
        let mut firsts: BTreeMap<Lane, Timestamp> = BTreeMap::new();
        for (due, _, lane) in &due {
            firsts.entry(*lane).or_insert(*due);
        }
        let share = wanted.share(firsts.into_iter().collect());
        let mut left: BTreeMap<Lane, usize> = share.lanes.iter().copied().collect();
        due.retain(|(_, _, lane)| match left.get_mut(lane) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            Some(_) | None => false,
        });
        (share, due.into_iter().map(|(_, subject, _)| subject).collect())
    }

    pub(super) fn next_due(&self, work: Work, except: &[Lane]) -> Option<Timestamp> {
        let waiting = self.waiting(work).filter(|(.., lane)| !except.contains(lane));
        waiting.map(|(due, ..)| due).min()
    }

    pub(super) fn backlog(&self, placing: &Placing) -> Backlog {
        let mut lanes: HashMap<Lane, usize> = HashMap::new();
        let mut turns = Vec::new();
        for (id, row) in &self.calls {
            let Some(job) = row.job.as_ref().filter(|job| job.due <= placing.now) else {
                continue;
            };
            let lane = Lane::of(&row.details.call);
            *lanes.entry(lane).or_default() += 1;
            if lane == placing.lane {
                turns.push((job.due, *id));
            }
        }
        turns.sort_unstable();
        turns.truncate(placing.most);
        let each = placing.most_of_each(lanes.len());
        let lanes = lanes.into_iter().map(|(lane, calls)| (lane, Tally::up_to(each, calls)));
        Backlog {
            or_more: turns.len() >= placing.most,
            turns,
            lanes: lanes.collect(),
        }
    }

    /// The jobs that nobody has taken.
    fn waiting(&self, work: Work) -> impl Iterator<Item = (Timestamp, Subject, Lane)> {
        let calls = self.calls.iter().filter_map(|(id, row)| {
            let job = row.job.as_ref()?;
            Some((Subject::Call(*id), job, Lane::of(&row.details.call)))
        });
        let all = calls.chain(self.texts.jobs());
        all.filter(move |(_, job, lane)| lane.work == work && job.taken_by.is_none())
            .map(|(subject, job, lane)| (job.due, subject, lane))
    }

    /// Takes jobs away from these runs.
    pub(super) fn give_back(&mut self, from: impl Fn(&str) -> bool) {
        let of_calls = self.calls.values_mut().filter_map(|row| row.job.as_mut());
        let of_messages = self.texts.messages.values_mut().filter_map(|row| row.job.as_mut());
        for job in of_calls.chain(of_messages) {
            job.taken_by.take_if(|taken_by| from(taken_by));
        }
    }

    /// Gives a call that one run has taken to another.
    pub(super) fn hand_over(&mut self, call: CallId, from: &str, to: &str) -> bool {
        let job = self.calls.get_mut(&call).and_then(|row| row.job.as_mut());
        let taken_by = job.and_then(|job| job.taken_by.as_mut().filter(|taken_by| *taken_by == from));
        taken_by.map(|taken_by| to.clone_into(taken_by)).is_some()
    }

    pub(super) fn recover(&mut self, gone: impl Fn(&str) -> bool) -> Vec<CallDetails> {
        self.give_back(&gone);
        self.feeds.free(&gone);
        let unfinished = self.calls.values().filter(|row| {
            let open = |leg: &outdial_domain::Leg| gone(&leg.node) && leg.progress.ending.is_none();
            row.details.call.state != CallState::Ended && row.details.legs.iter().any(open)
        });
        unfinished.map(|row| row.details.clone()).collect()
    }

    pub(super) fn overdue(&self, now: Timestamp) -> Vec<CallDetails> {
        let overdue = self.calls.values().filter(|row| {
            let attempt = row.details.attempts.last();
            row.details.call.state == CallState::Active && attempt.is_some_and(|attempt| attempt.deadline < now)
        });
        overdue.map(|row| row.details.clone()).collect()
    }

    pub(super) fn call(&self, account: AccountId, id: CallId) -> Option<&CallRow> {
        self.calls.get(&id).filter(|row| row.details.call.account == account)
    }

    pub(super) fn keep_by_face(&mut self, account: AccountId, id: CallId, kept: String) -> bool {
        let row = self
            .calls
            .get_mut(&id)
            .filter(|row| row.details.call.account == account);
        let face = row.and_then(|row| row.details.call.face.as_mut());
        face.map(|face| face.kept = kept).is_some()
    }

    pub(super) fn forget_face(&mut self, account: AccountId, id: CallId) -> bool {
        let row = self
            .calls
            .get_mut(&id)
            .filter(|row| row.details.call.account == account);
        row.and_then(|row| row.details.call.face.take()).is_some()
    }

    pub(super) fn list(&self, account: AccountId, filter: &CallFilter) -> Page<Call> {
        let mut items: Vec<Call> = self
            .calls
            .values()
            .rev()
            .map(|row| &row.details.call)
            .filter(|call| call.account == account && matches(call, filter))
            .take(filter.most.saturating_add(1))
            .cloned()
            .collect();
        let more = items.len() > filter.most;
        items.truncate(filter.most);
        Page { items, more }
    }

    pub(super) fn events_of(&self, account: AccountId, subject: Subject) -> Vec<StoredEvent> {
        let of_it = |stored: &&StoredEvent| stored.event.account == account && stored.event.subject == subject;
        self.events.iter().filter(of_it).cloned().collect()
    }

    pub(super) fn events_after(&self, account: AccountId, position: i64, most: usize) -> Vec<StoredEvent> {
        let after = |stored: &&StoredEvent| stored.position > position && stored.event.account == account;
        self.events.iter().filter(after).take(most).cloned().collect()
    }

    pub(super) fn add_key(&mut self, key: Key, secret_hash: [u8; 32]) -> Result<(), StoreError> {
        if self.keys.values().any(|(_, hash)| *hash == secret_hash) {
            return Err(broken("two keys would have one secret"));
        }
        self.keys.insert(key.id, (key, secret_hash));
        Ok(())
    }

    pub(super) fn add_account(&mut self, account: Account) -> Result<(), StoreError> {
        if self.accounts.contains_key(&account.name) {
            return Err(StoreError::Taken(account.name));
        }
        self.accounts.insert(account.name.clone(), account);
        Ok(())
    }
}

/// What a real store says when a constraint is broken.
pub(super) fn broken(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: reason.to_owned(),
        remedy: "This is a fault in the program".to_owned(),
    }
}

/// Replaces the row with the same id, or adds it behind the others.
fn put<T, Id: PartialEq>(rows: &mut Vec<T>, new: T, id: impl Fn(&T) -> Id) {
    match rows.iter_mut().find(|row| id(row) == id(&new)) {
        Some(row) => *row = new,
        None => rows.push(new),
    }
}

/// Whether it has the time at which it came to its state, and an ending exactly when it ended.
fn tells_since_when(progress: &Progress) -> bool {
    let reached = match progress.state {
        AttemptState::Journalled => Some(progress.journalled_at),
        AttemptState::Dialing => progress.dialing_at,
        AttemptState::Ringing => progress.ringing_at,
        AttemptState::InProgress => progress.answered_at,
        AttemptState::Ended => progress.ended_at,
    };
    reached.is_some() && progress.ending.is_some() == (progress.state == AttemptState::Ended)
}

fn matches(call: &Call, filter: &CallFilter) -> bool {
    filter.state.is_none_or(|state| call.state == state)
        && filter
            .outcome
            .is_none_or(|wanted| call.ending.as_ref().is_some_and(|ending| ending.outcome == wanted))
        && filter
            .tag
            .as_ref()
            .is_none_or(|tag| call.plan.tag.as_ref() == Some(tag))
        && filter
            .reference
            .as_ref()
            .is_none_or(|reference| call.plan.reference.as_ref() == Some(reference))
        && filter.face.as_ref().is_none_or(|wanted| {
            let face = call.face.as_ref().map(|kept| &kept.face);
            face == Some(wanted)
        })
        && filter.face_reference.as_ref().is_none_or(|wanted| {
            let reference = call.face.as_ref().map(|kept| &kept.reference);
            reference == Some(wanted)
        })
        && filter.to.as_ref().is_none_or(|to| call.plan.to.to_string() == *to)
        && filter.before.is_none_or(|before| call.id < before)
}
