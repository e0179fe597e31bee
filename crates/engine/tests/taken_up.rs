//! Calls that a carrier can still follow after a crash of ours.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use bench::{Bench, outcome};
use outdial_domain::{CallId, CallState, EndedBy, Ending, EventKind, Outcome};
use outdial_engine::{
    Engine, HangUpAnswer,
    policy::Opening,
    ports::{LegCommand, LegEvent},
    routing::Trunk,
    verbs::{self, CallError},
};
use outdial_flow::Flow;
use outdial_testkit::fakes::{FakeLeg, Script, World};

/// A call that was under way when we died, and the engine after that, which is ready.
struct Crashed {
    bench: Bench,
    call: CallId,
    leg: FakeLeg,
}

impl Crashed {
    async fn new() -> Self {
        let mut world = World::new();
        world.settings.trunks = vec![Trunk {
            name: "pbx".into(),
            carrier: "sip".into(),
            prefixes: vec!["+".into()],
            built_in: false,
            limit: Default::default(),
            incoming: Default::default(),
        }];
        world.settings.policy.open = vec![Opening::Everything];
        let mut bench = Bench::with(world).await;
        bench.world.carrier.next(Script::ByHand);
        let call = bench.place("+6598765432", Flow::say("Hello")).await.unwrap().id;
        // The first engine never gets to say anything more.
        std::mem::forget(bench.world.carrier.leg().await);
        bench
            .reached(call, |kind| matches!(kind, EventKind::Journalled { .. }))
            .await;
        bench.world.carrier.takes_up();
        let restarted: Engine = bench.world.engine().await;
        let leg = bench.world.carrier.leg().await;
        let details = verbs::get_call(&restarted, &bench.actor, call).await.unwrap();
        assert_eq!(
            details.call.state,
            CallState::Active,
            "it is followed, and nobody waits for it"
        );
        bench.engine = restarted;
        Self { bench, call, leg }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_followed_to_its_end() {
    let Crashed { bench, call, leg } = Crashed::new().await;
    leg.end(Ending::new(Outcome::Completed, EndedBy::Callee, "over")).await;
    let details = bench.ended(call).await;
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Callee));
    assert_eq!(bench.world.carrier.rung().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_knows_of_is_unknown() {
    let Crashed { bench, call, leg } = Crashed::new().await;
    drop(leg);
    let details = bench.ended(call).await;
    let ending = details.call.ending.unwrap();
    assert_eq!(ending.outcome, Outcome::Unknown);
    assert!(ending.reason.contains("the server was interrupted"), "{ending:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_to_end_it_reaches_its_carrier() {
    let Crashed { bench, call, mut leg } = Crashed::new().await;
    let ended = async {
        let Some(LegCommand::HangUp { ending }) = leg.command().await else {
            panic!("it is to be hung up");
        };
        leg.end(ending).await;
    };
    let (answer, ()) = tokio::join!(verbs::hang_up(&bench.engine, &bench.actor, call), ended);
    assert_eq!(answer.unwrap().as_str(), "hung_up");
    let details = bench.ended(call).await;
    assert_eq!(outcome(&details), (Outcome::Canceled, EndedBy::Request));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_to_end_what_goes_on_is_told_so_each_time_and_the_call_is_followed_to_its_end() {
    let Crashed { bench, call, mut leg } = Crashed::new().await;
    leg.answer().await;
    for says in [Some(Err("it cannot be hung up".to_owned())), None, Some(Ok(()))] {
        let said = says.clone();
        let told = async {
            let Some(LegCommand::HangUp { .. }) = leg.command().await else {
                panic!("it is to be hung up");
            };
            if let Some(said) = said {
                leg.tell(LegEvent::HungUp(said)).await;
            }
        };
        let (answer, ()) = tokio::join!(verbs::hang_up(&bench.engine, &bench.actor, call), told);
        match says {
            Some(Err(reason)) => assert_eq!(answer, Err(CallError::GoesOn(reason))),
            // The carrier says it too late for whoever asked first.
            None => {
                assert!(matches!(answer, Err(CallError::GoesOn(reason)) if reason.contains("within 8 s")));
                leg.tell(LegEvent::HungUp(Err("not even now".to_owned()))).await;
                let late =
                    |kind: &EventKind| matches!(kind, EventKind::Controlled { result, .. } if result.contains("even"));
                bench.reached(call, late).await;
            }
            Some(Ok(())) => assert_eq!(answer, Ok(HangUpAnswer::HungUp)),
        }
    }
    let (_, details) = tokio::join!(
        leg.end(Ending::new(Outcome::Completed, EndedBy::Callee, "over")),
        bench.ended(call)
    );
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Callee));
    let words = bench.words(call).await;
    assert_eq!(
        words.iter().filter(|word| **word == "controlled").count(),
        2,
        "{words:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_on_is_not_given_up_after_a_moment_nor_tried_again() {
    let Crashed { bench, call, mut leg } = Crashed::new().await;
    leg.answer().await;
    let told = async {
        let _ = leg.command().await;
        leg.tell(LegEvent::HungUp(Err("no".to_owned()))).await;
    };
    let (answer, ()) = tokio::join!(verbs::hang_up(&bench.engine, &bench.actor, call), told);
    assert_eq!(answer, Err(CallError::GoesOn("no".to_owned())));
    tokio::time::sleep(std::time::Duration::from_secs(45)).await;
    let details = verbs::get_call(&bench.engine, &bench.actor, call).await.unwrap();
    assert_eq!(details.call.state, CallState::Active);
    // Once it has lasted as long as it may, nothing more is waited for.
    let details = bench.ended(call).await;
    assert_eq!(outcome(&details), (Outcome::Unknown, EndedBy::System));
    assert_eq!(bench.world.carrier.rung().len(), 1);
}
