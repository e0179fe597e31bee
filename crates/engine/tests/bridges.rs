//! Calls of two parties, over fakes, under a clock that waits for nobody.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use std::time::Duration;

use outdial_domain::{
    Address, CallId, CallState, EndedBy, Ending, EventKind, Factor, Leg, Outcome, Retry, RetryRule, RoomId,
};
use outdial_engine::{
    Order,
    policy::Opening,
    ports::{CallDetails, LegCommand, LegEvent},
    routing::NoRoute,
    verbs::{self, Action, ControlError, PlaceCall, PlaceCallError},
};
use outdial_flow::{CallerId, Dial, Flow, Instruction, OnFailure, Party, Prompt, Say, WhileRinging};
use outdial_testkit::fakes::{FakeLeg, Script};

use bench::{BOB, Bench, outcome, request};

const EVE: &str = "sip:eve@127.0.0.1";
const MALLORY: &str = "sip:mallory@127.0.0.1";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn dial(to: &[&str]) -> Dial {
    Dial {
        to: to.iter().map(|to| address(to)).collect(),
        ..Dial::to(address(EVE))
    }
}

fn bridge(dial: Dial) -> Flow {
    Flow {
        steps: vec![Instruction::Dial(Box::new(dial))],
    }
}

fn said(text: &str) -> Prompt {
    Prompt::Say(Say {
        text: text.into(),
        voice: None,
        language: None,
    })
}

/// Skips what a leg is to hear, and gives what else it is told.
async fn next(leg: &mut FakeLeg) -> LegCommand {
    loop {
        match leg.command().await.expect("the engine has the leg") {
            LegCommand::Play { .. } | LegCommand::StopPlaying => {}
            command => return command,
        }
    }
}

async fn hung_up(mut leg: FakeLeg) -> Ending {
    loop {
        if let LegCommand::HangUp { ending } = next(&mut leg).await {
            leg.end(ending.clone()).await;
            return ending;
        }
    }
}

fn by_itself() -> Ending {
    Ending::new(Outcome::Completed, EndedBy::Callee, "the far side hung up")
}

/// Both legs of a bridge, the first one answered and the second one rung.
async fn ringing(bench: &Bench, dial: Dial) -> (CallId, FakeLeg, FakeLeg) {
    bench.world.carrier.next(Script::ByHand);
    bench.world.carrier.next(Script::ByHand);
    let call = bench.place(BOB, bridge(dial)).await.unwrap();
    let mut first = bench.world.carrier.leg().await;
    first.sent().await;
    first.answer().await;
    let mut other = bench.world.carrier.leg().await;
    other.sent().await;
    other.ring().await;
    (call.id, first, other)
}

/// Whom a leg hears from now on, and whether it is heard.
async fn joined(leg: &mut FakeLeg) -> (RoomId, bool) {
    loop {
        if let LegCommand::Join(joining) = next(leg).await {
            leg.tell(LegEvent::Joined { room: joining.room }).await;
            return (joining.room, !joining.muted);
        }
    }
}

/// The same, talking to each other.
async fn talking(bench: &Bench, dial: Dial) -> (CallId, FakeLeg, FakeLeg) {
    let (call, mut first, mut other) = ringing(bench, dial).await;
    other.answer().await;
    for leg in [&mut first, &mut other] {
        joined(leg).await;
    }
    bench
        .reached(call, |kind| matches!(kind, EventKind::Connected { .. }))
        .await;
    (call, first, other)
}

