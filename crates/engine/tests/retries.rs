//! Calls that are tried again, through the engine, with a crash in between.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use std::time::Duration;

use outdial_domain::{
    Address, Call, CallId, CallState, EndedBy, Ending, EventKind, Factor, Outcome, Retry, RetryRule,
    retry::UNKNOWN_REST,
};
use outdial_engine::{
    HangUpAnswer,
    ports::{LegCommand, PromptError},
    verbs::{self, PlaceCall, PlaceCallError},
};
use outdial_flow::Flow;
use outdial_testkit::fakes::{Script, World};

use bench::{BOB, Bench, outcome, request};

const MINUTE: Duration = Duration::from_secs(60);

fn rule(on: &[Outcome], times: u16, delay: Duration) -> RetryRule {
    RetryRule {
        on: on.to_vec(),
        times,
        delay,
        factor: Factor::ONE,
        longest: delay,
        to: Vec::new(),
        via: Vec::new(),
    }
}

fn by(rules: Vec<RetryRule>) -> PlaceCall {
    PlaceCall {
        retry: Retry {
            rules,
            ..Retry::default()
        },
        ..request(BOB)
    }
}

async fn place(bench: &Bench, request: PlaceCall) -> Call {
    verbs::place_call(&bench.engine, &bench.actor, request).await.unwrap()
}

async fn stands(bench: &Bench, id: CallId) -> Call {
    verbs::get_call(&bench.engine, &bench.actor, id).await.unwrap().call
}

fn is_retry(kind: &EventKind) -> bool {
    matches!(kind, EventKind::RetryScheduled { .. })
}

#[tokio::test(start_paused = true)]
async fn a_busy_phone_is_rung_again_and_each_attempt_is_kept() {
    let bench = Bench::new().await;
    for script in [
        Script::busy(),
        Script::rejects(503, "Service Unavailable"),
        Script::answers(),
    ] {
        bench.world.carrier.next(script);
    }
    let begun = tokio::time::Instant::now();
    let call = place(
        &bench,
        by(vec![rule(&[Outcome::Busy, Outcome::Congestion], 3, 5 * MINUTE)]),
    )
    .await;
    let details = bench.ended(call.id).await;
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Flow));
    assert_eq!(begun.elapsed().as_secs() / 60, 10);
    let tries: Vec<_> = details
        .attempts
        .iter()
        .map(|attempt| attempt.progress.ending.as_ref().unwrap().outcome)
        .collect();
    assert_eq!(tries, [Outcome::Busy, Outcome::Congestion, Outcome::Completed]);
    assert_eq!(details.legs.len(), 3);
    assert_eq!(bench.world.carrier.rung().len(), 3);
    let words = bench.words(call.id).await;
    assert_eq!(
        words[..7],
        [
            "created",
            "routed",
            "journalled",
            "dialing",
            "leg_ended",
            "retry_scheduled",
            "routed"
        ]
    );
    assert_eq!(words.iter().filter(|word| **word == "ended").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_next_attempt_is_seen_before_it_is_made() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::busy());
    let mut first = rule(&[Outcome::Busy], 1, MINUTE);
    first.to = vec![Address::parse("sip:carol@127.0.0.1").unwrap()];
    let call = place(&bench, by(vec![first])).await;
    bench.reached(call.id, is_retry).await;
    let waits = stands(&bench, call.id).await;
    assert_eq!((waits.state, waits.attempts), (CallState::Scheduled, 1));
    assert_eq!(waits.plan.to.to_string(), "sip:carol@127.0.0.1");
    assert_eq!(
        bench
            .engine
            .store
            .next_due(outdial_engine::ports::Work::Calls, &[])
            .await
            .unwrap(),
        Some(waits.plan.due)
    );
    bench.ended(call.id).await;
    let rung: Vec<_> = bench
        .world
        .carrier
        .rung()
        .iter()
        .map(|leg| leg.to.to_string())
        .collect();
    assert_eq!(rung, [BOB, "sip:carol@127.0.0.1"]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_at_once_is_owned_by_its_own_task() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::busy());
    bench.world.carrier.next(Script::ByHand);
    let call = place(&bench, by(vec![rule(&[Outcome::Busy], 1, Duration::ZERO)])).await;
    let mut leg = bench.world.carrier.leg().await;
    leg.sent().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answer = verbs::hang_up(&bench.engine, &bench.actor, call.id).await.unwrap();
    assert_eq!(answer, HangUpAnswer::HungUp);
    drop(leg);
    bench.ended(call.id).await;
}

