//! Where calls of this node wait until all their limits allow them.
//!
//! Each waiting call is a task that holds a [`Ticket`]. One task, [`run`], looks whenever something has
//! come, gone or become free, and gives a [`Permit`] to those that may go. A permit is held until the leg
//! has ended; a ticket or permit that is dropped, for whatever reason, gives back what it took.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use outdial_domain::Subject;
use tokio::{
    sync::{Mutex as AsyncMutex, Notify, oneshot},
    time::{Duration, Instant},
};

use super::{
    bucket::{Bucket, Nanos, SECOND},
    estimate::{Asked, Estimate, Lengths, estimate},
    limits::{Hold, Key, Kind, Ledger, Limit, Until, Usage, Want},
    queue::{Queue, Waiting},
    window::Window,
};
use crate::{
    Engine,
    ports::{Count, Counted, Lane, SharedLimits, StoreError, Tally, Wanted, Work},
};

/// How many calls are tried at one look.
const TRIED: usize = 64;
/// How often a store that keeps the limits for all nodes hears anew of all that this one has live.
const BEAT: Duration = Duration::from_secs(4);
/// How long to wait until a place is asked for again that another node may give back.
const POLL: Nanos = SECOND / 5;
/// How long to wait after such a store failed.
const AFTER_FAILURE: Nanos = SECOND;
/// How long to wait at most before the next look.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Where calls wait.
pub(crate) struct Admission {
    state: Mutex<State>,
    /// Something came, went or became free: it is time to look.
    changed: Notify,
    /// The moment that this node's nanoseconds count from.
    began: Instant,
    /// Held while a store counts, so that what this node says of itself is in order.
    counting: AsyncMutex<()>,
    /// Whether a store keeps the limits for all nodes.
    shared: bool,
    /// How many calls may be live on this node.
    most_live: usize,
}

#[derive(Default)]
struct State {
    queue: Queue,
    /// The calls that were claimed.
    window: Window,
    /// The messages that were.
    messages: Window,
    ledger: Ledger,
    lengths: Lengths,
    askers: HashMap<Subject, Asker>,
    tickets: u64,
    /// How many permits are out.
    live: usize,
    /// How many of them count against each limit of calls at once, and for each account.
    in_use: HashMap<Key, u32>,
    /// The accounts that got a limit of calls at once since this node started.
    newly_limited: HashSet<Key>,
    /// The limits of which the store that keeps them for all nodes does not know that yet.
    unsaid: HashSet<Key>,
    /// When the store was last told of all that is live, and as which run of this node.
    said: Option<(Instant, String)>,
}

/// Who waits for a permit.
struct Asker {
    ticket: u64,
    permit: oneshot::Sender<Permit>,
}

/// A place in the queue. It is left when this is dropped.
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    subject: Subject,
    number: u64,
    permit: oneshot::Receiver<Permit>,
}

/// The room that a claimed call takes until it may go. Dropping it makes room for another.
pub(crate) struct Seat {
    admission: Arc<Admission>,
    lane: Lane,
}

/// The right to be live. What it counts against is given back when it is dropped.
pub(crate) struct Permit {
    admission: Arc<Admission>,
    /// What it counts against, and whether that had a limit of calls at once when it was given.
    places: Vec<(Key, bool)>,
    /// What it lets go: only calls are counted as live.
    work: Work,
    since: Nanos,
}

