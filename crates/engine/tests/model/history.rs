//! The lives of an engine on one store, one after the other.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use outdial_domain::{Call, CallId, CallState, EventKind, LegId, Scope};
use outdial_engine::{
    Actor, Engine, HangUpAnswer,
    ports::{CallDetails, CallFilter, Clock, LegOrder, Store},
    verbs,
};
use outdial_testkit::fakes::{FakeCarrier, FakeClock, World};
use tokio::{
    runtime,
    sync::watch,
    task::yield_now,
    time::{sleep, timeout},
};

use super::life::{Deed, Life, Phone, Plan};

/// How long all may take that is left when nothing crashes any more: a clock that was set back for hours has
/// to come to where it was.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

/// All that has happened.
pub(crate) struct History {
    world: World,
    pub(crate) actor: Actor,
    /// What the clock shows.
    now: Timestamp,
    /// The phones that rang, each with what it did.
    pub(crate) rung: Vec<(LegOrder, Phone)>,
    /// The legs that were under way when an engine crashed.
    pub(crate) interrupted: BTreeSet<LegId>,
    pub(crate) asked: Arc<Mutex<Asked>>,
}

/// What was asked of the engines.
#[derive(Default)]
pub(crate) struct Asked {
    /// The place of a plan is the tag of its call.
    pub(crate) plans: Vec<Plan>,
    /// The calls that were made for certain.
    pub(crate) made: Vec<CallId>,
    pub(crate) ended: Vec<Ended>,
}

/// A request to end a call, and its answer.
pub(crate) struct Ended {
    pub(crate) call: CallId,
    pub(crate) answer: HangUpAnswer,
    /// The legs that it had in the journal by then.
    pub(crate) legs: usize,
}

fn runtime() -> runtime::Runtime {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

impl History {
    pub(crate) fn new() -> Self {
        let world = World::new();
        let actor = runtime().block_on(world.account("default", &[Scope::Calls]));
        Self {
            world,
            actor,
            now: FakeClock::START,
            rung: Vec::new(),
            interrupted: BTreeSet::new(),
            asked: Arc::default(),
        }
    }

    /// Starts an engine, lets it live, and drops all of it.
    pub(crate) fn live(&mut self, life: &Life) {
        let runtime = runtime();
        let world = runtime.block_on(async { self.born(&life.phones) });
        world.store.answer_after(life.disk);
        runtime.block_on(async {
            let engine = world.engine().await;
            let (done, mut deeds) = watch::channel(0);
            let actor = self.actor.clone();
            let asked = Arc::clone(&self.asked);
            tokio::spawn(act(world.clone(), engine, actor, asked, life.deeds.clone(), done));
            let _ = timeout(life.time, deeds.wait_for(|done| *done >= life.deed)).await;
            sleep(life.later).await;
            for _ in 0..life.turns {
                yield_now().await;
            }
            self.now = world.clock.now();
        });
        drop(runtime);
        self.remember(&world, &life.phones);
        for details in self.calls() {
            let open = details.legs.iter().filter(|leg| leg.progress.ending.is_none());
            self.interrupted.extend(open.map(|leg| leg.id));
        }
    }

    /// The last engine lives until every call has ended.
    pub(crate) fn live_to_the_end(&mut self) {
        let runtime = runtime();
        let world = runtime.block_on(async { self.born(&[]) });
        runtime.block_on(async {
            let _engine = world.engine().await;
            let begun = tokio::time::Instant::now();
            while self
                .calls()
                .iter()
                .any(|details| details.call.state != CallState::Ended)
            {
                assert!(begun.elapsed() < LONGEST, "calls that do not end: {:#?}", self.calls());
                sleep(Duration::from_secs(5)).await;
            }
        });
        self.remember(&world, &[]);
    }

    /// The world as it is at the next start: only the store knows what was before.
    fn born(&self, phones: &[Phone]) -> World {
        let clock = Arc::new(FakeClock::default());
        clock.set_forward(self.now.duration_since(FakeClock::START));
        let mut world = self.world.clone();
        world.carrier = Arc::new(FakeCarrier::new(Arc::clone(&clock)));
        world.clock = clock;
        for phone in phones {
            world.carrier.next(phone.script());
        }
        world.store.answer_after(Duration::ZERO);
        world.store.lose_answers(0);
        world
    }

    fn remember(&mut self, world: &World, phones: &[Phone]) {
        let phones = phones.iter().copied().chain(std::iter::repeat(Phone::Answers));
        self.rung.extend(world.carrier.rung().into_iter().zip(phones));
    }

    /// Every call that is stored.
    pub(crate) fn calls(&self) -> Vec<CallDetails> {
        let store = &self.world.store;
        let filter = CallFilter {
            most: 1_000,
            ..CallFilter::default()
        };
        let at_once = "the memory store answers at once";
        let page = store
            .calls(self.actor.account, filter)
            .now_or_never()
            .expect(at_once)
            .unwrap();
        let whole = |call: &Call| store.call(self.actor.account, call.id).now_or_never().expect(at_once);
        page.items.iter().map(|call| whole(call).unwrap().unwrap()).collect()
    }

    /// The kinds of a call's events.
    pub(crate) fn events(&self, call: CallId) -> Vec<EventKind> {
        let events = self
            .world
            .store
            .events_of(self.actor.account, call.into())
            .now_or_never();
        let events = events.expect("the memory store answers at once").unwrap();
        events.into_iter().map(|stored| stored.event.kind).collect()
    }
}

/// Counts a deed when it is over.
struct Counted<'a>(&'a watch::Sender<usize>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|done| *done += 1);
    }
}

/// Asks this of an engine, one after the other.
async fn act(
    world: World,
    engine: Engine,
    actor: Actor,
    asked: Arc<Mutex<Asked>>,
    deeds: Vec<(u64, Deed)>,
    done: watch::Sender<usize>,
) {
    for (after, deed) in deeds {
        // Counted when it is answered, or gone wrong.
        let _counted = Counted(&done);
        sleep(Duration::from_millis(after)).await;
        match deed {
            Deed::Place(plan) => {
                let tag = asked.lock().unwrap().plans.len();
                let request = plan.request(world.clock.now(), tag);
                asked.lock().unwrap().plans.push(plan);
                if let Ok(call) = verbs::place_call(&engine, &actor, request).await {
                    asked.lock().unwrap().made.push(call.id);
                }
            }
            Deed::HangUp(ago) => {
                let Some(call) = asked.lock().unwrap().made.iter().rev().nth(ago).copied() else {
                    continue;
                };
                let Ok(answer) = verbs::hang_up(&engine, &actor, call).await else {
                    continue;
                };
                let details = verbs::get_call(&engine, &actor, call).await.unwrap();
                let legs = details.legs.len();
                asked.lock().unwrap().ended.push(Ended { call, answer, legs });
            }
            Deed::SetClock(seconds) => world.clock.set_forward(SignedDuration::from_secs(seconds)),
            Deed::LoseAnswers(changes) => world.store.lose_answers(changes),
        }
    }
    // The engine lives on although nothing more is asked of it.
    std::future::pending::<()>().await;
}
