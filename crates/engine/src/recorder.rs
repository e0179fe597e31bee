//! Saves what happens to one live call, in order, without making the call wait for the disk.
//!
//! One save is under way at a time, and a save gathers for a moment what happens in quick succession:
//! a call costs fewer transactions than it has events.
//! When a save fails, nothing is lost: its events stay first in line and are tried again.

use std::time::Duration;

use futures_util::future::BoxFuture;
use outdial_domain::{CallState, Event, EventKind, LegId, LiveCall};
use outdial_flow::Flow;
use tokio::time::Instant;

use crate::{
    Engine,
    ports::{Change, Job, StoreError, Trace, WireMessage},
    saving::{self, Saved},
};

/// How long to wait before a failed save is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long an event waits at most for others to go with it. After a crash within this time the
/// call is `unknown` with or without the event.
const GATHER: Duration = Duration::from_millis(25);

/// Saves what happens to one live call.
pub(crate) struct Recorder {
    engine: Engine,
    /// How many events of the call are on disk.
    saved: u32,
    waiting: Vec<Event>,
    /// The messages of legs that ended, saved with the last of them.
    traces: Vec<Trace>,
    /// What is kept of the flow once the call has ended, where that is less than it is run by.
    kept_flow: Option<Flow>,
    /// When what waits is to be saved.
    due: Option<Instant>,
    under_way: Option<UnderWay>,
}

struct UnderWay {
    events: Vec<Event>,
    result: BoxFuture<'static, Result<(), StoreError>>,
}

impl Recorder {
    /// A recorder for a call with so many events on disk.
    pub(crate) fn new(engine: &Engine, saved: u32) -> Self {
        Self {
            engine: engine.clone(),
            saved,
            waiting: Vec::new(),
            traces: Vec::new(),
            kept_flow: None,
            due: None,
            under_way: None,
        }
    }

    /// Notes that something happened.
    pub(crate) fn note(&mut self, live: &mut LiveCall, kinds: impl IntoIterator<Item = EventKind>) {
        for kind in kinds {
            self.waiting.push(self.engine.record(&mut live.call, kind));
        }
        self.due.get_or_insert_with(|| Instant::now() + GATHER);
    }

    /// The same for what others wait for: it is saved at once.
    pub(crate) fn note_now(&mut self, live: &mut LiveCall, kinds: impl IntoIterator<Item = EventKind>) {
        self.note(live, kinds);
        self.due = Some(Instant::now());
    }

    /// Keeps of this flow only what may be shown, once the call has ended.
    pub(crate) fn runs(&mut self, flow: &Flow) {
        if flow.has_private_keys() {
            self.kept_flow = Some(flow.clone().without_private_keys());
        }
    }

    /// How many events of the call are on disk.
    pub(crate) fn saved(&self) -> u32 {
        self.saved
    }

    /// Keeps the messages of a leg that ended, to be saved with all others.
    pub(crate) fn keep(&mut self, leg: LegId, messages: Vec<WireMessage>) {
        if !messages.is_empty() {
            self.traces.push(Trace { leg, messages });
        }
    }

    /// Saves what was noted, moment by moment, for as long as it is polled, and returns whenever something
    /// was saved. Safe to drop and call again.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the save failed; its events are first in line again.
    pub(crate) async fn save(&mut self, live: &LiveCall) -> Result<(), StoreError> {
        if self.under_way.is_none() {
            match self.due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => return std::future::pending().await,
            }
            self.start(live);
        }
        self.settled().await
    }

    /// Whether all that was noted is on disk.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_none() && self.waiting.is_empty()
    }

    /// Saves all that is left, with the legs' messages, trying until the disk does it. Gives up only
    /// when somebody else changed the call, or the engine stops while the disk still fails: after a
    /// restart the call is then accounted for as `unknown`.
    pub(crate) async fn finish(mut self, live: &LiveCall) {
        // A failure here is one more reason to try the rest until it is done.
        let _ = self.settled().await;
        let traces = std::mem::take(&mut self.traces);
        while !self.waiting.is_empty() {
            let change = self.change(live, self.waiting.clone(), traces.clone());
            if saving::save(&self.engine, change).await != Saved::Stale || !self.had_been_saved(live).await {
                return;
            }
        }
    }

    /// Finds out whether a save that was said to have failed had reached the disk all the same, as may be
    /// when the answer of a database is lost. What had is not saved again. Says whether anything had.
    pub(crate) async fn had_been_saved(&mut self, live: &LiveCall) -> bool {
        let stored = self
            .engine
            .store
            .events_of(live.call.account, live.call.id.into())
            .await;
        let Some(last) = stored.ok().and_then(|mut events| events.pop()) else {
            return false;
        };
        let Some(place) = self.waiting.iter().position(|event| event.id == last.event.id) else {
            return false;
        };
        self.waiting.drain(..=place);
        self.saved = last.event.sequence;
        if self.waiting.is_empty() {
            self.due = None;
        }
        true
    }

    fn start(&mut self, live: &LiveCall) {
        if self.under_way.is_none() && !self.waiting.is_empty() {
            self.due = None;
            let events = std::mem::take(&mut self.waiting);
            let result = self.engine.store.commit(self.change(live, events.clone(), Vec::new()));
            self.under_way = Some(UnderWay { events, result });
        }
    }

    fn change(&self, live: &LiveCall, events: Vec<Event>, traces: Vec<Trace>) -> Change {
        Change {
            call: live.call.clone(),
            since: Some(self.saved),
            flow: match live.call.state {
                CallState::Ended => self.kept_flow.clone(),
                CallState::Scheduled | CallState::Queued | CallState::Active => None,
            },
            attempt: Some(live.attempt.clone()),
            legs: live.legs().cloned().collect(),
            events,
            traces,
            answer: None,
            // An attempt that was the last removed its job when it was journalled.
            job: match live.call.state {
                CallState::Scheduled | CallState::Queued => Job::Add,
                CallState::Active | CallState::Ended => Job::Keep,
            },
        }
    }

    async fn settled(&mut self) -> Result<(), StoreError> {
        let Some(under_way) = &mut self.under_way else {
            return Ok(());
        };
        let result = (&mut under_way.result).await;
        let Some(UnderWay { mut events, .. }) = self.under_way.take() else {
            return result;
        };
        match &result {
            Ok(()) => self.saved += u32::try_from(events.len()).unwrap_or(u32::MAX),
            Err(_) => {
                events.append(&mut self.waiting);
                self.waiting = events;
                self.due = Some(Instant::now() + AFTER_FAILURE);
            }
        }
        result
    }
}