impl Admission {
    /// `shared` says that a store keeps the limits for all nodes, and `most_live` how many calls may be live here.
    pub(crate) fn new(shared: bool, most_live: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Notify::new(),
            began: Instant::now(),
            counting: AsyncMutex::default(),
            shared,
            most_live,
        })
    }

    /// A call that is due comes to wait. Where it waits already it was changed meanwhile, and the older ticket
    /// is void.
    pub(crate) fn enter(self: &Arc<Self>, waiting: Waiting) -> Ticket {
        let (sender, permit) = oneshot::channel();
        let subject = waiting.subject;
        let mut state = self.state();
        state.tickets += 1;
        let number = state.tickets;
        let asker = Asker {
            ticket: number,
            permit: sender,
        };
        state.queue.leave(subject);
        let void = state.askers.insert(subject, asker);
        state.queue.enter(waiting);
        drop(state);
        drop(void);
        self.changed.notify_one();
        Ticket {
            admission: Arc::clone(self),
            subject,
            number,
            permit,
        }
    }

    /// A call that waits comes again, because its account is allowed something else than before.
    pub(crate) fn enter_again(self: &Arc<Self>, waiting: Waiting) -> Ticket {
        let account = waiting.wants.iter().find(|want| want.key.kind() == Kind::Account);
        let account = account.map(|want| want.key.clone());
        let ticket = self.enter(waiting);
        if let Some(key) = account {
            self.state().queue.retry(&key);
        }
        ticket
    }

    /// An account is allowed something else from now on. Its live calls count, whenever they began.
    pub(crate) fn limit_changed(&self, account: &Key, limit: Limit) {
        let mut state = self.state();
        let in_use = state.in_use.get(account).copied().unwrap_or_default();
        if self.shared {
            state.unsaid.insert(account.clone());
        } else {
            let usage = state.ledger.usage(account);
            state.ledger.set(account.clone(), Usage { in_use, ..usage });
        }
        if limit.at_once.is_some() {
            state.newly_limited.insert(account.clone());
        }
        state.queue.retry(account);
        drop(state);
        self.changed.notify_one();
    }

    /// The right to be live for a call that cannot wait, if there is room at this moment. The error says what there is
    /// no room in.
    pub(crate) async fn at_once(self: &Arc<Self>, engine: &Engine, wants: &[Want]) -> Result<Permit, String> {
        let full = |hold: &Hold| {
            let want = wants.iter().find(|want| want.key == hold.key);
            want.map_or_else(|| hold.key.in_words(), Want::in_words)
        };
        let Some(limits) = engine.store.shared_limits() else {
            let now = self.now();
            let mut state = self.state();
            state.ledger.admit(wants.iter(), now).map_err(|hold| full(&hold))?;
            state.take(wants.iter());
            return Ok(self.permit(&mut state, Work::Calls, wants.iter(), now));
        };
        let run = engine.inner().node.run().id;
        let counted = self.count(limits, &run, vec![wants.to_vec()]).await;
        let mut counted = counted.map_err(|error| format!("calls cannot be counted: {error}"))?;
        if let Some(Err(hold)) = counted.verdicts.pop() {
            return Err(full(&hold));
        }
        let now = self.now();
        Ok(self.permit(&mut self.state(), Work::Calls, wants.iter(), now))
    }

    /// How many more calls of each lane may come, `most` at once. When it is said that of some none may, the
    /// scheduler is woken as soon as there is room for some.
    pub(crate) fn wanted(&self, most: usize) -> Wanted {
        let mut state = self.state();
        let can_go = self.can_go(&state);
        state.window.wanted(most, can_go)
    }

    /// The same of messages.
    pub(crate) fn messages_wanted(&self, most: usize) -> Wanted {
        self.state().messages.wanted(most, usize::MAX)
    }

    /// The lanes of which no more may come now. The scheduler is woken as soon as there is room for some.
    pub(crate) fn full_lanes(&self) -> Vec<Lane> {
        let mut state = self.state();
        let can_go = self.can_go(&state);
        state.window.full(can_go)
    }

    /// The same of messages.
    pub(crate) fn full_message_lanes(&self) -> Vec<Lane> {
        self.state().messages.full(usize::MAX)
    }

    /// A call or a message was claimed.
    pub(crate) fn seat(self: &Arc<Self>, lane: Lane) -> Seat {
        self.state().window_of(lane.work).enter(lane);
        Seat {
            admission: Arc::clone(self),
            lane,
        }
    }

    /// Whether others that are due were told to wait and may come now: calls, and messages.
    fn has_room_again(&self) -> (bool, bool) {
        let mut state = self.state();
        let can_go = self.can_go(&state);
        (
            state.window.has_room_again(can_go),
            state.messages.has_room_again(usize::MAX),
        )
    }

    /// How many calls could go here before long. What cannot is left to the other nodes, where there are any.
    fn can_go(&self, state: &State) -> usize {
        if self.shared {
            self.most_live.saturating_sub(state.live)
        } else {
            usize::MAX
        }
    }

    /// How many calls wait for a limit of each kind.
    pub(crate) fn waiting_by_kind(&self) -> Vec<(Option<Kind>, usize)> {
        self.state().queue.waiting_by_kind(Work::Calls).into_iter().collect()
    }

    /// How many permits are out.
    pub(crate) fn live(&self) -> usize {
        self.state().live
    }

    /// The limit that a call waits for, if it waits.
    pub(crate) fn reason(&self, subject: Subject) -> Option<Want> {
        self.state().queue.reason(subject).cloned()
    }

    /// How long a call will wait, when so many are due and not dialled over all nodes; see [`estimate`].
    pub(crate) fn estimate(&self, asked: Asked<'_>, due: &HashMap<Lane, Tally>) -> Estimate {
        let state = self.state();
        let State {
            queue, ledger, lengths, ..
        } = &*state;
        estimate(queue, ledger, lengths, asked, due, self.now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left the queue and the ledger whole: each operation on them is.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Nanos {
        self.nanos(Instant::now())
    }

    fn nanos(&self, moment: Instant) -> Nanos {
        Nanos::try_from((moment - self.began).as_nanos()).unwrap_or(Nanos::MAX)
    }

    fn permit<'w>(
        self: &Arc<Self>,
        state: &mut State,
        work: Work,
        wants: impl Iterator<Item = &'w Want>,
        since: Nanos,
    ) -> Permit {
        state.live += usize::from(work == Work::Calls);
        let places = wants.filter(|want| takes_place(want));
        Permit {
            work,
            admission: Arc::clone(self),
            places: places
                .map(|want| (want.key.clone(), want.limit.at_once.is_some()))
                .collect(),
            since,
        }
    }

    /// Lets all go that may. Says when the next limit lets somebody through.
    fn look(self: &Arc<Self>) -> Option<Nanos> {
        loop {
            let now = self.now();
            let mut state = self.state();
            state.queue.advance(now);
            let tried = state.queue.candidates(TRIED);
            if tried.is_empty() {
                return state.queue.next_time();
            }
            let mut granted = Vec::new();
            let mut held = Vec::new();
            for waiting in tried {
                let line = state.queue.line(waiting.subject);
                // What holds up the first of a line holds up all that stand behind it.
                if held.contains(&line) {
                    continue;
                }
                match state.ledger.admit(waiting.all_wants(), now) {
                    Err(hold) => {
                        if waiting.number.as_ref().is_none_or(|number| number.key != hold.key) {
                            held.push(line);
                        }
                        state.queue.held(waiting.subject, &hold);
                    }
                    Ok(()) => {
                        state.take(waiting.all_wants());
                        granted.push(self.grant(&mut state, &waiting, now));
                    }
                }
            }
            drop(state);
            hand_out(granted);
        }
    }

    /// The same where a store keeps the limits for all nodes: lets at most so many go at once, and tells the store
    /// what became free.
    async fn look_shared(self: &Arc<Self>, limits: &dyn SharedLimits, run: &str, most: usize) -> Option<Nanos> {
        loop {
            let tried = {
                let mut state = self.state();
                state.queue.advance(self.now());
                let tried = state.queue.candidates(most);
                let beat = state.next_beat(run);
                if tried.is_empty() && state.unsaid.is_empty() && beat.is_some_and(|beat| Instant::now() < beat) {
                    let beat = beat.map(|beat| self.nanos(beat));
                    return [state.queue.next_time(), beat].into_iter().flatten().min();
                }
                tried
            };
            let calls = tried
                .iter()
                .map(|waiting| waiting.all_wants().cloned().collect())
                .collect();
            let counted = match self.count(limits, run, calls).await {
                Ok(counted) => counted,
                Err(error) => {
                    tracing::error!(%error, "calls wait, because they cannot be counted");
                    return Some(self.now() + AFTER_FAILURE);
                }
            };
            let now = self.now();
            let offset = counted.now - now;
            let mut granted = Vec::new();
            let mut state = self.state();
            for (waiting, verdict) in tried.iter().zip(counted.verdicts) {
                match verdict {
                    Ok(()) => granted.push(self.grant(&mut state, waiting, now)),
                    Err(Hold { key, until }) => {
                        let until = match until {
                            Until::Time(until) => until - offset,
                            // A call of another node may end at any time, and nobody tells.
                            Until::Release => now + POLL,
                        };
                        let until = Until::Time(until);
                        state.queue.held(waiting.subject, &Hold { key, until });
                    }
                }
            }
            drop(state);
            hand_out(granted);
        }
    }

    /// Has a store count calls, tells it how many this node has live, and learns how far the limits are used.
    /// What may go has been taken when this returns.
    async fn count(&self, limits: &dyn SharedLimits, run: &str, calls: Vec<Vec<Want>>) -> Result<Counted, StoreError> {
        let _in_order = self.counting.lock().await;
        let (whole, live) = self.state().unsaid_before(run, &calls);
        let named: Vec<Key> = live.iter().map(|(key, _)| key.clone()).collect();
        let asked = calls.clone();
        let limited = |mut wants: Vec<Want>| {
            wants.retain(|want| !want.limit.is_none());
            wants
        };
        let counted = limits
            .count(Count {
                run: run.to_owned(),
                whole,
                live,
                calls: calls.into_iter().map(limited).collect(),
            })
            .await;
        let offset = counted.as_ref().map_or(0, |counted| counted.now - self.now());
        let mut state = self.state();
        match &counted {
            Ok(counted) => {
                if whole {
                    state.said = Some((Instant::now(), run.to_owned()));
                }
                for (key, usage) in &counted.used {
                    let bucket = Bucket::from_arrival(usage.bucket.arrival().saturating_sub(offset));
                    state.ledger.set(key.clone(), Usage { bucket, ..*usage });
                }
                for (wants, verdict) in asked.iter().zip(&counted.verdicts) {
                    if verdict.is_ok() {
                        state.take(wants.iter());
                    }
                }
            }
            // It may have been heard or not, so it is said again.
            Err(_) => state.unsaid.extend(named),
        }
        counted
    }

    /// Hands what was taken to the call, unless it has left meanwhile: then the permit is dropped.
    fn grant(self: &Arc<Self>, state: &mut State, waiting: &Waiting, now: Nanos) -> (Option<Asker>, Permit) {
        let asker = state.askers.remove(&waiting.subject);
        state.queue.went(waiting.subject);
        let work = Work::of(waiting.subject);
        (asker, self.permit(state, work, waiting.all_wants(), now))
    }
}

