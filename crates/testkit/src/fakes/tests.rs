//! The fakes carry whole calls through a real engine.

use outdial_domain::{Address, AudioId, CallId, CallState, EndedBy, Ending, Outcome, Scope};
use outdial_engine::{
    Actor, Engine,
    ports::{Clip, LegCommand, RingError, StoreError},
    verbs::{self, Action, PlaceCall},
};
use outdial_flow::Flow;

use super::{Script, World};

async fn place(engine: &Engine, actor: &Actor) -> CallId {
    let bob = Address::parse("sip:bob@127.0.0.1").unwrap();
    let request = PlaceCall::new(bob, Action::Flow(Flow::say("Hello")));
    verbs::place_call(engine, actor, request).await.unwrap().id
}

async fn ending(engine: &Engine, actor: &Actor, id: CallId) -> Ending {
    let mut newest = engine.store.newest();
    loop {
        newest.borrow_and_update();
        let call = verbs::get_call(engine, actor, id).await.unwrap().call;
        if call.state == CallState::Ended {
            return call.ending.unwrap();
        }
        newest.changed().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn each_script_ends_as_it_says() {
    let table = [
        (Script::answers(), Outcome::Completed, EndedBy::Flow),
        (Script::busy(), Outcome::Busy, EndedBy::Callee),
        (
            Script::rejects(404, "Not Found"),
            Outcome::InvalidNumber,
            EndedBy::Network,
        ),
        (Script::rings(), Outcome::NoAnswer, EndedBy::System),
        (Script::presses("1"), Outcome::Completed, EndedBy::Flow),
        (Script::hangs_up(), Outcome::Completed, EndedBy::Callee),
        (Script::never_ends(), Outcome::Unknown, EndedBy::System),
    ];
    for (script, outcome, by) in table {
        let world = World::new();
        world.carrier.next(script.clone());
        let actor = world.account("acme", &[Scope::Calls]).await;
        let engine = world.engine().await;
        let id = place(&engine, &actor).await;
        let ending = ending(&engine, &actor, id).await;
        assert_eq!((ending.outcome, ending.by), (outcome, by), "{script:?}");
        assert_eq!(world.carrier.rung().len(), 1);
        assert_eq!(world.prompts.said()[0].text, "Hello");
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_moves_a_leg_by_hand() {
    let world = World::new();
    world.carrier.next(Script::ByHand);
    let actor = world.account("acme", &[Scope::Calls]).await;
    let engine = world.engine().await;
    let id = place(&engine, &actor).await;
    let mut leg = world.carrier.leg().await;
    leg.sent().await;
    leg.answer().await;
    let Some(LegCommand::Play { clips, .. }) = leg.command().await else {
        panic!("the flow begins with a text")
    };
    let Clip { rate, samples } = clips[0].as_ref();
    assert_eq!((*rate, samples.len()), (8_000, 2_000));
    leg.end(Ending::new(Outcome::Completed, EndedBy::Callee, "")).await;
    assert_eq!(ending(&engine, &actor, id).await.by, EndedBy::Callee);
    let story = verbs::explain_call(&engine, &actor, id).await.unwrap();
    assert_eq!(story.traces[0].messages.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_rings_nowhere() {
    let world = World::new();
    world.carrier.refuse(RingError::Exhausted("no port is left".into()));
    let actor = world.account("acme", &[Scope::Calls]).await;
    let engine = world.engine().await;
    let id = place(&engine, &actor).await;
    assert_eq!(ending(&engine, &actor, id).await.outcome, Outcome::Failed);
    assert!(world.carrier.rung().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_fails_until_it_is_mended() {
    let world = World::new();
    let engine = world.engine().await;
    world.store.fill_disk();
    assert!(matches!(
        engine.store.check().await,
        Err(StoreError::Unavailable { .. })
    ));
    world.store.fail(None);
    assert_eq!(engine.store.check().await, Ok(()));
}

#[test]
fn ids_are_the_same_in_every_run() {
    let ids = |count: usize| -> Vec<AudioId> {
        let ids = World::new().ids();
        (0..count).map(|_| ids.make(AudioId::new)).collect()
    };
    let first = ids(3);
    let random = |ids: &[AudioId]| ids.iter().map(|id| id.to_string()[18..].to_owned()).collect::<Vec<_>>();
    assert_eq!(random(&first), random(&ids(3)));
    assert_ne!(random(&first)[0], random(&first)[1]);
}
