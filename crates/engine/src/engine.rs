//! The engine: everything that verbs and tasks share, and its start and stop.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use outdial_domain::{EndedBy, Event, EventId, EventKind};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Settings,
    call_task::incoming,
    commands, interrupted,
    live::{Control, LiveCalls},
    node::{self, Membership},
    pacing::{
        accounts::{self, AccountLimits},
        admission::{self, Admission},
        backlogs::Backlogs,
        limits,
        names::AccountNames,
    },
    ports::{Blobs, Ids, Prompts, RecordingFiles, RoomSound, Store, StoreError, TextCarrier, VoiceCarrier},
    recording::{interrupted::finish_those_of_this_node, links::Links, writer::Writer},
    recurring,
    rooms::{Rooms, owner::Wanted},
    scheduler,
    seldom::Seldom,
    sweeper, texting,
    verbs::{KnownKeys, Requests},
};

/// How long calls that are told to end may take.
const ENDING: Duration = Duration::from_secs(10);

/// What the engine is made of.
#[derive(Clone)]
pub struct Parts {
    /// Remembers.
    pub store: Arc<dyn Store>,
    /// Keeps uploads.
    pub blobs: Arc<dyn Blobs>,
    /// Keeps the sound of recordings.
    pub recordings: Arc<dyn RecordingFiles>,
    /// Turns texts and files into sound.
    pub prompts: Arc<dyn Prompts>,
    /// The sound of rooms.
    pub room_sound: Arc<dyn RoomSound>,
    /// Ring phones, by the kind of carrier that trunks name.
    pub carriers: BTreeMap<String, Arc<dyn VoiceCarrier>>,
    /// Send texts, by the kind of carrier that SMS trunks name.
    pub text_carriers: BTreeMap<String, Arc<dyn TextCarrier>>,
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
    pub(crate) taken_up: interrupted::TakenUp,
    pub(crate) looked_for: texting::interrupted::LookedFor,
    pub(crate) rooms: Arc<Rooms>,
    /// The rooms that calls of this node want, where several nodes share the store.
    pub(crate) wanted: Wanted,
    pub(crate) keys: KnownKeys,
    pub(crate) requests: Requests,
    /// Wakes the scheduler when a call may have become due.
    pub(crate) due: Notify,
    /// Wakes who sends messages when one may have become due.
    pub(crate) messages_due: Notify,
    /// Where calls and messages wait until their limits allow them.
    pub(crate) admission: Arc<Admission>,
    /// Keeps the log short when many calls that come in are refused.
    pub(crate) refusals: Seldom,
    /// How many calls the accounts are allowed.
    pub(crate) allowed: AccountLimits,
    /// What is due and not dialled yet, for those who ask for their places.
    pub(crate) backlogs: Backlogs,
    pub(crate) names: AccountNames,
    /// Wakes whoever makes the calls of schedules, when one was made or changed.
    pub(crate) schedules: Notify,
    /// Wakes who tells receivers of events.
    pub(crate) telling: Notify,
    /// Cancelled when no more work is taken.
    pub(crate) stopping: CancellationToken,
    /// The calls, and what takes them.
    pub(crate) tasks: TaskTracker,
    pub(crate) writer: Writer,
    pub(crate) links: Links,
    pub(crate) node: Membership,
    /// Cancelled when the last call has ended, or is given up.
    pub(crate) left: CancellationToken,
    /// What goes on until then: the lease, and what is done for other nodes.
    keeping: TaskTracker,
}

/// Why the engine does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process has the name of this node.
    #[error(
        "another process runs as the node `{0}` on this store: give each a name of its own with `[server] node` or OUTDIAL_SERVER__NODE"
    )]
    NodeInUse(String),
}

