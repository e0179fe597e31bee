//! What the binds of a trunk share: the texts that are to leave at once, and how fast they may go.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use outdial_domain::message::{PartFate, ReceiptState, Refusal};
use outdial_engine::ports::Arrival;
use rusmpp::{Pdu, pdus::SubmitSm};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::config::SmppTrunk;

/// The first pause after an SMSC said that we are too fast; each that follows at once is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is to be done over any bind that sends.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) what: Wanted,
    pub(crate) asker: Asker,
    pub(crate) high: bool,
    /// After this it is too late, because another node may have it.
    pub(crate) send_before: Option<Instant>,
}

#[derive(Debug)]
pub(crate) enum Wanted {
    Submit(Box<SubmitSm>),
    Query(Box<Pdu>),
}

/// Who is told what came of it.
#[derive(Debug)]
pub(crate) enum Asker {
    Text(oneshot::Sender<PartFate>),
    Question(oneshot::Sender<Option<ReceiptState>>),
}

impl Asker {
    /// Says what became of it. Of a question that is nothing.
    pub(crate) fn hears(self, fate: PartFate) {
        // Whoever took it back does not want to know.
        match self {
            Self::Text(told) => drop(told.send(fate)),
            Self::Question(told) => drop(told.send(None)),
        }
    }
}

impl Job {
    fn is_text(&self) -> bool {
        matches!(self.what, Wanted::Submit(_))
    }

    /// Whether nobody waits for it any more.
    fn is_taken_back(&self) -> bool {
        match &self.asker {
            Asker::Text(told) => told.is_closed(),
            Asker::Question(told) => told.is_closed(),
        }
    }

    fn is_too_late(&self, now: Instant) -> bool {
        self.send_before.is_some_and(|moment| moment <= now)
    }

    /// Says that it did not leave.
    fn not_sent(self, reason: &str) {
        let reason = reason.to_owned();
        self.asker.hears(PartFate::NotSent { reason });
    }
}

/// A trunk.
#[derive(Debug)]
pub(crate) struct Trunk {
    pub(crate) settings: SmppTrunk,
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    /// Wakes binds when there is something to do.
    pub(crate) work: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    urgent: VecDeque<Job>,
    others: VecDeque<Job>,
    /// How many binds that send there are.
    up: usize,
    /// Why there is none.
    down: String,
    pause: Duration,
    paused_until: Option<Instant>,
}