#[tokio::test(start_paused = true)]
async fn canceling_between_attempts_prevents_the_next() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::busy());
    let call = place(&bench, by(vec![rule(&[Outcome::Busy], 3, MINUTE)])).await;
    bench.reached(call.id, is_retry).await;
    let hang_up = || verbs::hang_up(&bench.engine, &bench.actor, call.id);
    assert_eq!(hang_up().await.unwrap(), HangUpAnswer::Prevented);
    assert_eq!(hang_up().await.unwrap(), HangUpAnswer::TooLate);
    assert_eq!(outcome(&bench.ended(call.id).await).0, Outcome::Canceled);
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(bench.world.carrier.rung().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hang_up_that_crosses_a_busy_signal_is_the_last_word() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = place(&bench, by(vec![rule(&[Outcome::Busy], 3, MINUTE)])).await;
    let mut leg = bench.world.carrier.leg().await;
    leg.sent().await;
    let answer = verbs::hang_up(&bench.engine, &bench.actor, call.id).await.unwrap();
    assert_eq!(answer, HangUpAnswer::HungUp);
    assert!(matches!(leg.command().await, Some(LegCommand::HangUp { .. })));
    leg.end(Ending::from_sip(486, None, "Busy Here")).await;
    assert_eq!(outcome(&bench.ended(call.id).await).0, Outcome::Busy);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_even_begin_is_tried_again_within_its_count() {
    let bench = Bench::new().await;
    let broken = PromptError::Silent("the engine is gone".into());
    bench.world.prompts.fail(Some(broken));
    let call = place(&bench, by(vec![rule(&[Outcome::Failed], 2, MINUTE)])).await;
    let details = bench.ended(call.id).await;
    assert_eq!(outcome(&details).0, Outcome::Failed);
    assert_eq!(
        bench.words(call.id).await,
        ["created", "retry_scheduled", "retry_scheduled", "ended"]
    );
    assert!(bench.world.carrier.rung().is_empty());
}

/// A crash while the phone rings, with a plan that wants to know no more than that.
async fn crash(rules: Vec<RetryRule>, ask_to_end: bool) -> (Bench, Call) {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = place(&bench, by(rules)).await;
    let mut leg = bench.world.carrier.leg().await;
    leg.sent().await;
    if ask_to_end {
        verbs::hang_up(&bench.engine, &bench.actor, call.id).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let engine = bench.world.engine().await;
    (Bench { engine, ..bench }, call)
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_unknown_is_not_dialled_again_unless_the_plan_says_so() {
    let (bench, call) = crash(vec![rule(&[Outcome::Busy, Outcome::Failed], 3, MINUTE)], false).await;
    assert_eq!(outcome(&bench.ended(call.id).await).0, Outcome::Unknown);
    tokio::time::sleep(60 * MINUTE).await;
    assert_eq!(bench.world.carrier.rung().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_unknown_is_dialled_again_when_the_phone_is_quiet() {
    let (bench, call) = crash(vec![rule(&[Outcome::Unknown], 1, Duration::ZERO)], false).await;
    let waits = stands(&bench, call.id).await;
    assert_eq!(waits.state, CallState::Scheduled);
    let rest = waits.plan.due.duration_since(waits.created_at);
    assert!(rest >= (waits.plan.ring + UNKNOWN_REST).try_into().unwrap(), "{rest}");
    let details = bench.ended(call.id).await;
    assert_eq!(outcome(&details).0, Outcome::Completed);
    assert_eq!(bench.world.carrier.rung().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_what_somebody_had_ended_is_not_dialled_again() {
    let (bench, call) = crash(vec![rule(&[Outcome::Unknown], 1, Duration::ZERO)], true).await;
    assert_eq!(outcome(&bench.ended(call.id).await).0, Outcome::Unknown);
    tokio::time::sleep(60 * MINUTE).await;
    assert_eq!(bench.world.carrier.rung().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_attempts_loses_none_and_repeats_none() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::busy());
    let call = place(&bench, by(vec![rule(&[Outcome::Busy], 1, MINUTE)])).await;
    bench.reached(call.id, is_retry).await;
    bench.engine.stop(Duration::ZERO).await;
    let engine = bench.world.engine().await;
    let bench = Bench { engine, ..bench };
    assert_eq!(outcome(&bench.ended(call.id).await).0, Outcome::Completed);
    assert_eq!(bench.world.carrier.rung().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_makes_no_sense_is_refused_with_everything_that_is_wrong() {
    let bench = Bench::with(World::new()).await;
    let mut first = rule(&[Outcome::Completed, Outcome::Busy, Outcome::Busy], 0, MINUTE);
    first.longest = Duration::ZERO;
    first.factor = Factor(50);
    let mut request = by(vec![first, rule(&[], 101, Duration::from_secs(1 << 40))]);
    request.retry.total = Some(0);
    request.expires = Some(bench.engine.ids.now());
    let refused = verbs::place_call(&bench.engine, &bench.actor, request).await;
    let Err(PlaceCallError::Invalid(problems)) = refused else {
        panic!("{refused:?}")
    };
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "expires",
            "retry.total",
            "retry.rules.0.on",
            "retry.rules.0.on",
            "retry.rules.0.times",
            "retry.rules.0.longest",
            "retry.rules.0.factor",
            "retry.rules.1.on",
            "retry.rules.1.times",
            "retry.rules.1.delay",
            "retry.rules.1.longest",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_alternate_that_cannot_be_dialled_is_refused_at_once() {
    let bench = Bench::new().await;
    let mut first = rule(&[Outcome::Busy], 1, MINUTE);
    first.to = vec![Address::parse("+6590000000").unwrap()];
    let refused = verbs::place_call(&bench.engine, &bench.actor, by(vec![first])).await;
    let Err(PlaceCallError::Invalid(problems)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(problems[0].field, "retry.rules.0.to.0");
    let call = bench.place(BOB, Flow::say("Hello")).await.unwrap();
    assert_eq!(bench.ended(call.id).await.legs.len(), 1);
}
