//! The engine: everything that verbs and tasks share, and its start and stop.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use outdial_domain::{
    Call, EndedBy, Ending, Event, EventId, EventKind, Leg, LiveCall, Outcome, Retry, call::Happening,
};
use tokio::sync::{Notify, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Settings,
    call_task::{attempt_is_over, incoming},
    live::{Control, LiveCalls},
    pacing::{
        admission::{self, Admission},
        limits,
        names::AccountNames,
    },
    ports::{Blobs, CallDetails, Change, Ids, Job, Prompts, Store, StoreError, StoredEvent, VoiceCarrier},
    recurring, scheduler, sweeper,
    verbs::{KnownKeys, Requests},
};

/// How long a carrier may take to find out what became of a leg.
const LOOK_UP: Duration = Duration::from_secs(10);

/// What the engine is made of.
#[derive(Clone)]
pub struct Parts {
    /// Remembers.
    pub store: Arc<dyn Store>,
    /// Keeps uploads.
    pub blobs: Arc<dyn Blobs>,
    /// Turns texts and files into sound.
    pub prompts: Arc<dyn Prompts>,
    /// Ring phones, by the kind of carrier that trunks name.
    pub carriers: BTreeMap<String, Arc<dyn VoiceCarrier>>,
    /// Time and randomness.
    pub ids: Ids,
    /// What the operator decided.
    pub settings: Settings,
}

/// The engine. Clones are handles to the same one.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) live: LiveCalls,
    pub(crate) keys: KnownKeys,
    pub(crate) requests: Requests,
    /// Wakes the scheduler when a call may have become due.
    pub(crate) due: Notify,
    /// Where calls wait until their limits allow them.
    pub(crate) admission: Arc<Admission>,
    pub(crate) names: AccountNames,
    /// Wakes whoever makes the calls of schedules, when one was made or changed.
    pub(crate) schedules: Notify,
    /// Wakes who tells receivers of events.
    pub(crate) telling: Notify,
    pub(crate) stopping: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

