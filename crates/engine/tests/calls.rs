//! The life of a call through the engine, over fakes of every port, under a clock that waits for nobody.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use std::time::Duration;

use outdial_domain::{Address, CallState, Direction, EndedBy, Ending, EventKind, LegId, Number, NumberUse, Outcome};
use outdial_engine::{
    HangUpAnswer,
    policy::Opening,
    ports::{CallFilter, LegCommand, LegEvent, PromptError, RingError, StoreError},
    routing::{NoRoute, Trunk},
    verbs::{self, Action, PlaceCall, PlaceCallError},
};
use outdial_flow::{Flow, Gather, Instruction, Prompt, Say};
use outdial_testkit::fakes::{FakeLeg, Script, World};

use bench::{BOB, Bench, outcome, request};

fn ask_for_a_key() -> Flow {
    let prompt = Prompt::Say(Say {
        text: "Press one".into(),
        voice: None,
        language: None,
    });
    Flow {
        steps: vec![Instruction::Gather(Gather {
            name: "key".into(),
            private: false,
            prompts: vec![prompt],
            fewest: 1,
            most: 1,
            finish: None,
            timeout: Duration::from_secs(5),
            tries: 1,
            on: Default::default(),
            otherwise: vec![],
            no_input: vec![],
        })],
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_journalled_rung_heard_and_ended() {
    let bench = Bench::new().await;
    let details = bench.call(Flow::say("Hello")).await;
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Flow));
    assert_eq!(
        bench.words(details.call.id).await,
        [
            "created",
            "routed",
            "journalled",
            "dialing",
            "ringing",
            "answered",
            "instruction_started",
            "instruction_done",
            "leg_ended",
            "ended"
        ]
    );
    assert_eq!(details.legs.len(), 1);
    assert_eq!(bench.world.carrier.rung()[0].leg, details.legs[0].id);
    assert_eq!(details.legs[0].quality.map(|quality| quality.received), Some(500));
}

#[tokio::test(start_paused = true)]
async fn a_key_reaches_the_call() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::presses("1"));
    let details = bench.call(ask_for_a_key()).await;
    assert_eq!(details.call.digits[0].name, "key");
    assert_eq!(details.call.digits[0].digits, "1");
}