impl std::ops::Deref for Engine {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl Engine {
    /// Joins the nodes of the store where there are any, accounts for what runs that are gone left
    /// unfinished, and then starts the scheduler.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the store cannot be used; nothing runs then.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let engine = Self::at_rest(parts);
        node::join(&engine).await?;
        engine.0.keeping.spawn(node::keep(engine.clone()));
        // Before the calls that they belong to, whose last events speak of them.
        let accounted = match finish_those_of_this_node(&engine).await {
            Ok(()) => interrupted::end_all_of_the_gone(&engine).await,
            failed => failed,
        };
        if let Err(error) = accounted {
            engine.leave().await;
            return Err(error.into());
        }
        engine.0.keeping.spawn(commands::serve(engine.clone()));
        engine.0.keeping.spawn(sweeper::run(engine.clone()));
        engine.0.tasks.spawn(accounts::follow(engine.clone()));
        engine.0.keeping.spawn(admission::run(engine.clone()));
        engine.0.tasks.spawn(scheduler::run(engine.clone()));
        engine.0.tasks.spawn(recurring::run(engine.clone()));
        texting::start(&engine);
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
            taken_up: interrupted::TakenUp::default(),
            rooms: Arc::default(),
            wanted: Wanted::default(),
            keys: KnownKeys::default(),
            requests: Requests::default(),
            due: Notify::new(),
            refusals: Seldom::default(),
            messages_due: Notify::new(),
            admission: Admission::new(parts.store.shared_limits().is_some(), parts.settings.limits.live_calls),
            allowed: AccountLimits::default(),
            backlogs: Backlogs::default(),
            looked_for: texting::interrupted::LookedFor::default(),
            names: AccountNames::default(),
            schedules: Notify::new(),
            telling: Notify::new(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            node: Membership::new(&parts.settings.node, &parts.ids, parts.store.nodes().is_some()),
            writer: Writer::new(Arc::clone(&parts.recordings)),
            links: Links::default(),
            left: CancellationToken::new(),
            keeping: TaskTracker::new(),
            parts,
        }))
    }

    /// Stops taking new work and ends the live calls, and waits for them at most this long.
    pub async fn stop(&self, within: Duration) {
        self.begin_to_stop().await;
        self.end_live_calls(within).await;
        self.leave().await;
    }

    /// Stops taking new work, and gives back what is not yet dialled. Then the live calls get so long to
    /// end by themselves, unless `hurry` comes first; those that are left are ended. What this process has of
    /// its store it has until it [leaves](Self::leave).
    pub async fn drain(&self, within: Duration, hurry: impl Future<Output = ()>) {
        self.begin_to_stop().await;
        tokio::select! {
            () = self.0.tasks.wait() => {}
            () = hurry => tracing::info!(live = self.live_calls(), "ending the live calls"),
            () = tokio::time::sleep(within) => {
                tracing::info!(live = self.live_calls(), ?within, "ending the calls that did not end by themselves");
            }
        }
        self.end_live_calls(ENDING).await;
    }

    async fn begin_to_stop(&self) {
        self.0.stopping.cancel();
        self.0.tasks.close();
        self.give_back().await;
    }

    /// Gives what is claimed and not dialled back to the other nodes, where there are any.
    pub(crate) async fn give_back(&self) {
        if let Some(nodes) = self.store.nodes()
            && let Err(error) = nodes.give_back(&self.0.node.run().id).await
        {
            tracing::warn!(%error, "what was claimed was not given back; others take it when the lease has run out");
        }
    }

    async fn end_live_calls(&self, within: Duration) {
        self.0.live.tell_all(&Control::HangUp {
            by: "the server".to_owned(),
            why: Some("it is stopping".to_owned()),
            kind: EndedBy::System,
        });
        if tokio::time::timeout(within, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(
                live = self.live_calls(),
                "stopped before every call had ended; they will be `unknown`"
            );
        }
    }

    /// Gives up the lease, as the last thing that is done with the store. What is still under way is for others
    /// to account for.
    pub async fn leave(&self) {
        self.0.left.cancel();
        self.0.keeping.close();
        self.0.keeping.wait().await;
    }

    /// The run of its node that this process is at the moment, as no other run was ever named where nodes share
    /// a store. What is claimed under it is given back when the run is gone.
    #[must_use]
    pub fn run(&self) -> String {
        self.0.node.run().id
    }

    /// Whether what was claimed under the run is still its own, as far as this process knows.
    #[must_use]
    pub fn holds_lease(&self) -> bool {
        self.0.node.may_dial()
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

    pub(crate) fn record(&self, call: &mut outdial_domain::Call, kind: EventKind) -> Event {
        call.record(self.event_id(), kind, self.ids.now())
    }
}
