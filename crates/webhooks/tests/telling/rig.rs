//! An engine on fakes, and receivers that do as they are told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use outdial_domain::{Address, Call, CallId, EventFilter, Scope, SigningSecret};
use outdial_engine::{
    Actor, Engine,
    ports::{Clock, Delivery, DeliveryFilter, Happened, Notice, NoticeWriter, Patience, Snapshot},
    verbs::{self, Action, PlaceCall, WebhookOfCall},
};
use outdial_flow::Flow;
use outdial_testkit::fakes::{FakeClock, World};
use outdial_webhooks::{Config, ID, Post, PostError, Posted, Posting, Webhooks, Writers};
use tokio::sync::watch;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a receiver does with a notification.
type Answer = Arc<dyn Fn(&Posting) -> Result<Posted, PostError> + Send + Sync>;

/// Receivers, by the beginning of their URLs.
pub(crate) struct Receivers {
    clock: Arc<FakeClock>,
    answers: Mutex<BTreeMap<String, Answer>>,
    got: watch::Sender<Vec<Got>>,
    /// How long each takes.
    pub(crate) takes: Mutex<Duration>,
}

/// A notification as it came.
#[derive(Clone)]
pub(crate) struct Got {
    pub(crate) at: Timestamp,
    pub(crate) posting: Posting,
    pub(crate) taken: bool,
}

impl Got {
    /// The call and the sequence.
    pub(crate) fn what(&self) -> (CallId, u32) {
        let (call, rest) = self.posting.body.split_once(' ').unwrap();
        let (sequence, _) = rest.split_once(' ').unwrap();
        (call.parse().unwrap(), sequence.parse().unwrap())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.posting.headers.iter().find(|(given, _)| *given == name);
        found.map_or("", |(_, value)| value)
    }
}

pub(crate) fn status(status: u16) -> Result<Posted, PostError> {
    Ok(Posted {
        status,
        ..Posted::default()
    })
}

impl Receivers {
    pub(crate) fn answer(
        &self,
        url: &str,
        answer: impl Fn(&Posting) -> Result<Posted, PostError> + Send + Sync + 'static,
    ) {
        self.answers.lock().unwrap().insert(url.to_owned(), Arc::new(answer));
    }

    /// What came to this URL, in the order it came.
    pub(crate) fn at(&self, url: &str) -> Vec<Got> {
        let got = self.got.borrow();
        got.iter()
            .filter(|got| got.posting.url.starts_with(url))
            .cloned()
            .collect()
    }

    /// The same, only what was taken, as calls and sequences.
    pub(crate) fn taken_at(&self, url: &str) -> Vec<(CallId, u32)> {
        self.at(url).iter().filter(|got| got.taken).map(Got::what).collect()
    }

    /// Waits until so many were taken at a URL.
    pub(crate) async fn took(&self, url: &str, many: usize) -> Vec<(CallId, u32)> {
        let mut got = self.got.subscribe();
        let enough = |got: &Vec<Got>| {
            got.iter()
                .filter(|got| got.taken && got.posting.url.starts_with(url))
                .count()
                >= many
        };
        let waited = tokio::time::timeout(Duration::from_secs(30 * 24 * 3600), got.wait_for(enough)).await;
        waited.expect("enough notifications").unwrap();
        self.taken_at(url)
    }
}

impl Post for Receivers {
    fn post(&self, posting: Posting) -> BoxFuture<'_, Result<Posted, PostError>> {
        let at = self.clock.now();
        let takes = *self.takes.lock().unwrap();
        async move {
            tokio::time::sleep(takes).await;
            let answer = {
                let answers = self.answers.lock().unwrap();
                let mut known = answers.iter().rev();
                known
                    .find(|(url, _)| posting.url.starts_with(url.as_str()))
                    .map(|(_, answer)| Arc::clone(answer))
            };
            let answered = answer.map_or_else(|| status(204), |answer| answer(&posting));
            let taken = matches!(&answered, Ok(posted) if (200..300).contains(&posted.status));
            self.got.send_modify(|got| got.push(Got { at, posting, taken }));
            answered
        }
        .boxed()
    }
}

/// Writes the call, the sequence, the kind, and how many events the call has.
struct Plain;

impl NoticeWriter for Plain {
    fn write(&self, happened: &Happened<'_>) -> Option<Notice> {
        let event = happened.event();
        let Snapshot::Call(call) = happened.snapshot else {
            panic!("only calls are told here");
        };
        let (id, sequence, kind) = (call.call.id, event.sequence, event.kind.word());
        Some(Notice {
            url: None,
            content_type: "text/plain".to_owned(),
            headers: Vec::new(),
            body: format!("{id} {sequence} {kind} {}", call.call.events),
        })
    }
}