/// Gives the permits away. One whose asker has left is given back by being dropped.
fn hand_out(granted: Vec<(Option<Asker>, Permit)>) {
    for (asker, permit) in granted {
        let _ = asker.map(|asker| asker.permit.send(permit));
    }
}

/// Whether a live call counts against this. For its account it always does, which may get a limit later.
fn takes_place(want: &Want) -> bool {
    want.limit.at_once.is_some() || want.key.kind() == Kind::Account
}

impl State {
    fn window_of(&mut self, work: Work) -> &mut Window {
        match work {
            Work::Calls => &mut self.window,
            Work::Messages => &mut self.messages,
        }
    }

    /// A call goes that counts against these.
    fn take<'w>(&mut self, wants: impl Iterator<Item = &'w Want>) {
        for want in wants.filter(|want| takes_place(want)) {
            *self.in_use.entry(want.key.clone()).or_default() += 1;
        }
    }

    /// A call that counted against these places has ended.
    fn give_back(&mut self, work: Work, places: &[(Key, bool)]) {
        self.live = self.live.saturating_sub(usize::from(work == Work::Calls));
        for (key, _) in places {
            if let Some(calls) = self.in_use.get_mut(key) {
                *calls = calls.saturating_sub(1);
                if *calls == 0 {
                    self.in_use.remove(key);
                }
            }
        }
    }

    /// What the store must be told before it counts these calls: whether all is said anew, and how many
    /// live calls count against what.
    fn unsaid_before(&mut self, run: &str, calls: &[Vec<Want>]) -> (bool, Vec<(Key, u32)>) {
        let whole = self.next_beat(run).is_none_or(|beat| beat <= Instant::now());
        let wanted = calls.iter().flatten().filter(|want| want.limit.at_once.is_some());
        let mut keys: HashSet<Key> = wanted.map(|want| want.key.clone()).collect();
        keys.extend(self.unsaid.drain());
        if whole {
            keys.extend(self.in_use.keys().cloned());
        }
        let in_use = |key: &Key| self.in_use.get(key).copied().unwrap_or_default();
        let live = keys.into_iter().map(|key| (key.clone(), in_use(&key))).collect();
        (whole, live)
    }

    /// When all is said anew; at once where it was never said as this run.
    fn next_beat(&self, run: &str) -> Option<Instant> {
        let (at, _) = self.said.as_ref().filter(|(_, said_as)| said_as == run)?;
        Some(*at + BEAT)
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
            .get(&self.subject)
            .is_some_and(|asker| asker.ticket == self.number)
        {
            let asker = state.askers.remove(&self.subject);
            state.queue.leave(self.subject);
            drop(state);
            drop(asker);
            self.admission.changed.notify_one();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.admission.state().window_of(self.lane.work).leave(self.lane);
        self.admission.changed.notify_one();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let length = self.admission.now() - self.since;
        let mut state = self.admission.state();
        state.give_back(self.work, &self.places);
        for (key, was_limited) in &self.places {
            state.ledger.release(key);
            state.lengths.learn(key, length);
            if self.admission.shared {
                if *was_limited || state.newly_limited.contains(key) {
                    state.unsaid.insert(key.clone());
                    state.queue.retry(key);
                }
            } else {
                state.queue.released(key);
            }
        }
        drop(state);
        self.admission.changed.notify_one();
    }
}

/// Lets calls go until the engine stops; then it tells the store, where one counts for all nodes, of those that end,
/// until the last has ended.
pub(crate) async fn run(engine: Engine) {
    let inner = engine.inner();
    let admission = &inner.admission;
    loop {
        let most = if engine.is_stopping() { 0 } else { TRIED };
        let look = async {
            match engine.store.shared_limits() {
                None => admission.look(),
                Some(limits) => admission.look_shared(limits, &inner.node.run().id, most).await,
            }
        };
        let next = tokio::select! {
            biased;
            () = inner.left.cancelled() => return,
            next = look => next,
        };
        let (calls, messages) = admission.has_room_again();
        if calls {
            inner.due.notify_one();
        }
        if messages {
            inner.messages_due.notify_one();
        }
        let until = next.and_then(|next| Some(admission.began + Duration::from_nanos(u64::try_from(next).ok()?)));
        let until = until.unwrap_or_else(|| Instant::now() + LONGEST_SLEEP);
        tokio::select! {
            () = inner.left.cancelled() => return,
            () = admission.changed.notified() => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }
}
