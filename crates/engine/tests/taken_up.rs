//! Calls that a carrier can still follow after a crash of ours.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use bench::{Bench, outcome};
use outdial_domain::{CallId, CallState, EndedBy, Ending, EventKind, Outcome};
use outdial_engine::{Engine, policy::Opening, ports::LegCommand, routing::Trunk, verbs};
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