/// The face that tells of the ends of its calls alone, at the address that is their tag if they have one, and tries
/// but twice more.
pub(crate) const BRIEF: &str = "brief";

struct Brief;

impl NoticeWriter for Brief {
    fn write(&self, happened: &Happened<'_>) -> Option<Notice> {
        let event = happened.event();
        let Snapshot::Call(call) = happened.snapshot else {
            panic!("only calls are told here");
        };
        (event.kind.word() == "ended").then(|| Notice {
            url: call.call.plan.tag.clone(),
            content_type: "text/plain".to_owned(),
            headers: vec![("x-brief", "yes".to_owned())],
            body: format!("{} {} ended", call.call.id, event.sequence),
        })
    }

    fn patience(&self) -> Patience {
        const PAUSES: &[Duration] = &[Duration::from_secs(30), Duration::from_secs(300)];
        Patience::Pauses(PAUSES)
    }
}

pub(crate) struct Rig {
    pub(crate) world: World,
    pub(crate) actor: Actor,
    pub(crate) receivers: Arc<Receivers>,
    pub(crate) engine: Engine,
    pub(crate) webhooks: Webhooks,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let world = World::new();
        let actor = world.account("acme", &[Scope::Admin]).await;
        let receivers = Arc::new(Receivers {
            clock: Arc::clone(&world.clock),
            answers: Mutex::default(),
            got: watch::Sender::new(Vec::new()),
            takes: Mutex::default(),
        });
        let engine = world.engine().await;
        let webhooks = telling(&engine, &receivers);
        Self {
            world,
            actor,
            receivers,
            engine,
            webhooks,
        }
    }

    /// Stops and starts again, after so long.
    pub(crate) async fn restart(self, after: Duration) -> Self {
        self.engine.stop(Duration::from_secs(60)).await;
        self.webhooks.stop(Duration::from_secs(60)).await;
        tokio::time::sleep(after).await;
        let engine = self.world.engine().await;
        let webhooks = telling(&engine, &self.receivers);
        Self {
            engine,
            webhooks,
            ..self
        }
    }

    pub(crate) fn request(webhook: Option<WebhookOfCall>) -> PlaceCall {
        let bob = Address::parse("sip:bob@127.0.0.1").unwrap();
        PlaceCall {
            webhook,
            ..PlaceCall::new(bob, Action::Flow(Flow::say("Hello")))
        }
    }

    /// Places a call whose receiver is at this URL.
    pub(crate) async fn place(&self, url: &str) -> Call {
        self.place_for(url, &[]).await
    }

    pub(crate) async fn place_for(&self, url: &str, events: &[&'static str]) -> Call {
        let webhook = WebhookOfCall {
            url: Some(url.to_owned()),
            events: EventFilter::of(events),
            secret: Some(SigningSecret::new(SECRET.to_owned())),
        };
        verbs::place_call(&self.engine, &self.actor, Self::request(Some(webhook)))
            .await
            .unwrap()
    }

    /// Places a call that names nobody, and waits for its end. Gives how many events it has.
    pub(crate) async fn whole_call(&self) -> (CallId, u32) {
        let call = verbs::place_call(&self.engine, &self.actor, Self::request(None))
            .await
            .unwrap();
        (call.id, self.ended(call.id).await)
    }

    /// Waits for the end of a call, and gives how many events it has.
    pub(crate) async fn ended(&self, call: CallId) -> u32 {
        loop {
            let details = self.engine.store.call(self.actor.account, call).await.unwrap().unwrap();
            if details.call.ending.is_some() {
                return details.call.events;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The log of deliveries, oldest first.
    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            most: 100_000,
            ..DeliveryFilter::default()
        };
        let mut page = verbs::list_deliveries(&self.engine, &self.actor, filter).await.unwrap();
        page.items.reverse();
        page.items
    }
}

fn telling(engine: &Engine, receivers: &Arc<Receivers>) -> Webhooks {
    let writers = Writers {
        by_face: BTreeMap::from([(BRIEF.to_owned(), Arc::new(Brief) as _)]),
        usual: Arc::new(Plain),
    };
    Webhooks::start(engine.clone(), writers, Arc::clone(receivers) as _, Config::default())
}

/// All events of a call, in order.
pub(crate) fn all_of(call: CallId, events: u32) -> Vec<(CallId, u32)> {
    (1..=events).map(|sequence| (call, sequence)).collect()
}

/// The ids of notifications.
pub(crate) fn ids(got: &[Got]) -> Vec<&str> {
    got.iter().map(|got| got.header(ID)).collect()
}
