//! Saves what happens to one live call, in order, without making the call wait for the disk.
//!
//! One save is under way at a time; what happens meanwhile is collected and goes with the next one.
//! When a save fails, nothing is lost: its events stay first in line and are tried again.

use futures_util::future::BoxFuture;
use outdial_domain::{Event, EventKind, LiveCall};

use crate::{
    Engine,
    ports::{Change, Job, StoreError, WireMessage},
    saving,
};

/// Saves what happens to one live call.
pub(crate) struct Recorder {
    engine: Engine,
    /// How many events of the call are on disk.
    saved: u32,
    waiting: Vec<Event>,
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
            under_way: None,
        }
    }

    /// Notes that something happened, and starts to save it if nothing else is being saved.
    pub(crate) fn note(&mut self, live: &mut LiveCall, kinds: impl IntoIterator<Item = EventKind>) {
        self.hold(live, kinds);
        self.start(live);
    }

    /// Notes that something happened, to be saved with what comes next.
    pub(crate) fn hold(&mut self, live: &mut LiveCall, kinds: impl IntoIterator<Item = EventKind>) {
        for kind in kinds {
            self.waiting.push(self.engine.record(&mut live.call, kind));
        }
    }

    /// Whether a save is under way, so that [`Recorder::saved`] has something to wait for.
    pub(crate) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Waits for the save under way, then starts the next one if something waits. Safe to drop and
    /// call again.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it failed; its events are first in line again.
    pub(crate) async fn saved(&mut self, live: &LiveCall) -> Result<(), StoreError> {
        let result = self.settled().await;
        if result.is_ok() {
            self.start(live);
        }
        result
    }

    /// Saves all that is left, with the leg's messages, trying until the disk does it. Gives up only
    /// when somebody else changed the call, or the engine stops while the disk still fails: after a
    /// restart the call is then accounted for as `unknown`.
    pub(crate) async fn finish(mut self, live: &LiveCall, trace: Vec<WireMessage>) {
        // A failure here is one more reason to try the rest until it is done.
        let _ = self.settled().await;
        let events = std::mem::take(&mut self.waiting);
        if !events.is_empty() {
            saving::save(&self.engine, self.change(live, events, trace)).await;
        }
    }

    fn start(&mut self, live: &LiveCall) {
        if self.under_way.is_none() && !self.waiting.is_empty() {
            let events = std::mem::take(&mut self.waiting);
            let result = self.engine.store.commit(self.change(live, events.clone(), Vec::new()));
            self.under_way = Some(UnderWay { events, result });
        }
    }

    fn change(&self, live: &LiveCall, events: Vec<Event>, trace: Vec<WireMessage>) -> Change {
        Change {
            call: live.call.clone(),
            since: Some(self.saved),
            flow: None,
            attempt: Some(live.attempt.clone()),
            leg: Some(live.leg.clone()),
            events,
            trace,
            job: Job::Keep,
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
            }
        }
        result
    }
}