/// At the end the far sides, the store and the live list agree: nothing is left of any leg.
async fn no_ghost(bench: &Bench, details: &CallDetails) {
    assert_eq!(details.call.state, CallState::Ended);
    for leg in &details.legs {
        assert!(leg.progress.ending.is_some(), "{leg:?}");
    }
    assert_eq!(bench.world.carrier.rung().len(), details.legs.len());
    while bench.engine.live_calls() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_are_connected_and_the_hang_up_of_either_ends_both() {
    for first_hangs_up in [true, false] {
        let bench = Bench::new().await;
        let (call, first, other) = talking(&bench, dial(&[EVE])).await;
        let (leaving, staying) = if first_hangs_up { (first, other) } else { (other, first) };
        let leg = leaving.order.leg;
        leaving.end(by_itself()).await;
        let ending = hung_up(staying).await;
        assert_eq!(ending.leg, Some(leg));
        let details = bench.ended(call).await;
        assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Callee));
        no_ghost(&bench, &details).await;
        assert_eq!(details.legs.len(), 2);
        let words = bench.words(call).await;
        let connected = words.iter().position(|word| *word == "connected").unwrap();
        assert_eq!(
            words[..connected].iter().filter(|word| **word == "journalled").count(),
            2
        );
        assert_eq!(words.last(), Some(&"ended"));
    }
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_while_the_other_rings_leaves_no_phone_ringing() {
    let bench = Bench::new().await;
    let (call, first, other) = ringing(&bench, dial(&[EVE])).await;
    bench
        .reached(
            call,
            |kind| matches!(kind, EventKind::Ringing { leg, .. } if *leg == other.order.leg),
        )
        .await;
    let leg = first.order.leg;
    first.end(by_itself()).await;
    assert_eq!(hung_up(other).await.outcome, Outcome::Canceled);
    let details = bench.ended(call).await;
    assert_eq!(outcome(&details), (Outcome::Canceled, EndedBy::Callee));
    assert_eq!(details.call.ending.as_ref().unwrap().leg, Some(leg));
    no_ghost(&bench, &details).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_at_that_very_moment_is_hung_up() {
    let bench = Bench::new().await;
    let (call, first, mut other) = ringing(&bench, dial(&[EVE])).await;
    first.end(by_itself()).await;
    other.answer().await;
    hung_up(other).await;
    let details = bench.ended(call).await;
    no_ghost(&bench, &details).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_party_hears_why_and_the_outcome_says_which_leg() {
    for (script, wanted) in [
        (Script::busy(), Outcome::Busy),
        (Script::rings(), Outcome::NoAnswer),
        (Script::rejects(603, "Decline"), Outcome::Rejected),
        (Script::rejects(404, "Not Found"), Outcome::InvalidNumber),
    ] {
        let bench = Bench::new().await;
        bench.world.carrier.next(Script::answers());
        bench.world.carrier.next(script);
        let details = bench.call(bridge(dial(&[EVE]))).await;
        let ending = details.call.ending.clone().unwrap();
        assert_eq!((ending.outcome, ending.leg), (wanted, Some(details.legs[1].id)));
        assert!(ending.reason.contains(EVE), "{}", ending.reason);
        assert_eq!(
            details.legs[0].progress.ending.as_ref().unwrap().outcome,
            Outcome::Completed
        );
        no_ghost(&bench, &details).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_number_is_rung_when_one_is_not_reached() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::answers());
    bench.world.carrier.next(Script::busy());
    bench.world.carrier.next(Script::hangs_up());
    let dial = Dial {
        whisper: vec![said("A call for you")],
        ..dial(&[EVE, MALLORY])
    };
    let details = bench.call(bridge(dial)).await;
    let ending = details.call.ending.as_ref().unwrap();
    assert_eq!(
        (ending.outcome, ending.leg),
        (Outcome::Completed, Some(details.legs[2].id))
    );
    let targets: Vec<&str> = details.legs.iter().map(|leg| leg.target.as_str()).collect();
    assert_eq!(targets, [BOB, EVE, MALLORY]);
    no_ghost(&bench, &details).await;
}

#[tokio::test(start_paused = true)]
async fn the_flow_goes_on_when_nobody_is_reached() {
    for on_failure in [
        OnFailure::Next,
        OnFailure::Flow(vec![Instruction::Say(Say {
            text: "Sorry".into(),
            voice: None,
            language: None,
        })]),
    ] {
        let bench = Bench::new().await;
        bench.world.carrier.next(Script::answers());
        bench.world.carrier.next(Script::busy());
        let dial = Dial {
            on_failure,
            ..dial(&[EVE])
        };
        let mut flow = bridge(dial);
        flow.steps.extend(Flow::say("Goodbye").steps);
        let details = bench.call(flow).await;
        assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Flow));
        no_ghost(&bench, &details).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_counts_from_the_other_partys_answer_and_is_cut_hard() {
    let bench = Bench::new().await;
    let dial = Dial {
        max: Some(Duration::from_secs(60)),
        warn_before: Some(Duration::from_secs(10)),
        ring: Some(Duration::from_secs(500)),
        ..dial(&[EVE])
    };
    bench.world.carrier.next(Script::ByHand);
    bench.world.carrier.next(Script::ByHand);
    let request = PlaceCall {
        action: Action::Flow(bridge(dial)),
        talk: Some(Duration::from_secs(90)),
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, request).await.unwrap();
    let mut first = bench.world.carrier.leg().await;
    first.sent().await;
    first.answer().await;
    let mut other = bench.world.carrier.leg().await;
    other.sent().await;
    other.ring().await;
    // Longer than the first party's own time.
    tokio::time::sleep(Duration::from_secs(400)).await;
    other.answer().await;
    assert!(matches!(next(&mut other).await, LegCommand::Join(_)));
    assert!(matches!(next(&mut first).await, LegCommand::Join(_)));
    let answered = tokio::time::Instant::now();
    assert!(
        matches!(other.command().await, Some(LegCommand::Play { .. })),
        "the warning"
    );
    assert_eq!(answered.elapsed().as_secs(), 50);
    assert!(matches!(other.command().await, Some(LegCommand::HangUp { .. })));
    assert_eq!(answered.elapsed().as_secs(), 60);
    other.end(by_itself()).await;
    hung_up(first).await;
    let details = bench.ended(call.id).await;
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::System));
    no_ghost(&bench, &details).await;
}