#[tokio::test(start_paused = true)]
async fn what_the_far_side_answers_becomes_the_outcome() {
    for (script, wanted) in [
        (Script::busy(), Outcome::Busy),
        (Script::rejects(603, "Decline"), Outcome::Rejected),
        (Script::rejects(404, "Not Found"), Outcome::InvalidNumber),
        (Script::rejects(503, "Service Unavailable"), Outcome::Congestion),
        (Script::hangs_up(), Outcome::Completed),
    ] {
        let bench = Bench::new().await;
        bench.world.carrier.next(script);
        assert_eq!(outcome(&bench.call(Flow::say("Hello")).await).0, wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_answers_within_the_ring_time() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::rings());
    let details = bench.call(Flow::say("Hello")).await;
    assert_eq!(outcome(&details), (Outcome::NoAnswer, EndedBy::System));
    assert!(details.call.answered_at.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_stopped_process_finds_with_the_end_of_the_ring_time_counts() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = bench.place(BOB, Flow::say("Hello")).await.unwrap();
    let mut leg = bench.world.carrier.leg().await;
    leg.sent().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The process stands still, and its timers are faster than what waits in its sockets.
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    leg.answer().await;
    let command = leg.command().await;
    assert!(matches!(command, Some(LegCommand::Play { .. })), "{command:?}");
    leg.end(Ending::new(Outcome::Completed, EndedBy::Callee, "the far side hung up"))
        .await;
    assert_eq!(outcome(&bench.ended(call.id).await).0, Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_talk_limit() {
    let bench = Bench::new().await;
    let flow = Flow {
        steps: vec![Instruction::Pause(Duration::from_secs(24 * 3600))],
    };
    let details = bench.call(flow).await;
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::System));
    assert!(details.call.ending.unwrap().reason.contains("longest duration"));
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_does_not_end_a_leg_does_not_hold_the_call() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::never_ends());
    assert_eq!(
        outcome(&bench.call(Flow::say("Hello")).await),
        (Outcome::Unknown, EndedBy::System)
    );
}

#[tokio::test(start_paused = true)]
async fn a_leg_that_the_carrier_loses_is_unknown() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = bench.place(BOB, Flow::say("Hello")).await.unwrap();
    drop(bench.world.carrier.leg().await);
    assert_eq!(outcome(&bench.ended(call.id).await).0, Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn nothing_rings_when_the_carrier_cannot_send() {
    let bench = Bench::new().await;
    let reason = RingError::Unresolved {
        host: "nowhere".into(),
        reason: "no such host".into(),
    };
    bench.world.carrier.refuse(reason);
    let details = bench.call(Flow::say("Hello")).await;
    assert_eq!(outcome(&details), (Outcome::Failed, EndedBy::System));
    assert!(details.call.ending.unwrap().reason.contains("no such host"));
    assert!(bench.world.carrier.rung().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_rings_when_the_sentence_cannot_be_spoken() {
    let bench = Bench::new().await;
    bench.world.prompts.fail(Some(PromptError::Silent("Hello".into())));
    let details = bench.call(Flow::say("Hello")).await;
    assert_eq!(outcome(&details), (Outcome::Failed, EndedBy::System));
    assert!(bench.world.carrier.rung().is_empty());
    assert!(details.legs.is_empty());
}

#[tokio::test(start_paused = true)]
async fn hanging_up_is_prevented_hung_up_or_too_late() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = bench.place(BOB, Flow::say("Hello")).await.unwrap();
    let mut leg = bench.world.carrier.leg().await;
    leg.sent().await;
    leg.ring().await;
    let answer = verbs::hang_up(&bench.engine, &bench.actor, call.id).await.unwrap();
    assert_eq!(answer, HangUpAnswer::HungUp);
    let ending = loop {
        if let Some(LegCommand::HangUp { ending }) = leg.command().await {
            break ending;
        }
    };
    leg.end(ending).await;
    assert_eq!(
        outcome(&bench.ended(call.id).await),
        (Outcome::Canceled, EndedBy::Request)
    );
    let again = verbs::hang_up(&bench.engine, &bench.actor, call.id).await.unwrap();
    assert_eq!(again, HangUpAnswer::TooLate);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_can_be_prevented() {
    let bench = Bench::new().await;
    let later = bench.engine.ids.now() + Duration::from_secs(3600);
    let request = PlaceCall {
        due: Some(later),
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, request).await.unwrap();
    assert_eq!(call.state, CallState::Scheduled);
    let answer = verbs::hang_up(&bench.engine, &bench.actor, call.id).await.unwrap();
    assert_eq!(answer, HangUpAnswer::Prevented);
    assert_eq!(
        bench
            .engine
            .store
            .next_due(outdial_engine::ports::Work::Calls, &[])
            .await
            .unwrap(),
        None
    );
    assert!(bench.world.carrier.rung().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_dialled_while_the_disk_is_full_and_nothing_is_lost() {
    let bench = Bench::new().await;
    let later = bench.engine.ids.now() + Duration::from_secs(60);
    let mut request = PlaceCall {
        due: Some(later),
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, request.clone())
        .await
        .unwrap();
    bench.world.store.fill_disk();
    bench.world.clock.set_forward(jiff::SignedDuration::from_secs(61));
    request.due = None;
    let refused = verbs::place_call(&bench.engine, &bench.actor, request).await;
    assert!(matches!(
        refused,
        Err(PlaceCallError::Store(StoreError::Unavailable { .. }))
    ));
    // A minute of tokio's time: the scheduler asks again and again.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(bench.world.carrier.rung().is_empty());
    bench.world.store.fail(None);
    assert_eq!(outcome(&bench.ended(call.id).await).0, Outcome::Completed);
    assert_eq!(bench.world.carrier.rung().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_on_when_the_disk_fails_during_it_and_all_is_saved_later() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = bench.place(BOB, ask_for_a_key()).await.unwrap();
    let mut leg = bench.world.carrier.leg().await;
    bench.world.store.fill_disk();
    leg.sent().await;
    leg.answer().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    leg.press("7").await;
    let ending = loop {
        if let Some(LegCommand::HangUp { ending }) = leg.command().await {
            break ending;
        }
    };
    assert_eq!(ending.by, EndedBy::Flow);
    leg.end(ending).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.world.store.fail(None);
    let details = bench.ended(call.id).await;
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Flow));
    assert_eq!(details.call.digits[0].digits, "7");
    let words = bench.words(call.id).await;
    assert!(
        words.contains(&"answered") && words.ends_with(&["leg_ended", "ended"]),
        "{words:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_journalled_and_not_finished_is_unknown_after_a_restart_and_not_dialled_again() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = bench.place(BOB, Flow::say("Hello")).await.unwrap();
    let leg = bench.world.carrier.leg().await;
    bench
        .reached(call.id, |kind| matches!(kind, EventKind::Journalled { .. }))
        .await;

    // Another engine on the same store, while the first one never gets to say anything: a crash.
    let restarted = bench.world.engine().await;
    let details = verbs::get_call(&restarted, &bench.actor, call.id).await.unwrap();
    assert_eq!(outcome(&details), (Outcome::Unknown, EndedBy::System));
    assert_eq!(bench.world.carrier.rung().len(), 1);

    // What the first one still tries to say comes too late.
    leg.end(Ending::new(Outcome::Completed, EndedBy::Callee, "")).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let details = verbs::get_call(&restarted, &bench.actor, call.id).await.unwrap();
    assert_eq!(outcome(&details).0, Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn closed_destinations_are_refused_at_once() {
    let bench = Bench::new().await;
    let refused = bench
        .place("sip:bob@example.com", Flow::say("Hello"))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, PlaceCallError::NoRoute(NoRoute::Closed(_))),
        "{refused}"
    );
    let refused = bench.place("+6598765432", Flow::say("Hello")).await.unwrap_err();
    assert!(
        matches!(refused, PlaceCallError::NoRoute(NoRoute::NoTrunk(_))),
        "{refused}"
    );
    // A trunk that would take it, beside the built-in phones, which serve other numbers only.
    let mut world = World::new();
    let trunk = |name: &str, prefixes: &[&str], built_in| Trunk {
        name: name.into(),
        carrier: "sip".into(),
        prefixes: prefixes.iter().map(|&prefix| prefix.into()).collect(),
        built_in,
        limit: Default::default(),
        incoming: Default::default(),
    };
    world.settings.trunks = vec![
        trunk("handsets", &["+12025550100"], true),
        trunk("provider", &[], false),
    ];
    world.settings.policy.open = vec![];
    let bench = Bench::with(world).await;
    let refused = bench.place("+6598765432", Flow::say("Hello")).await.unwrap_err();
    assert!(
        matches!(refused, PlaceCallError::NoRoute(NoRoute::Closed(_))),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_number_takes_the_first_trunk_that_serves_it() {
    let mut world = World::new();
    let trunk = |name: &str, prefix: &str| Trunk {
        name: name.into(),
        carrier: "sip".into(),
        prefixes: vec![prefix.into()],
        built_in: false,
        limit: Default::default(),
        incoming: Default::default(),
    };
    world.settings.trunks = vec![trunk("germany", "+49"), trunk("asia", "+6"), trunk("spare", "+")];
    world.settings.policy.open = vec![Opening::Everything];
    let bench = Bench::with(world).await;
    let call = bench.place("+6598765432", Flow::default()).await.unwrap();
    let details = bench.ended(call.id).await;
    assert_eq!(details.legs[0].trunk, "asia");
    let mut request = PlaceCall {
        action: Action::Flow(Flow::default()),
        from: Some(Address::parse("+6512345678").unwrap()),
        via: Some("nowhere".into()),
        ..request("+6598765432")
    };
    let refused = verbs::place_call(&bench.engine, &bench.actor, request.clone())
        .await
        .unwrap_err();
    assert!(matches!(refused, PlaceCallError::ForeignCallerId { .. }), "{refused}");
    request.from = None;
    let refused = verbs::place_call(&bench.engine, &bench.actor, request.clone())
        .await
        .unwrap_err();
    assert!(
        matches!(refused, PlaceCallError::NoRoute(NoRoute::UnknownTrunk { .. })),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_id_goes_out_by_the_trunk_it_lives_on() {
    let mut world = World::new();
    let trunk = |name: &str| Trunk {
        name: name.into(),
        carrier: "sip".into(),
        prefixes: vec![],
        built_in: false,
        limit: Default::default(),
        incoming: Default::default(),
    };
    world.settings.trunks = vec![trunk("one"), trunk("two")];
    world.settings.policy.open = vec![Opening::Everything];
    world.settings.numbers = vec![Number {
        address: Address::parse("+6512345678").unwrap(),
        account: "default".into(),
        trunk: Some("two".into()),
        uses: vec![NumberUse::CallerId],
        flow: None,
    }];
    let bench = Bench::with(world).await;
    let mut request = request("+6598765432");
    request.from = Some(Address::parse("+65 1234 5678").unwrap());
    let call = verbs::place_call(&bench.engine, &bench.actor, request.clone())
        .await
        .unwrap();
    assert_eq!(bench.ended(call.id).await.legs[0].trunk, "two");
    request.via = Some("one".into());
    let refused = verbs::place_call(&bench.engine, &bench.actor, request)
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, PlaceCallError::NoRoute(reason @ NoRoute::CallerIdElsewhere { home, .. })
            if home == "two" && reason.blames("to", "from") == "from"),
        "{refused}"
    );
}

/// A world in which +6512345678 takes calls over trunk `one` and asks for a key.
fn world_with_a_number() -> World {
    let mut world = World::new();
    world.settings.flows.insert("menu".into(), ask_for_a_key());
    world.settings.numbers = vec![Number {
        address: Address::parse("+6512345678").unwrap(),
        account: "default".into(),
        trunk: Some("one".into()),
        uses: vec![NumberUse::ReceivesCalls],
        flow: Some("menu".into()),
    }];
    world
}

async fn call_in(bench: &Bench, to: &str, trunk: &str) -> FakeLeg {
    let leg = bench.engine.ids.make(LegId::new);
    let caller = Address::parse("+6598765432").unwrap();
    bench
        .world
        .carrier
        .call_in(leg, trunk, Some(caller), Address::parse(to).unwrap())
        .await
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_in_is_given_to_the_flow_of_its_number() {
    let bench = Bench::with(world_with_a_number()).await;
    let mut caller = call_in(&bench, "6512345678", "one").await;
    assert!(matches!(caller.command().await, Some(LegCommand::Answer)));
    caller.answer().await;
    assert!(matches!(caller.command().await, Some(LegCommand::Play { .. })));
    caller.press("7").await;
    let ending = loop {
        if let Some(LegCommand::HangUp { ending }) = caller.command().await {
            break ending;
        }
    };
    let leg = caller.order.leg;
    caller.end(ending).await;
    let filter = CallFilter {
        most: 1,
        ..CallFilter::default()
    };
    let call = verbs::list_calls(&bench.engine, &bench.actor, filter)
        .await
        .unwrap()
        .items
        .remove(0);
    let details = bench.ended(call.id).await;
    assert_eq!(details.call.direction, Direction::Incoming);
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Flow));
    assert_eq!(details.call.digits[0].digits, "7");
    assert_eq!((details.legs[0].id, details.legs[0].trunk.as_str()), (leg, "one"));
    let words = bench.words(call.id).await;
    assert_eq!(words[..3], ["created", "journalled", "answered"]);
}

/// A world whose one number masks, with a way to numbers.
async fn masking() -> Bench {
    let mut world = world_with_a_number();
    world.settings.numbers[0].uses.push(NumberUse::CallerId);
    world.settings.trunks = vec![Trunk {
        name: "one".into(),
        carrier: "sip".into(),
        prefixes: vec!["+".into()],
        built_in: false,
        limit: Default::default(),
        incoming: Default::default(),
    }];
    world.settings.policy.open = vec![Opening::Everything];
    Bench::with(world).await
}

fn mask_of(parties: [&str; 2]) -> verbs::CreateMask {
    verbs::CreateMask {
        parties: parties.map(|party| Address::parse(party).unwrap()),
        number: None,
        pin: Some("4711".parse().unwrap()),
        expires: None,
        tag: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_pin_may_be_mistyped_twice() {
    for tries in [["0000", "1234", "4711"], ["0000", "", "1234"]] {
        let bench = masking().await;
        let mask = mask_of(["+6598765432", "+6590000002"]);
        verbs::create_mask(&bench.engine, &bench.actor, mask, None)
            .await
            .unwrap();
        bench.world.carrier.next(Script::ByHand);
        let mut caller = call_in(&bench, "6512345678", "one").await;
        assert!(matches!(caller.command().await, Some(LegCommand::Answer)));
        caller.answer().await;
        for pin in tries {
            let play = loop {
                if let Some(LegCommand::Play { play, .. }) = caller.command().await {
                    break play;
                }
            };
            caller.tell(LegEvent::PlayDone { play }).await;
            caller.press(pin).await;
        }
        let reached = tries.contains(&"4711");
        if reached {
            let other = bench.world.carrier.leg().await;
            assert_eq!(other.order.to.to_string(), "+6590000002");
            caller
                .end(Ending::new(Outcome::Completed, EndedBy::Callee, "hung up"))
                .await;
            other
                .end(Ending::new(Outcome::Canceled, EndedBy::System, "taken back"))
                .await;
        } else {
            let mut heard = 0;
            let ending = loop {
                match caller.command().await.unwrap() {
                    LegCommand::Play { play, .. } => {
                        heard += 1;
                        caller.tell(LegEvent::PlayDone { play }).await;
                    }
                    LegCommand::HangUp { ending } => break ending,
                    _ => {}
                }
            };
            assert_eq!(heard, 1, "it is told");
            caller.end(ending).await;
        }
        let filter = CallFilter {
            most: 1,
            ..CallFilter::default()
        };
        let page = verbs::list_calls(&bench.engine, &bench.actor, filter).await.unwrap();
        let details = bench.ended(page.items[0].id).await;
        let expected = if reached { Outcome::Canceled } else { Outcome::Refused };
        assert_eq!(outcome(&details).0, expected, "{:?}", details.call.ending);
    }
}

#[tokio::test(start_paused = true)]
async fn no_two_are_masked_by_a_number_that_is_one_of_them() {
    let bench = masking().await;
    let mask = mask_of(["+6512345678", "+6590000002"]);
    let none = verbs::create_mask(&bench.engine, &bench.actor, mask, None).await;
    assert_eq!(none, Err(verbs::MaskError::NoNumber));
}

#[tokio::test(start_paused = true)]
async fn a_call_for_nobody_is_refused_and_leaves_nothing() {
    let bench = Bench::with(world_with_a_number()).await;
    for (to, trunk) in [("+6500000000", "one"), ("+6512345678", "two")] {
        let mut caller = call_in(&bench, to, trunk).await;
        let Some(LegCommand::HangUp { ending }) = caller.command().await else {
            panic!("it must be refused")
        };
        assert_eq!(ending.outcome, Outcome::InvalidNumber);
        caller.end(ending).await;
    }
    let filter = CallFilter {
        most: 1,
        ..CallFilter::default()
    };
    let calls = verbs::list_calls(&bench.engine, &bench.actor, filter).await.unwrap();
    assert!(calls.items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_bad_field_is_listed() {
    let bench = Bench::new().await;
    let request = PlaceCall {
        action: Action::Stored("none".into()),
        due: Some(bench.engine.ids.now() + Duration::from_secs(3600 * 24 * 400)),
        ring: Some(Duration::from_secs(3600)),
        talk: Some(Duration::ZERO),
        tag: Some("x".repeat(300)),
        reference: Some("x".repeat(300)),
        ..request(BOB)
    };
    let PlaceCallError::Invalid(problems) = verbs::place_call(&bench.engine, &bench.actor, request)
        .await
        .unwrap_err()
    else {
        panic!("it must be invalid")
    };
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["ring", "max", "at", "tag", "reference", "flow"]);
}

#[tokio::test(start_paused = true)]
async fn more_calls_than_there_is_room_for_wait() {
    let mut world = World::new();
    world.settings.limits.live_calls = 2;
    let bench = Bench::with(world).await;
    let mut calls = Vec::new();
    for _ in 0..7 {
        calls.push(bench.place(BOB, Flow::say("Hello")).await.unwrap().id);
    }
    for id in calls {
        assert_eq!(outcome(&bench.ended(id).await).0, Outcome::Completed);
    }
    assert_eq!(bench.world.carrier.rung().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_live_calls_and_takes_no_new_ones() {
    let bench = Bench::new().await;
    let flow = Flow {
        steps: vec![Instruction::Pause(Duration::from_secs(600))],
    };
    let call = bench.place(BOB, flow).await.unwrap();
    bench
        .reached(call.id, |kind| matches!(kind, EventKind::Answered { .. }))
        .await;
    bench.engine.stop(Duration::from_secs(10)).await;
    let details = verbs::get_call(&bench.engine, &bench.actor, call.id).await.unwrap();
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::System));
    assert!(matches!(
        bench.place(BOB, Flow::default()).await,
        Err(PlaceCallError::Stopping)
    ));
}
