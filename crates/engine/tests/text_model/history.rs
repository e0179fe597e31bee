//! The lives of an engine on one store, one after the other, with the same networks outside.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt;
use jiff::Timestamp;
use outdial_domain::{
    Address, Direction, EventKind, Message, MessageEvent, MessageId, MessageState, Number, NumberUse, Scope,
};
use outdial_engine::{
    Actor, Engine, SmsTrunk,
    pacing::limits::Limit,
    ports::{Clock, MessageFilter, MessageStore, Store, TextCarrier},
    verbs::{self, Canceled, SentTo},
};
use outdial_testkit::fakes::{FakeClock, World};
use tokio::{
    runtime,
    sync::watch,
    task::yield_now,
    time::{sleep, timeout},
};

use super::{
    life::{Deed, Life, Plan, receiver},
    network::{Carrier, Network},
};

/// How long all may take that is left when nothing crashes any more.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// All that has happened.
pub(crate) struct History {
    world: World,
    actor: Actor,
    /// What the clock shows.
    now: Timestamp,
    pub(crate) network: Arc<Network>,
    /// How often each message was being sent when an engine crashed.
    pub(crate) interrupted: HashMap<MessageId, usize>,
    pub(crate) asked: Arc<Mutex<Asked>>,
}

/// What was asked of the engines.
#[derive(Default)]
pub(crate) struct Asked {
    /// The place of a plan is in the number of its receiver.
    pub(crate) plans: Vec<Plan>,
    /// The messages that were made for certain.
    pub(crate) made: Vec<MessageId>,
    /// Those that were taken back.
    pub(crate) canceled: Vec<MessageId>,
}

fn runtime() -> runtime::Runtime {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

fn trunk(name: &str) -> SmsTrunk {
    SmsTrunk {
        name: name.to_owned(),
        carrier: "smpp".to_owned(),
        prefixes: Vec::new(),
        built_in: false,
        limit: Limit::default(),
        under_way: 3,
    }
}

impl History {
    pub(crate) fn new() -> Self {
        let mut world = World::new();
        world.settings.policy.open.extend("+65".parse());
        world.settings.sms_trunks = vec![trunk("one"), trunk("two")];
        world.settings.numbers.push(Number {
            address: Address::parse("+6561234567").unwrap(),
            account: "default".to_owned(),
            trunk: None,
            uses: vec![NumberUse::ReceivesTexts],
            flow: None,
        });
        let actor = runtime().block_on(world.account("default", &[Scope::Calls]));
        Self {
            world,
            actor,
            now: FakeClock::START,
            network: Arc::default(),
            interrupted: HashMap::new(),
            asked: Arc::default(),
        }
    }

    /// Starts an engine, lets it live, and drops all of it.
    pub(crate) fn live(&mut self, life: &Life) {
        let runtime = runtime();
        self.network.next(&life.replies);
        let world = runtime.block_on(async { self.born() });
        world.store.answer_after(life.disk);
        runtime.block_on(async {
            let engine = self.engine(&world).await;
            let (done, mut deeds) = watch::channel(0);
            let (actor, asked, network) = (self.actor.clone(), Arc::clone(&self.asked), Arc::clone(&self.network));
            let acting = Acting {
                world: world.clone(),
                engine,
                actor,
                asked,
                network,
            };
            tokio::spawn(acting.act(life.deeds.clone(), done));
            let _ = timeout(life.time, deeds.wait_for(|done| *done >= life.deed)).await;
            sleep(life.later).await;
            for _ in 0..life.turns {
                yield_now().await;
            }
            self.now = world.clock.now();
        });
        drop(runtime);
        for message in self.messages() {
            if message.state == MessageState::Sending {
                *self.interrupted.entry(message.id).or_default() += 1;
            }
        }
    }

    /// The last engine lives until every message has ended.
    pub(crate) fn live_to_the_end(&mut self) {
        let runtime = runtime();
        self.network.next(&[]);
        let world = runtime.block_on(async { self.born() });
        runtime.block_on(async {
            let _engine = self.engine(&world).await;
            let begun = tokio::time::Instant::now();
            while self.messages().iter().any(|message| !message.state.is_final()) {
                assert!(
                    begun.elapsed() < LONGEST,
                    "texts that do not end: {:#?}",
                    self.messages()
                );
                sleep(Duration::from_secs(30)).await;
            }
        });
    }

    async fn engine(&self, world: &World) -> Engine {
        let mut parts = world.parts();
        let carrier: Arc<dyn TextCarrier> = Arc::new(Carrier(Arc::clone(&self.network)));
        parts.text_carriers = BTreeMap::from([("smpp".to_owned(), carrier)]);
        let engine = Engine::start(parts).await.unwrap();
        self.network.say_again();
        engine
    }

    /// The world as it is at the next start: only the store and the networks know what was before.
    fn born(&self) -> World {
        let clock = Arc::new(FakeClock::default());
        clock.set_forward(self.now.duration_since(FakeClock::START));
        let mut world = self.world.clone();
        world.clock = clock;
        world.store.answer_after(Duration::ZERO);
        world.store.lose_message_answers(0);
        world
    }

    /// Every message that is stored and that we send.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let filter = MessageFilter {
            direction: Some(Direction::Outgoing),
            most: 1_000,
            ..MessageFilter::default()
        };
        let page = self.world.store.messages(self.actor.account, filter).now_or_never();
        page.expect("the memory store answers at once").unwrap().items
    }

    /// What happened to a message.
    pub(crate) fn events(&self, message: &Message) -> Vec<MessageEvent> {
        let store = &self.world.store;
        let events = store.events_of(message.account, message.id.into()).now_or_never();
        let events = events.expect("the memory store answers at once").unwrap();
        let kinds = events.into_iter().map(|stored| match stored.event.kind {
            EventKind::Message { event } => event,
            other => panic!("{other:?} happened to a message"),
        });
        kinds.collect()
    }
}

