//! Several nodes on one store, over fakes, under a clock that waits for nobody.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use std::time::Duration;

use futures_util::StreamExt;
use outdial_domain::{Address, CallId, EndedBy, EventKind, Outcome, Scope, Subject};
use outdial_engine::{
    Actor, Engine, HangUpAnswer, Order, StartError,
    ports::{CallDetails, Nodes, RingError, Run, Store, Wanted},
    verbs::{self, Action, CallError, PlaceCall, RoomError, RoomOrder},
};
use outdial_flow::{Flow, Instruction};
use outdial_testkit::{
    fakes::World,
    store_suite::lives::{Caller, at},
};
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3_600);

fn shared() -> World {
    let world = World::new();
    world.store.share();
    world
}

/// The same world, seen by another node.
fn beside(world: &World, node: &str) -> World {
    let mut other = world.clone();
    other.settings.node = node.to_owned();
    other
}

async fn place(engine: &Engine, actor: &Actor) -> CallId {
    let flow = Flow {
        steps: vec![Instruction::Pause(HOUR)],
    };
    let request = PlaceCall {
        action: Action::Flow(flow),
        ..bench::request("sip:bob@127.0.0.1")
    };
    verbs::place_call(engine, actor, request).await.unwrap().id
}

async fn reached(engine: &Engine, actor: &Actor, id: CallId, wanted: impl Fn(&EventKind) -> bool) {
    let mut events = Box::pin(verbs::follow_events(engine, actor, Some(0)));
    while let Some(event) = events.next().await {
        let event = event.unwrap().event;
        if event.subject == Subject::Call(id) && wanted(&event.kind) {
            return;
        }
    }
    panic!("the events ended before it happened");
}

async fn answered(engine: &Engine, actor: &Actor, id: CallId) {
    reached(engine, actor, id, |kind| matches!(kind, EventKind::Answered { .. })).await;
}

async fn ended(engine: &Engine, actor: &Actor, id: CallId) -> CallDetails {
    reached(engine, actor, id, |kind| matches!(kind, EventKind::Ended { .. })).await;
    verbs::get_call(engine, actor, id).await.unwrap()
}

