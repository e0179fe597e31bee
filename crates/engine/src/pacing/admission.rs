//! Where calls of this node wait until all their limits allow them.
//!
//! Each waiting call is a task that holds a [`Ticket`]. One task, [`run`], looks whenever something has
//! come, gone or become free, and gives a [`Permit`] to those that may go. A permit is held until the leg
//! has ended; a ticket or permit that is dropped, for whatever reason, gives back what it took.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use outdial_domain::CallId;
use tokio::{
    sync::{Notify, oneshot},
    time::{Duration, Instant},
};

use super::{
    bucket::Nanos,
    estimate::{Asked, Behind, Estimate, Lengths, estimate},
    limits::{Key, Kind, Ledger, Want},
    queue::{Queue, Waiting},
};
use crate::Engine;

/// How many calls are tried at one look.
const TRIED: usize = 64;
/// How many calls wait in memory at most; the others that are due stay in the store.
const MOST_WAITING: usize = 2_048;
/// How long to wait at most before the next look.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Where calls wait.
pub(crate) struct Admission {
    state: Mutex<State>,
    /// Something came, went or became free: it is time to look.
    changed: Notify,
    /// The moment that this node's nanoseconds count from.
    began: Instant,
}

#[derive(Default)]
struct State {
    queue: Queue,
    ledger: Ledger,
    lengths: Lengths,
    askers: HashMap<CallId, Asker>,
    tickets: u64,
    /// How many permits are out.
    live: usize,
    /// Whether others that are due wait for room here.
    is_full: bool,
}

/// Who waits for a permit.
struct Asker {
    ticket: u64,
    permit: oneshot::Sender<Permit>,
}

/// A place in the queue. It is left when this is dropped.
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    call: CallId,
    number: u64,
    permit: oneshot::Receiver<Permit>,
}

/// The right to be live. What it counts against is given back when it is dropped.
pub(crate) struct Permit {
    admission: Arc<Admission>,
    /// The limits of calls at once that it counts against.
    places: Vec<Key>,
    since: Nanos,
}

impl Admission {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Notify::new(),
            began: Instant::now(),
        })
    }

    /// A call that is due comes to wait. Where it waits already it was changed meanwhile, and the older ticket
    /// is void.
    pub(crate) fn enter(self: &Arc<Self>, waiting: Waiting) -> Ticket {
        let (sender, permit) = oneshot::channel();
        let call = waiting.call;
        let mut state = self.state();
        state.tickets += 1;
        let number = state.tickets;
        let asker = Asker {
            ticket: number,
            permit: sender,
        };
        state.queue.leave(call);
        let void = state.askers.insert(call, asker);
        state.queue.enter(waiting);
        drop(state);
        drop(void);
        self.changed.notify_one();
        Ticket {
            admission: Arc::clone(self),
            call,
            number,
            permit,
        }
    }

    /// The right to be live for a call that cannot wait, if there is room at this moment.
    pub(crate) fn at_once(self: &Arc<Self>, wants: &[Want]) -> Option<Permit> {
        let now = self.now();
        let mut state = self.state();
        state.ledger.admit(wants.iter(), now).ok()?;
        state.live += 1;
        Some(self.permit(wants.iter(), now))
    }

    /// How many more calls may come, when so many are under way or on their way here. When there is room
    /// for none, the scheduler is woken as soon as half of it is free.
    pub(crate) fn room_for_more(&self, calls: usize) -> usize {
        let mut state = self.state();
        let waiting = calls.saturating_sub(state.live);
        let room = MOST_WAITING.saturating_sub(waiting);
        state.is_full = room == 0;
        room
    }

    /// Whether others that are due were told to wait and may come now.
    fn has_room_again(&self) -> bool {
        let mut state = self.state();
        let again = state.is_full && state.queue.len() <= MOST_WAITING / 2;
        state.is_full &= !again;
        again
    }

    /// How many calls wait for a limit of each kind.
    pub(crate) fn waiting_by_kind(&self) -> Vec<(Option<Kind>, usize)> {
        self.state().queue.waiting_by_kind().into_iter().collect()
    }

    /// How many permits are out.
    pub(crate) fn live(&self) -> usize {
        self.state().live
    }

    /// The limit that a call waits for, if it waits.
    pub(crate) fn reason(&self, call: CallId) -> Option<Want> {
        self.state().queue.reason(call).cloned()
    }

    /// How long a call will wait; see [`estimate`].
    pub(crate) fn estimate(&self, asked: Asked<'_>, before: usize, behind: &Behind) -> Estimate {
        let state = self.state();
        let State {
            queue, ledger, lengths, ..
        } = &*state;
        estimate(queue, ledger, lengths, asked, before, behind, self.now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left the queue and the ledger whole: each operation on them is.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Nanos {
        Nanos::try_from(self.began.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    fn permit<'w>(self: &Arc<Self>, wants: impl Iterator<Item = &'w Want>, since: Nanos) -> Permit {
        let places = wants.filter(|want| want.limit.at_once.is_some());
        Permit {
            admission: Arc::clone(self),
            places: places.map(|want| want.key.clone()).collect(),
            since,
        }
    }

    /// Lets all go that may. Says when the next limit lets somebody through.
    fn look(self: &Arc<Self>) -> Option<Nanos> {
        loop {
            let now = self.now();
            let mut state = self.state();
            let State {
                queue,
                ledger,
                askers,
                live,
                ..
            } = &mut *state;
            queue.advance(now);
            let tried = queue.candidates(TRIED);
            if tried.is_empty() {
                return queue.next_time();
            }
            let mut granted = Vec::new();
            for waiting in tried {
                match ledger.admit(waiting.all_wants(), now) {
                    Err(hold) => queue.held(waiting.call, &hold),
                    Ok(()) => {
                        queue.went(waiting.call);
                        *live += 1;
                        let permit = self.permit(waiting.all_wants(), now);
                        granted.push((askers.remove(&waiting.call), permit));
                    }
                }
            }
            drop(state);
            for (asker, permit) in granted {
                // One who has just left gives the permit back by dropping it.
                let _ = asker.map(|asker| asker.permit.send(permit));
            }
        }
    }
}

impl Ticket {
    /// Waits for the right to be live; `None` when the ticket is void. Safe to drop and call again.
    pub(crate) async fn permit(&mut self) -> Option<Permit> {
        // The sender waits in the admission until it is used, or replaced by that of another ticket.
        (&mut self.permit).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        if state
            .askers
            .get(&self.call)
            .is_some_and(|asker| asker.ticket == self.number)
        {
            let asker = state.askers.remove(&self.call);
            state.queue.leave(self.call);
            drop(state);
            drop(asker);
            self.admission.changed.notify_one();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let length = self.admission.now() - self.since;
        let mut state = self.admission.state();
        state.live = state.live.saturating_sub(1);
        for key in &self.places {
            state.ledger.release(key);
            state.lengths.learn(key, length);
            state.queue.released(key);
        }
        drop(state);
        self.admission.changed.notify_one();
    }
}

/// Lets calls go until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let inner = engine.inner();
    let admission = &inner.admission;
    loop {
        let next = admission.look();
        if admission.has_room_again() {
            inner.due.notify_one();
        }
        let until = next.and_then(|next| Some(admission.began + Duration::from_nanos(u64::try_from(next).ok()?)));
        let until = until.unwrap_or_else(|| Instant::now() + LONGEST_SLEEP);
        tokio::select! {
            () = inner.stopping.cancelled() => return,
            () = admission.changed.notified() => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }
}
