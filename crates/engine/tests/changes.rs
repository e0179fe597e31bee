//! Calls that are changed before they are dialled, and hours in which they may be.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{Address, CallState, EventKind, Hours, HoursZone, Outcome, Retry, RetryRule};
use outdial_engine::{
    HangUpAnswer,
    verbs::{self, Action, ChangeCall, ChangeCallError, Edit, PlaceCall, PlaceCallError},
};
use outdial_flow::Flow;
use outdial_testkit::fakes::Script;

use bench::{BOB, Bench, outcome, request};

const HOUR: Duration = Duration::from_secs(3600);
const CAROL: &str = "sip:carol@127.0.0.1";

fn hours(window: &str) -> Hours {
    Hours {
        // The clock of the tests begins on Wednesday, 2030-01-02T03:04:05Z: 04:04:05 in Berlin.
        zone: HoursZone::Named("Europe/Berlin".into()),
        windows: vec![window.parse().unwrap()],
        skip: Vec::new(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_its_hours() {
    let bench = Bench::new().await;
    let request = PlaceCall {
        hours: Some(hours("mon-fri 09:00-18:00")),
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, request).await.unwrap();
    assert_eq!(
        (call.state, call.plan.due),
        (CallState::Scheduled, at("2030-01-02T08:00:00Z"))
    );
    let details = bench.ended(call.id).await;
    let late = details.legs[0].progress.journalled_at.duration_since(call.plan.due);
    assert!(!late.is_negative() && late.as_millis() < 50, "{late}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_late_to_its_hours_waits_for_the_next() {
    let bench = Bench::new().await;
    let request = PlaceCall {
        hours: Some(hours("mon-fri 05:00-05:30")),
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, request).await.unwrap();
    assert_eq!(call.plan.due, at("2030-01-02T04:00:00Z"));
    // Nothing is dialled for an hour, as when the disk is full.
    bench.world.store.fill_disk();
    tokio::time::sleep(2 * HOUR).await;
    bench.world.store.fail(None);
    let postponed = |kind: &EventKind| matches!(kind, EventKind::Postponed { .. });
    bench.reached(call.id, postponed).await;
    assert!(bench.world.carrier.rung().is_empty());
    let details = bench.ended(call.id).await;
    assert_eq!(details.call.plan.due, at("2030-01-03T04:00:00Z"));
    assert_eq!(outcome(&details).0, Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_is_over_is_not_dialled() {
    let bench = Bench::new().await;
    let now = bench.engine.ids.now();
    let request = PlaceCall {
        due: Some(now + HOUR),
        expires: Some(now + 2 * HOUR),
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, request).await.unwrap();
    bench.world.store.fill_disk();
    tokio::time::sleep(3 * HOUR).await;
    bench.world.store.fail(None);
    assert_eq!(outcome(&bench.ended(call.id).await).0, Outcome::Expired);
    assert!(bench.world.carrier.rung().is_empty());
}

#[tokio::test(start_paused = true)]
async fn hours_that_never_open_are_refused() {
    let bench = Bench::new().await;
    let now = bench.engine.ids.now();
    let refused = |request: PlaceCall| {
        let bench = &bench;
        async move {
            match verbs::place_call(&bench.engine, &bench.actor, request).await {
                Err(PlaceCallError::Invalid(problems)) => problems[0].field.clone(),
                other => panic!("{other:?}"),
            }
        }
    };
    let sunday = PlaceCall {
        hours: Some(hours("sun 09:00-10:00")),
        expires: Some(now + 24 * HOUR),
        ..request(BOB)
    };
    assert_eq!(refused(sunday).await, "hours");
    let mut nowhere = request(BOB);
    nowhere.hours = Some(Hours {
        zone: HoursZone::Callee,
        ..hours("daily 09:00-10:00")
    });
    assert_eq!(refused(nowhere.clone()).await, "hours.zone");
    nowhere.hours.as_mut().unwrap().windows.clear();
    assert_eq!(refused(nowhere).await, "hours.windows");
}

#[tokio::test(start_paused = true)]
async fn everything_may_be_changed_until_it_is_dialled() {
    let bench = Bench::new().await;
    let later = bench.engine.ids.now() + HOUR;
    let first = PlaceCall {
        due: Some(later),
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, first).await.unwrap();
    let change = ChangeCall {
        version: Some(call.events),
        to: Some(Address::parse(CAROL).unwrap()),
        action: Some(Action::Flow(Flow::say("Other words"))),
        due: Edit::Set(later - Duration::from_secs(1800)),
        tag: Edit::Set("moved".into()),
        ..ChangeCall::default()
    };
    let changed = verbs::change_call(&bench.engine, &bench.actor, call.id, change.clone())
        .await
        .unwrap();
    assert_eq!(changed.call.plan.tag.as_deref(), Some("moved"));
    let stale = verbs::change_call(&bench.engine, &bench.actor, call.id, change.clone()).await;
    assert_eq!(stale, Err(ChangeCallError::OtherVersion(changed.call.events)));
    let again = ChangeCall {
        version: None,
        ..change.clone()
    };
    let kept = verbs::get_call(&bench.engine, &bench.actor, call.id).await.unwrap();
    assert_eq!(kept, changed);

    let details = bench.ended(call.id).await;
    assert_eq!(bench.world.carrier.rung()[0].to.to_string(), CAROL);
    assert_eq!(bench.world.prompts.said().last().unwrap().text, "Other words");
    assert_eq!(
        details.legs[0].progress.journalled_at.duration_since(later).as_secs(),
        -1800
    );
    let late = verbs::change_call(&bench.engine, &bench.actor, call.id, again).await;
    assert_eq!(late, Err(ChangeCallError::TooLate(CallState::Ended)));
    assert_eq!(bench.words(call.id).await[..2], ["created", "changed"]);
}

#[tokio::test(start_paused = true)]
async fn what_changes_nothing_is_no_change() {
    let bench = Bench::new().await;
    let later = bench.engine.ids.now() + HOUR;
    let first = PlaceCall {
        due: Some(later),
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, first).await.unwrap();
    let nothing = ChangeCall {
        due: Edit::Set(later),
        ..ChangeCall::default()
    };
    let kept = verbs::change_call(&bench.engine, &bench.actor, call.id, nothing)
        .await
        .unwrap();
    assert_eq!(kept.call, call);
}

#[tokio::test(start_paused = true)]
async fn a_bad_change_changes_nothing() {
    let bench = Bench::new().await;
    let later = bench.engine.ids.now() + HOUR;
    let first = PlaceCall {
        due: Some(later),
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, first).await.unwrap();
    let bad = ChangeCall {
        expires: Edit::Set(later - Duration::from_secs(1)),
        ring: Edit::Set(Duration::ZERO),
        ..ChangeCall::default()
    };
    let refused = verbs::change_call(&bench.engine, &bench.actor, call.id, bad).await;
    let Err(ChangeCallError::Refused(PlaceCallError::Invalid(problems))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(problems.len(), 2);
    let closed = ChangeCall {
        to: Some(Address::parse("sip:x@example.com").unwrap()),
        ..ChangeCall::default()
    };
    let refused = verbs::change_call(&bench.engine, &bench.actor, call.id, closed).await;
    assert!(matches!(
        refused,
        Err(ChangeCallError::Refused(PlaceCallError::NoRoute(_)))
    ));
    assert_eq!(
        verbs::get_call(&bench.engine, &bench.actor, call.id)
            .await
            .unwrap()
            .call,
        call
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_is_not_changed() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = bench.place(BOB, Flow::say("Hello")).await.unwrap();
    let mut leg = bench.world.carrier.leg().await;
    leg.sent().await;
    let change = ChangeCall {
        tag: Edit::Set("late".into()),
        ..ChangeCall::default()
    };
    let late = verbs::change_call(&bench.engine, &bench.actor, call.id, change).await;
    assert_eq!(late, Err(ChangeCallError::TooLate(CallState::Active)));
    let answer = verbs::hang_up(&bench.engine, &bench.actor, call.id).await.unwrap();
    assert_eq!(answer, HangUpAnswer::HungUp);
    drop(leg);
    bench.ended(call.id).await;
}

#[tokio::test(start_paused = true)]
async fn no_change_rings_an_unknown_phone_before_it_is_quiet() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let rule = RetryRule {
        on: vec![Outcome::Unknown],
        times: 2,
        delay: HOUR,
        factor: Default::default(),
        longest: HOUR,
        to: Vec::new(),
        via: Vec::new(),
    };
    let first = PlaceCall {
        retry: Retry {
            rules: vec![rule],
            ..Retry::default()
        },
        ..request(BOB)
    };
    let call = verbs::place_call(&bench.engine, &bench.actor, first).await.unwrap();
    drop(bench.world.carrier.leg().await);
    bench
        .reached(call.id, |kind| matches!(kind, EventKind::RetryScheduled { .. }))
        .await;
    let now = ChangeCall {
        due: Edit::Set(bench.engine.ids.now()),
        ..ChangeCall::default()
    };
    let changed = verbs::change_call(&bench.engine, &bench.actor, call.id, now)
        .await
        .unwrap();
    let rest = changed.call.plan.due.duration_since(call.created_at);
    assert!(rest.as_secs() >= 45 + 62, "{rest}");
    bench.ended(call.id).await;
    assert_eq!(bench.world.carrier.rung().len(), 2);
}