/// Why the engine does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl std::ops::Deref for Engine {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl Engine {
    /// Accounts for what an earlier run left unfinished, then starts the scheduler.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the store cannot be used; nothing runs then.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let engine = Self::at_rest(parts);
        engine.account_for_the_interrupted().await?;
        engine.0.tasks.spawn(admission::run(engine.clone()));
        engine.0.tasks.spawn(scheduler::run(engine.clone()));
        engine.0.tasks.spawn(sweeper::run(engine.clone()));
        engine.0.tasks.spawn(recurring::run(engine.clone()));
        for calls in engine.carriers.values().filter_map(|carrier| carrier.incoming()) {
            engine.0.tasks.spawn(incoming::take_all(engine.clone(), calls));
        }
        Ok(engine)
    }

    /// An engine that dials nothing and changes nothing by itself: for reading what is stored.
    #[must_use]
    pub fn at_rest(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            live: LiveCalls::default(),
            keys: KnownKeys::default(),
            requests: Requests::default(),
            due: Notify::new(),
            admission: Admission::new(parts.store.shared_limits().is_some()),
            names: AccountNames::default(),
            schedules: Notify::new(),
            telling: Notify::new(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            parts,
        }))
    }

    /// Stops taking new work, ends the live calls, and waits for them at most this long.
    pub async fn stop(&self, within: Duration) {
        self.0.stopping.cancel();
        self.0.tasks.close();
        for owner in self.0.live.all() {
            let (answer, _) = oneshot::channel();
            let by = "the server, because it is stopping".to_owned();
            // An owner that is gone or busy ending needs no telling.
            let _ = owner.try_send(Control::HangUp {
                by,
                kind: EndedBy::System,
                answer,
            });
        }
        if tokio::time::timeout(within, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(
                live = self.live_calls(),
                "stopped before every call had ended; they will be `unknown`"
            );
        }
    }

    /// How many calls are under way on this node.
    #[must_use]
    pub fn live_calls(&self) -> usize {
        self.0.admission.live()
    }

    /// How many calls wait on this node for a limit of each kind to let them through, and how many for
    /// none that is known yet. Calls that are due and still in the store are not counted.
    #[must_use]
    pub fn waiting_calls(&self) -> Vec<(Option<limits::Kind>, usize)> {
        self.0.admission.waiting_by_kind()
    }

    /// Whether it has begun to stop and takes no new work.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }

    /// Waits until webhooks were changed, or something is to be told again.
    pub async fn telling_changed(&self) {
        self.0.telling.notified().await;
    }

    /// Waits until it begins to stop.
    pub async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(crate) fn event_id(&self) -> EventId {
        self.ids.make(EventId::new)
    }

    /// Ends what an earlier run of this node journalled and did not finish: as its carrier knows, and
    /// where nobody can know whether the phone rang, as `unknown`.
    async fn account_for_the_interrupted(&self) -> Result<(), StoreError> {
        for details in self.store.recover(&self.settings.node).await? {
            let id = details.call.id;
            let Some(change) = self.end_interrupted(details).await else {
                tracing::error!(%id, "an active call has no unfinished leg; it is left as it is");
                continue;
            };
            let call = change.call.clone();
            self.store.commit(change).await?;
            attempt_is_over(self, &call);
            match &call.ending {
                Some(ending) => {
                    let outcome = ending.outcome.as_str();
                    tracing::warn!(%id, outcome, "this call was interrupted between its journal and its end; not dialled again");
                }
                None => {
                    tracing::warn!(%id, due = %call.plan.due, "this call was interrupted between its journal and its end; tried again by its plan");
                }
            }
        }
        Ok(())
    }

    async fn end_interrupted(&self, details: CallDetails) -> Option<Change> {
        let since = details.call.events;
        let leg = details
            .legs
            .into_iter()
            .rev()
            .find(|leg| leg.progress.ending.is_none())?;
        let attempt = details.attempts.into_iter().find(|attempt| attempt.id == leg.attempt)?;
        let ending = self.look_up(&leg).await.unwrap_or_else(|| {
            let reason = "we were interrupted after the journal and before the end: the phone may or may not have rung";
            Ending::new(Outcome::Unknown, EndedBy::System, reason)
        });
        let live = LiveCall {
            stopped: self.was_to_end(&details.call).await,
            call: details.call,
            attempt,
            leg,
        };
        let happening = Happening::Ended { ending, quality: None };
        let (mut live, kinds) = live.step(happening, self.ids.now()).ok()?;
        let events = kinds
            .into_iter()
            .map(|kind| self.record(&mut live.call, kind))
            .collect();
        Some(Change {
            job: Job::after_attempt(&live.call),
            call: live.call,
            since: Some(since),
            flow: None,
            attempt: Some(live.attempt),
            leg: Some(live.leg),
            events,
            trace: Vec::new(),
            answer: None,
        })
    }

    /// Whether somebody had asked to end the call before it was interrupted. When that cannot be read, it
    /// is taken to be so: a call too few is better than a call too many.
    async fn was_to_end(&self, call: &Call) -> bool {
        if call.plan.retry == Retry::default() {
            return false;
        }
        let events = self.store.events_of(call.account, call.id).await;
        let asked = |stored: &StoredEvent| matches!(stored.event.kind, EventKind::HangUpRequested { .. });
        events.map_or(true, |events| events.iter().any(asked))
    }

    /// Asks the carrier of a leg what became of it.
    async fn look_up(&self, leg: &Leg) -> Option<Ending> {
        let trunk = self.settings.trunks.iter().find(|trunk| trunk.name == leg.trunk)?;
        let carrier = self.carriers.get(&trunk.carrier)?;
        tokio::time::timeout(LOOK_UP, carrier.look_up(leg)).await.ok()?
    }

    pub(crate) fn record(&self, call: &mut outdial_domain::Call, kind: EventKind) -> Event {
        call.record(self.event_id(), kind, self.ids.now())
    }
}
