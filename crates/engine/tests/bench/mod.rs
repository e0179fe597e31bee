//! What the tests of the engine have in common.
#![allow(dead_code, reason = "each test file is a program of its own and uses some of it")]

use futures_util::StreamExt;
use outdial_domain::{Address, Call, CallId, EndedBy, EventKind, Outcome, Scope};
use outdial_engine::{
    Actor, Engine,
    ports::CallDetails,
    verbs::{self, Action, PlaceCall, PlaceCallError},
};
use outdial_flow::Flow;
use outdial_testkit::fakes::World;

/// Whom most tests call.
pub(crate) const BOB: &str = "sip:bob@127.0.0.1";

/// An engine on fakes, and who uses it.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) engine: Engine,
    pub(crate) actor: Actor,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(World::new()).await
    }

    pub(crate) async fn with(world: World) -> Self {
        let actor = world.account("default", &[Scope::Calls]).await;
        let engine = world.engine().await;
        Self { world, engine, actor }
    }

    pub(crate) async fn place(&self, to: &str, flow: Flow) -> Result<Call, PlaceCallError> {
        let request = PlaceCall {
            action: Action::Flow(flow),
            ..request(to)
        };
        verbs::place_call(&self.engine, &self.actor, request).await
    }

    /// Places a call and waits for its end.
    pub(crate) async fn call(&self, flow: Flow) -> CallDetails {
        let call = self.place(BOB, flow).await.unwrap();
        self.ended(call.id).await
    }

    pub(crate) async fn ended(&self, id: CallId) -> CallDetails {
        self.reached(id, |kind| matches!(kind, EventKind::Ended { .. })).await;
        verbs::get_call(&self.engine, &self.actor, id).await.unwrap()
    }

    /// Waits until something has happened to a call and is saved.
    pub(crate) async fn reached(&self, id: CallId, wanted: impl Fn(&EventKind) -> bool) {
        let mut events = Box::pin(verbs::follow_events(&self.engine, &self.actor, Some(0)));
        while let Some(event) = events.next().await {
            let event = event.unwrap().event;
            if event.subject == outdial_domain::Subject::Call(id) && wanted(&event.kind) {
                return;
            }
        }
        panic!("the events ended before it happened");
    }

    pub(crate) async fn words(&self, id: CallId) -> Vec<&'static str> {
        let events = verbs::list_events(&self.engine, &self.actor, id).await.unwrap();
        events.iter().map(|stored| stored.event.kind.word()).collect()
    }
}

/// A request that says nothing but whom to ring and a word to speak.
pub(crate) fn request(to: &str) -> PlaceCall {
    PlaceCall::new(Address::parse(to).unwrap(), Action::Flow(Flow::say("Hello")))
}

/// How a call ended, and by whom.
pub(crate) fn outcome(details: &CallDetails) -> (Outcome, EndedBy) {
    let ending = details.call.ending.as_ref().expect("the call has ended");
    (ending.outcome, ending.by)
}