/// Who asks this of an engine.
struct Acting {
    world: World,
    engine: Engine,
    actor: Actor,
    asked: Arc<Mutex<Asked>>,
    network: Arc<Network>,
}

impl Acting {
    async fn act(self, deeds: Vec<(u64, Deed)>, done: watch::Sender<usize>) {
        for (after, deed) in deeds {
            sleep(Duration::from_millis(after)).await;
            self.one(deed).await;
            done.send_modify(|done| *done += 1);
        }
        // The engine lives on although nothing more is asked of it.
        std::future::pending::<()>().await;
    }

    async fn one(&self, deed: Deed) {
        match deed {
            Deed::Send(plan) => {
                let number = self.asked.lock().unwrap().plans.len();
                let request = plan.request(self.world.clock.now(), number);
                self.asked.lock().unwrap().plans.push(plan);
                if let Ok(sent) = verbs::send_messages(&self.engine, &self.actor, request, None).await {
                    let made = sent.iter().map(|one| match one {
                        SentTo::Taken(message) => message.id,
                        other => panic!("{other:?}"),
                    });
                    self.asked.lock().unwrap().made.extend(made);
                }
            }
            Deed::Cancel(ago) => {
                let Some(id) = self.asked.lock().unwrap().made.iter().rev().nth(ago).copied() else {
                    return;
                };
                if let Ok(Canceled::Prevented(_)) = verbs::cancel_message(&self.engine, &self.actor, id).await {
                    self.asked.lock().unwrap().canceled.push(id);
                }
            }
            Deed::Stop(ago) => {
                let plans = self.asked.lock().unwrap().plans.len();
                if let Some(number) = plans.checked_sub(ago + 1) {
                    self.network.stop(receiver(number));
                }
            }
            Deed::Trunk(trunk, up) => self.network.trunk_is(trunk, up),
            Deed::LoseAnswers(batches) => self.world.store.lose_message_answers(batches),
        }
    }
}
