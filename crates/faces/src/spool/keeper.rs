//! The task that keeps one directory.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    io,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt;
use jiff::Timestamp;
use outdial_callfile::{Arrivals, Queue, Seen};
use outdial_domain::{CallId, EventKind};
use outdial_engine::{Actor, Engine, ports::StoredEvent, verbs};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::Instant,
};

use super::{FACE, SpoolConfig, channel::Ways, files::Files, waiting::Waiting};
use crate::shelf::Shelf;

/// How often the directory is listed, whatever was seen: kernels may drop events, and modes of files may change.
const LIST_AGAIN: Duration = Duration::from_secs(30);
/// A file that nobody was seen writing is complete when nothing of it was changed for so long.
pub(super) const AT_REST: Duration = Duration::from_secs(2);
/// What failed here is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// So many events are looked at together.
const EVENTS: usize = 256;

/// One directory, and what is known of its files.
pub(super) struct Keeper {
    pub(super) engine: Engine,
    pub(super) actor: Actor,
    pub(super) config: SpoolConfig,
    pub(super) ways: Ways,
    pub(super) sounds: Option<Shelf>,
    pub(super) queue: Arc<Queue>,
    pub(super) files: Files,
    /// Names of files that are looked at no sooner.
    pub(super) waiting: Waiting,
    /// Files that cannot be taken, as they were when that was told.
    pub(super) told: HashMap<OsString, (u64, Timestamp)>,
    /// Calls whose files could not be written.
    pub(super) unwritten: HashSet<CallId>,
    /// When the directory is listed next.
    pub(super) list_at: Instant,
}

impl Keeper {
    pub(super) fn new(engine: Engine, config: SpoolConfig, queue: Queue) -> Self {
        let trunks = engine.settings.trunks.iter().map(|trunk| trunk.name.clone());
        Self {
            actor: config.tenant.actor(FACE),
            ways: Ways {
                configured: config.trunks.clone(),
                trunks: trunks.collect(),
                policy: engine.settings.policy.clone(),
            },
            sounds: config.audio.clone().map(Shelf::new),
            queue: Arc::new(queue),
            files: Files::default(),
            waiting: Waiting::default(),
            told: HashMap::new(),
            unwritten: HashSet::new(),
            list_at: Instant::now(),
            engine,
            config,
        }
    }

    /// Keeps the directory until it is told to stop, or the directory cannot be used any more.
    pub(super) async fn keep<F: Future<Output = ()>>(mut self, stop: &mut Pin<&mut F>) -> Result<(), String> {
        // First, so that nothing is missed between what is read now and what is told.
        let events = verbs::follow_events(&self.engine, &self.actor, None);
        let mut events = std::pin::pin!(events.ready_chunks(EVENTS));
        let arrivals = self.queue.arrivals().map_err(|error| words(&error))?;
        let mut arrivals = waited_for(arrivals).map_err(|error| words(&error))?;
        self.recover().await?;
        let (mut followed, mut broken) = (true, false);
        loop {
            let seen = arrivals.get_mut().read(Instant::now().into_std());
            let seen = seen.map_err(|error| words(&error))?;
            self.notice(seen).await?;
            if self.list_at <= Instant::now() {
                self.list_at = Instant::now() + LIST_AGAIN;
                self.list(arrivals.get_ref()).await?;
            }
            self.wake().await?;
            if broken {
                return Err("the events of its calls cannot be read".to_owned());
            }
            let until = [arrivals.get_ref().due().map(Instant::from_std), self.next_waiting()];
            let until = until.into_iter().flatten().fold(self.list_at, Instant::min);
            tokio::select! {
                () = &mut *stop => return self.last_look().await,
                ready = arrivals.readable_mut() => ready.map_err(|error| words(&error))?.clear_ready(),
                chunk = events.next(), if followed => match chunk {
                    Some(chunk) => broken = self.events(chunk).await?,
                    // The server is stopping; its last words are read at the end.
                    None => followed = false,
                },
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// What happened in the directory.
    async fn notice(&mut self, seen: Vec<Seen>) -> Result<(), String> {
        // As they came: what is next may be about the same name. So one of the two is always empty.
        let (mut complete, mut gone) = (Vec::new(), Vec::new());
        for seen in seen {
            match seen {
                Seen::Complete(name) => {
                    self.look_after(std::mem::take(&mut gone)).await?;
                    self.waiting.remove(&name);
                    complete.push(name);
                }
                Seen::Gone(name) => {
                    self.intake(std::mem::take(&mut complete)).await?;
                    self.waiting.remove(&name);
                    gone.push(name);
                }
                Seen::Overlooked => self.list_at = Instant::now(),
            }
        }
        self.look_after(gone).await?;
        self.intake(complete).await
    }

    /// What happened to calls; says whether reading them broke.
    async fn events(
        &mut self,
        chunk: Vec<Result<StoredEvent, outdial_engine::ports::StoreError>>,
    ) -> Result<bool, String> {
        let mut changed = HashSet::new();
        let mut broken = false;
        for event in chunk {
            match event {
                Ok(stored) => changed.extend(stored.event.subject.call().filter(|_| is_news(&stored.event.kind))),
                Err(error) => {
                    tracing::warn!(%error, "the events of calls of a directory cannot be read");
                    broken = true;
                }
            }
        }
        changed.retain(|call| self.files.of_call(*call).is_some());
        self.follow(changed.into_iter().collect()).await?;
        Ok(broken)
    }

    /// Looks at the files whose time has come.
    async fn wake(&mut self) -> Result<(), String> {
        let due = self.waiting.due(self.engine.ids.now());
        self.intake(due).await
    }

    fn next_waiting(&self) -> Option<Instant> {
        let next = self.waiting.next()?;
        let rest = next.duration_since(self.engine.ids.now());
        Some(Instant::now() + Duration::try_from(rest).unwrap_or_default())
    }

    /// Something failed that may go well later.
    pub(super) fn try_again(&mut self) {
        self.list_at = self.list_at.min(Instant::now() + TRY_AGAIN);
    }

    /// What ended while the server stopped.
    async fn last_look(&mut self) -> Result<(), String> {
        let begun = self.files.all().filter(|held| held.begun);
        let calls: Vec<CallId> = begun.filter_map(|held| held.call).collect();
        self.follow(calls).await
    }

    /// Does something that blocks with the directory.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Queue) -> T + Send + 'static,
    ) -> Result<T, String> {
        let queue = Arc::clone(&self.queue);
        let done = tokio::task::spawn_blocking(move || work(&queue)).await;
        done.map_err(|error| words(&error))
    }
}

/// The same as something that a task can wait for.
#[expect(
    deprecated,
    reason = "what takes its place is unsafe code; the descriptor of an `Arrivals` is its own, and one for its life"
)]
fn waited_for(arrivals: Arrivals) -> io::Result<AsyncFd<Arrivals>> {
    AsyncFd::with_interest(arrivals, Interest::READABLE)
}

/// Whether a file says something of it.
fn is_news(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Journalled { .. } | EventKind::RetryScheduled { .. } | EventKind::Ended { .. }
    )
}

/// An error with what caused it.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