#[tokio::test(start_paused = true)]
async fn the_other_party_is_screened_by_a_key() {
    let screened = || Dial {
        whisper: vec![said("Press 1")],
        screen: Some('1').and_then(outdial_domain::Digit::from_char),
        while_ringing: WhileRinging::Prompts(vec![said("Please wait")]),
        ..dial(&[EVE])
    };
    for (keys, connected) in [("1", true), ("2", false), ("21", true), ("", false)] {
        let bench = Bench::new().await;
        let (call, mut first, mut other) = ringing(&bench, screened()).await;
        other.answer().await;
        let Some(LegCommand::Play { play, .. }) = other.command().await else {
            panic!("it hears what it is to press")
        };
        other.tell(LegEvent::PlayDone { play }).await;
        other.press(keys).await;
        match next(&mut other).await {
            LegCommand::Join(_) if connected => {
                assert!(matches!(next(&mut first).await, LegCommand::Join(_)));
                other.end(by_itself()).await;
            }
            LegCommand::HangUp { ending } if !connected => other.end(ending).await,
            command => panic!("{keys}: {command:?}"),
        }
        // What is announced to the first party ends by time.
        let details = async {
            loop {
                match first.command().await {
                    Some(LegCommand::Play { play, .. }) => first.tell(LegEvent::PlayDone { play }).await,
                    Some(LegCommand::HangUp { ending }) => {
                        first.end(ending).await;
                        return bench.ended(call).await;
                    }
                    Some(_) => {}
                    None => panic!("the engine has the leg"),
                }
            }
        }
        .await;
        let wanted = if connected {
            Outcome::Completed
        } else {
            Outcome::Rejected
        };
        assert_eq!(outcome(&details).0, wanted, "{keys}");
        no_ghost(&bench, &details).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_party_sees_what_it_is_to_see() {
    for (from, shown, words) in [
        (None, Some("+6561234567"), Some("+6561234567")),
        (
            Some(CallerId::Private),
            Some("sip:anonymous@anonymous.invalid"),
            Some(Leg::PRIVATE),
        ),
        (Some(CallerId::OtherParty), Some(BOB), Some(BOB)),
    ] {
        let world = outdial_testkit::fakes::World::new();
        let actor = world
            .account(
                "default",
                &[outdial_domain::Scope::Calls, outdial_domain::Scope::AnyCallerId],
            )
            .await;
        let engine = world.engine().await;
        let bench = Bench { world, engine, actor };
        bench.world.carrier.next(Script::answers());
        bench.world.carrier.next(Script::busy());
        let dial = Dial { from, ..dial(&[EVE]) };
        let request = PlaceCall {
            action: Action::Flow(bridge(dial)),
            from: Some(address("+6561234567")),
            ..request(BOB)
        };
        let call = verbs::place_call(&bench.engine, &bench.actor, request).await.unwrap();
        let details = bench.ended(call.id).await;
        let rung = bench.world.carrier.rung();
        assert_eq!(rung[0].from, Some(address("+6561234567")));
        assert_eq!(rung[1].from, shown.map(address));
        assert_eq!(details.legs[0].shows.as_deref(), Some("+6561234567"));
        assert_eq!(details.legs[1].shows.as_deref(), words);
    }
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_refused_before_a_phone_rings() {
    let mut world = outdial_testkit::fakes::World::new();
    world.settings.policy.open = vec![Opening::Host("far.example.com".into())];
    let bench = Bench::with(world).await;
    let refused = async |dial: Dial| bench.place(BOB, bridge(dial)).await.unwrap_err();
    for own in [dial(&[BOB]), dial(&[EVE, "sip:bob@127.0.0.1"])] {
        assert!(matches!(refused(own).await, PlaceCallError::Invalid(_)));
    }
    let itself = PlaceCall {
        from: Some(address("sip:bob@127.0.0.1")),
        ..request(BOB)
    };
    let itself = verbs::place_call(&bench.engine, &bench.actor, itself).await;
    assert!(matches!(itself, Err(PlaceCallError::Invalid(_))), "{itself:?}");
    let long = Dial {
        max: Some(Duration::from_secs(1_000_000)),
        ..dial(&[EVE])
    };
    assert!(matches!(refused(long).await, PlaceCallError::Invalid(_)));
    let unheard = Dial {
        max: Some(Duration::from_secs(10)),
        warn_before: Some(Duration::from_secs(10)),
        ..dial(&[EVE])
    };
    assert!(matches!(
        refused(unheard).await,
        PlaceCallError::Invalid(problems) if problems[0].field == "flow.0.dial.warn_before"
    ));
    let closed = refused(dial(&["sip:eve@example.com"])).await;
    assert!(
        matches!(&closed, PlaceCallError::NoRouteTo { field, reason: NoRoute::Closed(_) } if field == "flow.0.dial.to"),
        "{closed}"
    );
    let foreign = Dial {
        from: Some(CallerId::Number(address("+6500000000"))),
        ..dial(&[EVE])
    };
    assert!(
        matches!(refused(foreign).await, PlaceCallError::ForeignCallerId { field, .. } if field == "flow.0.dial.from")
    );
    let other = Dial {
        from: Some(CallerId::OtherParty),
        ..dial(&[EVE])
    };
    assert!(
        matches!(refused(other).await, PlaceCallError::ForeignCallerId { field, .. } if field == "flow.0.dial.from")
    );
    assert!(bench.world.carrier.rung().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hang_up_by_request_ends_both() {
    for connected in [true, false] {
        let bench = Bench::new().await;
        let (call, first, other) = if connected {
            talking(&bench, dial(&[EVE])).await
        } else {
            ringing(&bench, dial(&[EVE])).await
        };
        verbs::hang_up(&bench.engine, &bench.actor, call).await.unwrap();
        hung_up(first).await;
        let expected = if connected {
            Outcome::Completed
        } else {
            Outcome::Canceled
        };
        assert_eq!(hung_up(other).await.outcome, expected);
        let details = bench.ended(call).await;
        assert_eq!(outcome(&details), (expected, EndedBy::Request));
        no_ghost(&bench, &details).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_asked_for_stands_when_the_other_party_answers() {
    for transferred in [false, true] {
        let bench = Bench::new().await;
        let wish = Dial {
            max: Some(Duration::from_secs(600)),
            ring: Some(Duration::from_secs(200)),
            ..dial(&[EVE])
        };
        let (call, mut first, mut other) = ringing(&bench, wish).await;
        let asked = tokio::time::Instant::now();
        let order = Order::Limit(Duration::from_secs(50));
        let told = verbs::control_call(&bench.engine, &bench.actor, call, order, None).await;
        assert!(told.is_ok(), "{told:?}");
        tokio::time::sleep(Duration::from_secs(20)).await;
        other.answer().await;
        joined(&mut first).await;
        joined(&mut other).await;
        if transferred {
            bench.world.carrier.next(Script::ByHand);
            let order = Order::Transfer(address(MALLORY));
            let told = verbs::control_call(&bench.engine, &bench.actor, call, order, None).await;
            assert!(told.is_ok(), "{told:?}");
            hung_up(other).await;
            while !matches!(next(&mut first).await, LegCommand::Transfer { .. }) {}
            first.tell(LegEvent::Transferred(Err("405".into()))).await;
            other = bench.world.carrier.leg().await;
            other.sent().await;
            other.answer().await;
            joined(&mut first).await;
            joined(&mut other).await;
        }
        hung_up(first).await;
        assert_eq!(asked.elapsed().as_secs(), 50, "transferred: {transferred}");
        hung_up(other).await;
        let details = bench.ended(call).await;
        assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::System));
        no_ghost(&bench, &details).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_talked_is_not_rung_again_for_somebody_who_is_busy() {
    for transferred in [true, false] {
        let bench = Bench::new().await;
        for _ in 0..2 {
            bench.world.carrier.next(Script::ByHand);
        }
        let request = PlaceCall {
            action: Action::Flow(bridge(dial(&[EVE]))),
            retry: Retry {
                rules: vec![RetryRule {
                    on: vec![Outcome::Busy],
                    times: 2,
                    delay: Duration::from_secs(3),
                    factor: Factor::ONE,
                    longest: Duration::from_secs(3),
                    to: Vec::new(),
                    via: Vec::new(),
                }],
                ..Retry::default()
            },
            ..request(BOB)
        };
        let call = verbs::place_call(&bench.engine, &bench.actor, request)
            .await
            .unwrap()
            .id;
        let mut first = bench.world.carrier.leg().await;
        first.sent().await;
        first.answer().await;
        let mut other = bench.world.carrier.leg().await;
        other.sent().await;
        other.answer().await;
        joined(&mut first).await;
        joined(&mut other).await;
        bench.world.carrier.next(Script::ByHand);
        let order = if transferred {
            Order::Transfer(address(MALLORY))
        } else {
            Order::Redirect(bridge(dial(&[MALLORY])))
        };
        let told = verbs::control_call(&bench.engine, &bench.actor, call, order, None).await;
        assert!(told.is_ok(), "{told:?}");
        hung_up(other).await;
        if transferred {
            while !matches!(next(&mut first).await, LegCommand::Transfer { .. }) {}
            first.tell(LegEvent::Transferred(Err("405".into()))).await;
        }
        let mut third = bench.world.carrier.leg().await;
        third.sent().await;
        third.end(Ending::from_sip(486, None, "Busy Here")).await;
        hung_up(first).await;
        let details = bench.ended(call).await;
        assert_eq!(outcome(&details).0, Outcome::Completed);
        let reason = details.call.ending.as_ref().unwrap().reason.as_str();
        assert!(
            reason.contains("nobody was reached") && reason.contains(MALLORY),
            "{reason}"
        );
        assert_eq!(bench.world.carrier.rung().len(), 3);
        no_ghost(&bench, &details).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_transferred_to_somebody_else() {
    let bench = Bench::new().await;
    let (call, mut first, other) = talking(&bench, dial(&[EVE])).await;
    bench.world.carrier.next(Script::ByHand);
    let order = Order::Transfer(address(MALLORY));
    let told = verbs::control_call(&bench.engine, &bench.actor, call, order, Some("sales".into())).await;
    assert!(told.is_ok(), "{told:?}");
    hung_up(other).await;
    // It does not want to call somebody else, so we ring them.
    loop {
        if let LegCommand::Transfer { to } = next(&mut first).await {
            assert_eq!(*to, address(MALLORY));
            break;
        }
    }
    first
        .tell(LegEvent::Transferred(Err("405 Method Not Allowed".into())))
        .await;
    let mut third = bench.world.carrier.leg().await;
    third.sent().await;
    third.answer().await;
    assert!(matches!(next(&mut third).await, LegCommand::Join(_)));
    loop {
        if let LegCommand::Join(_) = next(&mut first).await {
            break;
        }
    }
    first.end(by_itself()).await;
    hung_up(third).await;
    let details = bench.ended(call).await;
    assert_eq!(details.legs.len(), 3);
    no_ghost(&bench, &details).await;
    let order = Order::Mute(true);
    let late = verbs::control_call(&bench.engine, &bench.actor, call, order, None).await;
    assert_eq!(late, Err(ControlError::NotLive(CallState::Ended)));
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_calls_somebody_else_itself_is_let_go() {
    let bench = Bench::new().await;
    let (call, mut first, other) = talking(&bench, dial(&[EVE])).await;
    let order = Order::Transfer(address(MALLORY));
    verbs::control_call(&bench.engine, &bench.actor, call, order, None)
        .await
        .unwrap();
    hung_up(other).await;
    while !matches!(next(&mut first).await, LegCommand::Transfer { .. }) {}
    first.tell(LegEvent::Transferred(Ok(()))).await;
    let ending = hung_up(first).await;
    assert!(ending.reason.contains(MALLORY), "{}", ending.reason);
    let details = bench.ended(call).await;
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Request));
    no_ghost(&bench, &details).await;
}

#[tokio::test(start_paused = true)]
async fn a_party_is_held_and_taken_back() {
    let bench = Bench::new().await;
    let (call, mut first, other) = talking(&bench, dial(&[EVE])).await;
    for held in [true, false] {
        let order = Order::Hold(held);
        verbs::control_call(&bench.engine, &bench.actor, call, order, None)
            .await
            .unwrap();
        assert!(matches!(next(&mut first).await, LegCommand::Hold(asked) if asked == held));
        first.tell(LegEvent::OnHold(held)).await;
    }
    other.end(by_itself()).await;
    hung_up(first).await;
    let details = bench.ended(call).await;
    let words = bench.words(call).await;
    assert_eq!(words.iter().filter(|word| **word == "controlled").count(), 4);
    no_ghost(&bench, &details).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_extended_and_shortened() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::answers());
    let flow = Flow {
        steps: vec![Instruction::Pause(Duration::from_secs(24 * 3600))],
    };
    let request = PlaceCall {
        action: Action::Flow(flow),
        talk: Some(Duration::from_secs(60)),
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, request).await.unwrap();
    bench
        .reached(call.id, |kind| matches!(kind, EventKind::Answered { .. }))
        .await;
    let answered = tokio::time::Instant::now();
    for seconds in [7_000, 300] {
        let order = Order::Limit(Duration::from_secs(seconds));
        verbs::control_call(&bench.engine, &bench.actor, call.id, order, None)
            .await
            .unwrap();
    }
    bench.ended(call.id).await;
    assert_eq!(answered.elapsed().as_secs(), 300);
}

/// A dial with codes.
fn coded(codes: &[(&str, Vec<Instruction>)]) -> Dial {
    Dial {
        codes: codes
            .iter()
            .map(|(code, steps)| ((*code).to_owned(), steps.clone()))
            .collect(),
        ..dial(&[EVE])
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_network_plays_is_heard_instead_of_a_ringing_tone() {
    let bench = Bench::new().await;
    let (call, mut first, mut other) = ringing(&bench, dial(&[EVE])).await;
    let Some(LegCommand::Play { .. }) = first.command().await else {
        panic!("it hears that somebody is rung")
    };
    other.ring_with_sound().await;
    let Some(LegCommand::StopPlaying) = first.command().await else {
        panic!("the tone ends")
    };
    let (room, is_heard) = joined(&mut first).await;
    assert!(!is_heard, "it is not heard before the answer");
    assert_eq!(joined(&mut other).await, (room, true));
    other.answer().await;
    assert_eq!(joined(&mut first).await, (room, true), "now it is heard");
    joined(&mut other).await;
    bench
        .reached(call, |kind| matches!(kind, EventKind::Connected { .. }))
        .await;
    first.end(by_itself()).await;
    hung_up(other).await;
    no_ghost(&bench, &bench.ended(call).await).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_before_it_is_connected_is_not_heard_meanwhile() {
    let bench = Bench::new().await;
    let dial = Dial {
        whisper: vec![said("A call for you")],
        ..dial(&[EVE])
    };
    let (call, mut first, mut other) = ringing(&bench, dial).await;
    other.ring_with_sound().await;
    let (early, _) = joined(&mut first).await;
    joined(&mut other).await;
    other.answer().await;
    assert!(matches!(next(&mut other).await, LegCommand::Leave));
    assert!(matches!(next(&mut first).await, LegCommand::Leave));
    let Some(LegCommand::Play { .. }) = first.command().await else {
        panic!("it hears the ringing tone again")
    };
    let Some(LegCommand::Play { play, .. }) = other.command().await else {
        panic!("it hears what it is to hear first")
    };
    other.tell(LegEvent::PlayDone { play }).await;
    let (room, is_heard) = joined(&mut first).await;
    assert!(room != early && is_heard);
    assert_eq!(joined(&mut other).await, (room, true));
    other.end(by_itself()).await;
    hung_up(first).await;
    no_ghost(&bench, &bench.ended(call).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_number_that_only_played_something_is_followed_by_the_next() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let (call, mut first, mut other) = ringing(&bench, dial(&[EVE, MALLORY])).await;
    other.ring_with_sound().await;
    joined(&mut first).await;
    joined(&mut other).await;
    other.end(Ending::from_sip(404, None, "Not Found")).await;
    assert!(matches!(next(&mut first).await, LegCommand::Leave));
    let Some(LegCommand::Play { .. }) = first.command().await else {
        panic!("it hears that somebody else is rung")
    };
    let mut third = bench.world.carrier.leg().await;
    third.sent().await;
    // The first party hangs up while it hears what the network plays.
    third.ring_with_sound().await;
    joined(&mut first).await;
    first.end(by_itself()).await;
    assert_eq!(hung_up(third).await.outcome, Outcome::Canceled);
    let details = bench.ended(call).await;
    assert_eq!(details.legs.len(), 3);
    no_ghost(&bench, &details).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_of_the_network_is_heard_where_the_plan_says_so() {
    let bench = Bench::new().await;
    let dial = Dial {
        early_media: false,
        ..dial(&[EVE])
    };
    let (call, mut first, mut other) = ringing(&bench, dial).await;
    other.ring_with_sound().await;
    other.answer().await;
    assert!(joined(&mut first).await.1);
    first.end(by_itself()).await;
    hung_up(other).await;
    no_ghost(&bench, &bench.ended(call).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_code_of_either_party_is_done_beside_the_talk() {
    for first_presses in [true, false] {
        let bench = Bench::new().await;
        let words = Flow::say("This call is recorded").steps;
        let (call, mut first, mut other) = talking(&bench, coded(&[("*1", words)])).await;
        let presses = if first_presses { &first } else { &other };
        let leg = presses.order.leg;
        presses.press("7*1").await;
        let Some(LegCommand::Play { play, .. }) = first.command().await else {
            panic!("the first party hears it")
        };
        assert!(
            matches!(other.command().await, Some(LegCommand::Play { .. })),
            "the other party, too"
        );
        first.tell(LegEvent::PlayDone { play }).await;
        bench
            .reached(
                call,
                |kind| matches!(kind, EventKind::Code { leg: by, code, .. } if *by == leg && code == "*1"),
            )
            .await;
        other.end(by_itself()).await;
        hung_up(first).await;
        let details = bench.ended(call).await;
        assert!(
            !bench.words(call).await.contains(&"digit"),
            "what is pressed in a talk is nobody's affair"
        );
        no_ghost(&bench, &details).await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_listened_to_only_where_there_is_a_code_for_them() {
    for (by, wanted) in [
        (None, [true, true]),
        (Some(Party::First), [true, false]),
        (Some(Party::Other), [true, true]),
    ] {
        let bench = Bench::new().await;
        let dial = Dial {
            codes_by: by,
            ..coded(&[("*1", vec![])])
        };
        let (call, mut first, mut other) = ringing(&bench, dial).await;
        other.answer().await;
        let listens = [
            matches!(next(&mut first).await, LegCommand::Listen(true)),
            matches!(next(&mut other).await, LegCommand::Listen(true)),
        ];
        assert_eq!(listens, wanted, "{by:?}");
        first.end(by_itself()).await;
        hung_up(other).await;
        no_ghost(&bench, &bench.ended(call).await).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_puts_the_first_party_through_to_somebody_else() {
    let bench = Bench::new().await;
    let to_mallory = Dial {
        to: vec![address(MALLORY)],
        ..coded(&[("*2", vec![Instruction::HangUp])])
    };
    let dial = coded(&[("*2", vec![Instruction::Dial(Box::new(to_mallory))])]);
    let (call, mut first, other) = talking(&bench, dial).await;
    bench.world.carrier.next(Script::ByHand);
    other.press("*2").await;
    let mut third = bench.world.carrier.leg().await;
    third.sent().await;
    third.answer().await;
    joined(&mut first).await;
    joined(&mut third).await;
    bench
        .reached(
            call,
            |kind| matches!(kind, EventKind::Connected { with, .. } if *with == third.order.leg),
        )
        .await;
    // Who was let go of takes its time, and a code that lets go of somebody else has to wait for that.
    third.press("*2").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    hung_up(other).await;
    bench
        .reached(call, |kind| matches!(kind, EventKind::LegEnded { .. }))
        .await;
    third.press("*2").await;
    hung_up(third).await;
    let ending = hung_up(first).await;
    assert_eq!(ending.by, EndedBy::Flow);
    let details = bench.ended(call).await;
    assert_eq!(details.legs.len(), 3);
    no_ghost(&bench, &details).await;
}