impl Trunk {
    pub(crate) fn new(settings: SmppTrunk, arrivals: mpsc::Sender<Arrival>) -> Self {
        Self {
            settings,
            arrivals,
            work: Notify::new(),
            state: Mutex::new(State {
                urgent: VecDeque::new(),
                others: VecDeque::new(),
                up: 0,
                down: "it is not connected yet".to_owned(),
                pause: Duration::ZERO,
                paused_until: None,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole after every single operation on it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing can be sent; `None` when something can.
    pub(crate) fn down(&self) -> Option<String> {
        let state = self.state();
        (state.up == 0).then(|| state.down.clone())
    }

    /// A bind that sends is there.
    pub(crate) fn came_up(&self) {
        self.state().up += 1;
        self.work.notify_one();
    }

    /// It is no longer there. When it was the last one, nothing of what waits will leave.
    pub(crate) fn went_down(&self, why: &str) {
        let waiting = {
            let mut state = self.state();
            state.up = state.up.saturating_sub(1);
            state.down = why.to_owned();
            match state.up {
                0 => state.take_all(),
                _ => Vec::new(),
            }
        };
        for job in waiting {
            job.not_sent(why);
        }
    }

    /// A bind did not come about.
    pub(crate) fn stays_down(&self, why: &str) {
        self.state().down = why.to_owned();
    }

    /// Puts something in line, or says at once that it does not leave.
    pub(crate) fn push(&self, job: Job, now: Instant) {
        let mut state = self.state();
        if state.up == 0 {
            let why = state.down.clone();
            drop(state);
            job.not_sent(&why);
        } else if state.pauses(now) && job.is_text() {
            drop(state);
            job.asker.hears(too_fast(PAUSES.to_owned()));
        } else {
            state.lane(job.high).push_back(job);
            drop(state);
            self.work.notify_one();
        }
    }

    /// What is next, unless the trunk pauses.
    pub(crate) fn take(&self, now: Instant) -> Option<Job> {
        let mut state = self.state();
        if state.pauses(now) {
            return None;
        }
        loop {
            let urgent = state.urgent.pop_front();
            let job = urgent.or_else(|| state.others.pop_front())?;
            if job.is_too_late(now) {
                job.not_sent("the lease of this node ended before there was room for it");
            } else if !job.is_taken_back() {
                return Some(job);
            }
        }
    }

    /// Whether something waits, for whoever has no room for it.
    pub(crate) fn has_work(&self) -> bool {
        let state = self.state();
        !state.urgent.is_empty() || !state.others.is_empty()
    }

    /// For how long nothing leaves.
    pub(crate) fn pauses(&self, now: Instant) -> Option<Duration> {
        self.paused_until(now).map(|until| until.duration_since(now))
    }

    /// Until when nothing leaves.
    pub(crate) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.state().paused_until.filter(|until| *until > now)
    }

    /// The SMSC said that we are too fast. It gets nothing for a while; what has not left yet is given back.
    pub(crate) fn slow_down(&self, now: Instant) {
        let waiting = {
            let mut state = self.state();
            // What was under way at the same time says the same, and tells nothing new.
            if !state.pauses(now) {
                state.pause = (state.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                state.paused_until = Some(now + state.pause);
                tracing::info!(trunk = %self.settings.name, pause = ?state.pause, "the SMSC says that we are too fast");
            }
            state.take_texts()
        };
        for job in waiting {
            job.asker.hears(too_fast(PAUSES.to_owned()));
        }
    }

    /// The SMSC took a text: we are not too fast.
    pub(crate) fn went_through(&self, now: Instant) {
        let mut state = self.state();
        if state.pause > Duration::ZERO && !state.pauses(now) {
            state.pause /= 2;
            if state.pause < FIRST_PAUSE {
                state.pause = Duration::ZERO;
            }
        }
    }
}

impl State {
    fn lane(&mut self, high: bool) -> &mut VecDeque<Job> {
        if high { &mut self.urgent } else { &mut self.others }
    }

    fn pauses(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    fn take_all(&mut self) -> Vec<Job> {
        self.urgent.drain(..).chain(self.others.drain(..)).collect()
    }

    /// All but questions.
    fn take_texts(&mut self) -> Vec<Job> {
        let (texts, questions): (Vec<Job>, Vec<Job>) = self.take_all().into_iter().partition(Job::is_text);
        self.others = questions.into();
        texts
    }
}

/// Why a text does not leave while its trunk pauses.
const PAUSES: &str = "the SMSC said that it gets too much, and it did not leave";

/// What becomes of a text that came when the SMSC had too much.
fn too_fast(reason: String) -> PartFate {
    PartFate::Refused {
        refusal: Refusal::Slower,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk() -> Trunk {
        let (arrivals, _) = mpsc::channel(1);
        Trunk::new(SmppTrunk::new("smsc", "localhost", 2775), arrivals)
    }

    /// A question stands for anything here, because nobody has to write it.
    fn job(high: bool) -> (Job, oneshot::Receiver<Option<ReceiptState>>) {
        let (told, answer) = oneshot::channel();
        let (what, asker) = (Wanted::Query(Box::new(Pdu::EnquireLink)), Asker::Question(told));
        let send_before = None;
        (
            Job {
                what,
                asker,
                high,
                send_before,
            },
            answer,
        )
    }

    #[test]
    fn urgent_texts_go_first_and_those_that_were_taken_back_not_at_all() {
        let trunk = trunk();
        let now = Instant::now();
        trunk.came_up();
        let (slow, _slow) = job(false);
        let (gone, answer) = job(true);
        let (fast, _fast) = job(true);
        drop(answer);
        for job in [slow, gone, fast] {
            trunk.push(job, now);
        }
        assert!(trunk.take(now).is_some_and(|job| job.high));
        assert!(trunk.take(now).is_some_and(|job| !job.high));
        assert!(trunk.take(now).is_none());
    }

    #[test]
    fn what_has_waited_beyond_the_lease_of_its_node_does_not_leave() {
        let trunk = trunk();
        let now = Instant::now();
        trunk.came_up();
        let (mut late, mut answer) = job(true);
        late.send_before = Some(now);
        let (mut early, _early) = job(false);
        early.send_before = Some(now + Duration::from_secs(1));
        trunk.push(late, now);
        trunk.push(early, now);
        assert!(trunk.take(now).is_some_and(|job| !job.high));
        assert_eq!(answer.try_recv(), Ok(None), "it was told that it did not leave");
    }

    #[test]
    fn nothing_waits_for_a_trunk_that_is_down() {
        let trunk = trunk();
        let (early, mut early_answer) = job(false);
        trunk.push(early, Instant::now());
        assert_eq!(early_answer.try_recv(), Ok(None));
        trunk.came_up();
        let (waiting, mut answer) = job(false);
        trunk.push(waiting, Instant::now());
        trunk.went_down("the connection broke");
        assert_eq!(answer.try_recv(), Ok(None));
        assert_eq!(trunk.down().as_deref(), Some("the connection broke"));
    }

    #[test]
    fn the_pause_grows_while_the_smsc_complains_and_shrinks_when_it_does_not() {
        let trunk = trunk();
        trunk.came_up();
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        let (question, _answer) = job(false);
        trunk.push(question, now);
        for _ in 0..9 {
            trunk.slow_down(now);
            let until = trunk.paused_until(now).unwrap();
            assert!(trunk.take(now).is_none(), "a question waits");
            pauses.push((until - now).as_millis());
            now = until;
        }
        assert!(trunk.take(now).is_some());
        assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        for _ in 0..7 {
            trunk.went_through(now);
        }
        trunk.slow_down(now);
        assert_eq!(trunk.paused_until(now), Some(now + FIRST_PAUSE));
        // One that was under way at the same time does not double it.
        trunk.slow_down(now);
        assert_eq!(trunk.paused_until(now), Some(now + FIRST_PAUSE));
    }

    #[test]
    fn no_text_waits_in_a_trunk_that_pauses() {
        let trunk = trunk();
        let now = Instant::now();
        trunk.came_up();
        let text = || {
            let (told, answer) = oneshot::channel();
            let (what, asker) = (Wanted::Submit(Box::default()), Asker::Text(told));
            let job = Job {
                what,
                asker,
                high: true,
                send_before: None,
            };
            (job, answer)
        };
        let (waiting, mut first) = text();
        trunk.push(waiting, now);
        trunk.slow_down(now);
        let (late, mut second) = text();
        trunk.push(late, now);
        for answer in [&mut first, &mut second] {
            let refused = PartFate::Refused {
                refusal: Refusal::Slower,
                reason: PAUSES.to_owned(),
            };
            assert_eq!(answer.try_recv(), Ok(refused));
        }
        let (after, _answer) = text();
        trunk.push(after, now + FIRST_PAUSE);
        assert!(trunk.take(now + FIRST_PAUSE).is_some());
    }
}