fn outcome(details: &CallDetails) -> (Outcome, EndedBy) {
    let ending = details.call.ending.as_ref().expect("the call has ended");
    (ending.outcome, ending.by)
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_node_leaves_behind_is_taken_over() {
    let world = shared();
    let store = &world.store;
    let caller = Caller::join(store.as_ref(), 1).await;
    for run in ["n1", "n2"] {
        store.leave(run).await.unwrap();
    }
    let engine = world.engine().await;
    // Another node takes two calls, journals one of them, and dies.
    let dead = Run {
        id: "dead".into(),
        name: "dead".into(),
    };
    store.join(&dead, Duration::from_secs(3)).await.unwrap();
    let now = engine.ids.now();
    let mut lives = [1, 2].map(|number| caller.call(number, now));
    for life in &mut lives {
        life.call.plan.to = Address::parse("sip:bob@127.0.0.1").unwrap();
        store.commit(life.created()).await.unwrap();
    }
    assert_eq!(
        store.claim_due(now, "dead", Wanted::any(2)).await.unwrap().calls.len(),
        2
    );
    store.commit(lives[0].journalled("dead", now)).await.unwrap();

    let died = Instant::now();
    let mut newest = store.newest();
    let call = async |id: CallId| store.call(caller.account, id).await.unwrap().unwrap();
    while call(lives[1].call.id).await.legs.is_empty() {
        newest.changed().await.unwrap();
    }
    assert!(died.elapsed() < Duration::from_secs(5), "{:?}", died.elapsed());
    assert!(
        call(lives[0].call.id).await.call.ending.is_none(),
        "there is still hope"
    );
    let details = loop {
        let details = call(lives[0].call.id).await;
        if details.call.ending.is_some() {
            break details;
        }
        newest.changed().await.unwrap();
    };
    assert_eq!(outcome(&details), (Outcome::Unknown, EndedBy::System));
    assert!(died.elapsed() < Duration::from_secs(15), "{:?}", died.elapsed());
    assert_eq!(
        world.carrier.rung().len(),
        1,
        "what was journalled is not dialled again"
    );
    engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_too_late_to_send_is_dialled_by_whoever_has_a_lease() {
    let world = shared();
    let actor = world.account("default", &[Scope::Calls]).await;
    let engine = world.engine().await;
    world.carrier.refuse(RingError::TooLate);
    world.carrier.refuse(RingError::TooLate);
    let id = place(&engine, &actor).await;
    answered(&engine, &actor, id).await;
    let events = verbs::list_events(&engine, &actor, id).await.unwrap();
    let words: Vec<_> = events.iter().map(|stored| stored.event.kind.word()).collect();
    let try_in_vain = ["routed", "journalled", "leg_ended", "queued"];
    assert_eq!(words[0], "created");
    assert_eq!(words[1..9], [try_in_vain, try_in_vain].concat());
    assert_eq!(words[9..12], ["routed", "journalled", "dialing"]);
    assert_eq!(world.carrier.rung().len(), 1, "the phone rang once");
    let details = verbs::get_call(&engine, &actor, id).await.unwrap();
    let legs: Vec<_> = details.legs.iter().map(|leg| leg.progress.ending.is_some()).collect();
    assert_eq!(legs, [true, true, false]);
    let unsent = details.legs[0].progress.ending.clone().unwrap();
    assert!(unsent.reason.starts_with("not sent: "), "{}", unsent.reason);
    engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_ended_by_whichever_node_is_asked() {
    let world = shared();
    let actor = world.account("default", &[Scope::Calls]).await;
    let one = world.engine().await;
    let id = place(&one, &actor).await;
    answered(&one, &actor, id).await;
    let two = beside(&world, "node-2").engine().await;
    let answer = verbs::hang_up(&two, &actor, id).await.unwrap();
    assert_eq!(answer, HangUpAnswer::HungUp);
    let details = ended(&two, &actor, id).await;
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Request));
    assert_eq!(verbs::hang_up(&two, &actor, id).await.unwrap(), HangUpAnswer::TooLate);
    for engine in [one, two] {
        engine.stop(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_node_that_is_gone_cannot_be_ended_by_it() {
    let world = shared();
    let caller = Caller::join(world.store.as_ref(), 1).await;
    let mut life = caller.call(1, at(0));
    world.store.commit(life.created()).await.unwrap();
    world.store.commit(life.journalled("n1", at(1))).await.unwrap();
    world.store.beat("n1", Duration::ZERO).await.unwrap();
    let engine = beside(&world, "node-2").engine().await;
    let actor = Actor {
        account: caller.account,
        account_name: "account-1".into(),
        scopes: vec![Scope::Calls],
        name: "the test".into(),
        face: "test",
    };
    let answer = verbs::hang_up(&engine, &actor, life.call.id).await;
    assert_eq!(answer, Err(CallError::OwnerGone));
    engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_belongs_to_one_node_that_is_alive() {
    let world = shared();
    let one = world.engine().await;
    let error = Engine::start(world.parts()).await.err();
    assert_eq!(error, Some(StartError::NodeInUse("node-1".into())));
    one.stop(Duration::from_secs(1)).await;
    // It said goodbye, so nobody waits for its lease.
    let began = Instant::now();
    let again = world.engine().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    again.stop(Duration::from_secs(1)).await;
    // After a crash one waits for the lease to run out.
    let crashed = Run {
        id: "node-1-crashed".into(),
        name: "node-1".into(),
    };
    world.store.join(&crashed, Duration::from_secs(3)).await.unwrap();
    let began = Instant::now();
    world.engine().await.stop(Duration::from_secs(1)).await;
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_declared_gone_gives_up_its_calls_and_begins_anew() {
    let world = shared();
    let actor = world.account("default", &[Scope::Calls]).await;
    let one = world.engine().await;
    let first = place(&one, &actor).await;
    answered(&one, &actor, first).await;
    let two = beside(&world, "node-2").engine().await;
    let before = verbs::get_call(&one, &actor, first).await.unwrap().legs.remove(0).node;
    world.store.leave(&before).await.unwrap();

    let details = ended(&two, &actor, first).await;
    assert_eq!(outcome(&details), (Outcome::Unknown, EndedBy::System));
    let reason = &details.call.ending.as_ref().unwrap().reason;
    assert!(reason.contains("after it was answered"), "{reason}");
    two.stop(Duration::from_secs(1)).await;
    let second = place(&one, &actor).await;
    answered(&one, &actor, second).await;
    let after = verbs::get_call(&one, &actor, second).await.unwrap().legs.remove(0).node;
    assert!(after != before && after.starts_with("node-1-"), "{before}, {after}");
    one.stop(Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_end_by_themselves_while_the_engine_drains() {
    let world = shared();
    let actor = world.account("default", &[Scope::Calls]).await;
    let one = world.engine().await;
    let id = place(&one, &actor).await;
    answered(&one, &actor, id).await;
    let began = Instant::now();
    one.drain(HOUR * 2, std::future::pending()).await;
    one.leave().await;
    // The flow began a moment before its answer was saved.
    assert!(began.elapsed() > HOUR - Duration::from_secs(1), "{:?}", began.elapsed());
    let details = verbs::get_call(&one, &actor, id).await.unwrap();
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Flow));
}

#[tokio::test(start_paused = true)]
async fn draining_ends_what_does_not_end_in_time_or_when_it_is_hurried() {
    for (within, hurry) in [(60, 600), (600, 60)] {
        let world = shared();
        let actor = world.account("default", &[Scope::Calls]).await;
        let engine = world.engine().await;
        let id = place(&engine, &actor).await;
        answered(&engine, &actor, id).await;
        let (within, hurry) = (Duration::from_secs(within), Duration::from_secs(hurry));
        let began = Instant::now();
        engine.drain(within, tokio::time::sleep(hurry)).await;
        engine.leave().await;
        assert!(began.elapsed() >= Duration::from_secs(60), "{:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(80), "{:?}", began.elapsed());
        let details = verbs::get_call(&engine, &actor, id).await.unwrap();
        assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::System));
    }
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_room_are_dialled_by_the_node_that_has_it() {
    let world = shared();
    let actor = world.account("default", &[Scope::Calls]).await;
    let other = beside(&world, "node-2");
    let (one, two) = (world.engine().await, other.engine().await);
    let mut nodes = std::collections::BTreeSet::new();
    let mut calls = Vec::new();
    for number in 0..6 {
        let room = outdial_flow::Conference::of("lobby".parse().unwrap());
        let flow = Flow {
            steps: vec![Instruction::Conference(room)],
        };
        let request = PlaceCall {
            action: Action::Flow(flow),
            ..bench::request(&format!("sip:{number}@127.0.0.1"))
        };
        // Both nodes look for what is due.
        let engine = if number % 2 == 0 { &one } else { &two };
        let call = verbs::place_call(engine, &actor, request).await.unwrap().id;
        reached(engine, &actor, call, |kind| {
            matches!(kind, EventKind::RoomJoined { .. })
        })
        .await;
        let details = verbs::get_call(engine, &actor, call).await.unwrap();
        nodes.insert(details.legs[0].node.clone());
        calls.push(call);
    }
    assert_eq!(nodes.len(), 1, "{nodes:?}");
    let lobby = "lobby".parse().unwrap();
    for engine in [&one, &two] {
        let rooms = verbs::list_rooms(engine, &actor).await.unwrap();
        assert_eq!(rooms.len(), 1);
        assert_eq!(rooms[0].members.len(), calls.len());
        // Whichever has it does it.
        for (order, locked) in [(RoomOrder::Lock, true), (RoomOrder::Unlock, false)] {
            let room = verbs::control_room(engine, &actor, &lobby, order).await.unwrap();
            assert_eq!(room.locked, locked);
        }
        let order = Order::Mute(true);
        let muted = verbs::control_call(engine, &actor, calls[0], order, None).await;
        assert!(muted.is_ok(), "{muted:?}");
        assert!(verbs::get_room(engine, &actor, &lobby).await.unwrap().members[0].muted);
        let kicked = calls.pop().unwrap();
        let order = RoomOrder::Kick(kicked);
        verbs::control_room(engine, &actor, &lobby, order).await.unwrap();
        ended(engine, &actor, kicked).await;
        let again = verbs::control_room(engine, &actor, &lobby, order).await;
        assert!(matches!(again, Err(RoomError::NotInIt { .. })), "{again:?}");
        let nowhere = verbs::get_room(engine, &actor, &"attic".parse().unwrap()).await;
        assert!(matches!(nowhere, Err(RoomError::NotFound(_))), "{nowhere:?}");
    }
    for call in calls {
        assert_eq!(verbs::hang_up(&one, &actor, call).await.unwrap(), HangUpAnswer::HungUp);
        ended(&one, &actor, call).await;
    }
    one.stop(Duration::from_secs(5)).await;
    two.stop(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn the_room_of_a_node_that_is_silent_is_said_to_be_unreachable() {
    let world = shared();
    let actor = world.account("default", &[Scope::Calls]).await;
    let (one, two) = (world.engine().await, beside(&world, "node-2").engine().await);
    let lobby = "lobby".parse().unwrap();
    // A run that took the room and says nothing.
    let silent = Run {
        id: "node-3-1".to_owned(),
        name: "node-3".to_owned(),
    };
    world.store.join(&silent, Duration::from_secs(3)).await.unwrap();
    world.store.own_room(actor.account, &lobby, &silent.id).await.unwrap();
    for engine in [&one, &two] {
        let asked = verbs::control_room(engine, &actor, &lobby, RoomOrder::End).await;
        assert_eq!(asked, Err(RoomError::OwnerGone("lobby".parse().unwrap())));
        assert_eq!(verbs::list_rooms(engine, &actor).await.unwrap(), []);
    }
    // Once it was declared gone, there is no such room.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked = verbs::get_room(&one, &actor, &lobby).await;
    assert!(matches!(asked, Err(RoomError::NotFound(_))), "{asked:?}");
    one.stop(Duration::from_secs(5)).await;
    two.stop(Duration::from_secs(5)).await;
}
