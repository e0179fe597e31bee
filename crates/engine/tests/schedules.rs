//! Plans that run again and again, with a year that passes in seconds, restarts, and two nodes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;
use outdial_domain::{Call, CallState, Hours, HoursZone, Outcome};
use outdial_engine::{
    ports::{CallFilter, StoredSchedule},
    verbs::{self, ChangeCall, Edit, Occurring, PlaceCallError, ScheduleError},
};
use outdial_testkit::fakes::World;

use bench::{BOB, Bench, request};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn occurring(cron: &str, zone: &str) -> Occurring {
    Occurring {
        cron: Some(cron.parse().unwrap()),
        zone: Some(zone.to_owned()),
        ..Occurring::default()
    }
}

async fn create(bench: &Bench, occurring: Occurring) -> StoredSchedule {
    verbs::create_schedule(&bench.engine, &bench.actor, request(BOB), occurring, None)
        .await
        .unwrap()
}

async fn stands(bench: &Bench, stored: &StoredSchedule) -> StoredSchedule {
    verbs::get_schedule(&bench.engine, &bench.actor, stored.schedule.id)
        .await
        .unwrap()
}

/// All calls, the oldest first.
async fn calls(bench: &Bench) -> Vec<Call> {
    let filter = CallFilter {
        most: 1_000,
        ..CallFilter::default()
    };
    let mut calls = bench
        .engine
        .store
        .calls(bench.actor.account, filter)
        .await
        .unwrap()
        .items;
    calls.reverse();
    calls
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_year_of_weeks_is_called_once_a_week_by_the_clock_on_the_wall() {
    let bench = Bench::new().await;
    create(&bench, occurring("30 9 * * mon", "Europe/Berlin")).await;
    bench.engine.stop(Duration::ZERO).await;
    // The server runs for two hours a week, because a year of its looking at the clock takes a minute.
    let mut monday = at("2030-01-07T07:00:00Z");
    for _ in 0..52 {
        let wait = monday.duration_since(bench.engine.ids.now());
        tokio::time::sleep(wait.try_into().unwrap()).await;
        let engine = bench.world.engine().await;
        tokio::time::sleep(Duration::from_secs(7_200)).await;
        engine.stop(Duration::ZERO).await;
        monday += 7 * DAY;
    }
    let calls = calls(&bench).await;
    assert_eq!(calls.len(), 52);
    assert_eq!(calls[0].plan.due, at("2030-01-07T08:30:00Z"));
    let summer = calls.iter().filter(|call| call.plan.due.to_string().contains("T07:30"));
    assert_eq!(summer.count(), 30, "the clocks are an hour ahead for thirty weeks");
    for call in &calls {
        assert_eq!(call.ending.as_ref().unwrap().outcome, Outcome::Completed);
        let late = call.answered_at.unwrap().duration_since(call.plan.due);
        assert!(late.as_millis() < 50, "{late}");
    }
    assert_eq!(bench.world.carrier.rung().len(), 52);
}

#[tokio::test(start_paused = true)]
async fn two_nodes_make_each_occurrence_once() {
    let world = World::new();
    let bench = Bench::with(world.clone()).await;
    let mut other = world;
    other.settings.node = "node-2".to_owned();
    let other = other.engine().await;
    create(&bench, occurring("* * * * *", "UTC")).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let calls = calls(&bench).await;
    let times: HashSet<Timestamp> = calls.iter().map(|call| call.plan.due).collect();
    assert_eq!((calls.len(), times.len()), (60, 60));
    other.stop(Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_runs_once_within_the_grace_and_is_told_otherwise() {
    let bench = Bench::new().await;
    let hourly = create(&bench, occurring("0 * * * *", "UTC")).await;
    let daily = create(
        &bench,
        Occurring {
            grace: Edit::Set(Duration::ZERO),
            ..occurring("0 5 * * *", "UTC")
        },
    )
    .await;
    bench.engine.stop(Duration::ZERO).await;
    // Down from 03:04 to 08:02: the occurrence at 08:00 is within the grace of five minutes.
    tokio::time::sleep(Duration::from_secs(4 * 3600 + 58 * 60)).await;
    let engine = bench.world.engine().await;
    let bench = Bench { engine, ..bench };
    tokio::time::sleep(Duration::from_secs(60)).await;
    let made = calls(&bench).await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].plan.due, at("2030-01-02T08:00:00Z"));
    let hourly = stands(&bench, &hourly).await.schedule;
    assert_eq!(hourly.missed, Some(at("2030-01-02T04:00:00Z")));
    assert_eq!(hourly.next, Some(at("2030-01-02T09:00:00Z")));
    let daily = stands(&bench, &daily).await.schedule;
    assert_eq!((daily.missed, daily.last), (Some(at("2030-01-02T05:00:00Z")), None));
    assert_eq!(daily.next, Some(at("2030-01-03T05:00:00Z")));
}

#[tokio::test(start_paused = true)]
async fn a_decided_occurrence_is_made_by_whoever_finds_it_and_only_once() {
    let bench = Bench::new().await;
    let stored = create(&bench, occurring("0 4 * * *", "UTC")).await;
    bench.engine.stop(Duration::ZERO).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    // A node decided it and died; another time it made the call, too, before it died.
    let mut decided = stored.clone();
    assert!(decided.schedule.decide(bench.engine.ids.now()));
    decided.schedule.version += 1;
    assert!(bench.engine.store.change_schedule(decided.clone()).await.unwrap());
    for _ in 0..2 {
        let engine = bench.world.engine().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        engine.stop(Duration::ZERO).await;
        let mut again = bench
            .engine
            .store
            .schedule(bench.actor.account, stored.schedule.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(again.schedule.last, Some(at("2030-01-02T04:00:00Z")));
        again.schedule.decided = again.schedule.last;
        again.schedule.version += 1;
        assert!(bench.engine.store.change_schedule(again).await.unwrap());
    }
    assert_eq!(calls(&bench).await.len(), 1);
    assert_eq!(bench.world.carrier.rung().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_rests_goes_on_ends_and_is_removed() {
    let bench = Bench::new().await;
    let stored = create(
        &bench,
        Occurring {
            until: Edit::Set(at("2030-01-06T00:00:00Z")),
            skip: Edit::Set(vec!["2030-01-03".parse().unwrap()]),
            ..occurring("0 12 * * *", "UTC")
        },
    )
    .await;
    let id = stored.schedule.id;
    let change = |paused| {
        let occurring = Occurring {
            paused: Some(paused),
            ..Occurring::default()
        };
        verbs::change_schedule(&bench.engine, &bench.actor, id, ChangeCall::default(), occurring)
    };
    // The 2nd is called, the 3rd skipped, the 4th slept through, the 5th called, and then it is over.
    tokio::time::sleep(DAY + DAY / 2).await;
    change(true).await.unwrap();
    tokio::time::sleep(DAY).await;
    change(false).await.unwrap();
    tokio::time::sleep(5 * DAY).await;
    let days: Vec<String> = calls(&bench)
        .await
        .iter()
        .map(|call| call.plan.due.to_string()[8..10].to_owned())
        .collect();
    assert_eq!(days, ["02", "05"]);
    assert_eq!(stands(&bench, &stored).await.schedule.next, None);
    verbs::remove_schedule(&bench.engine, &bench.actor, id).await.unwrap();
    let gone = verbs::remove_schedule(&bench.engine, &bench.actor, id).await;
    assert_eq!(gone, Err(ScheduleError::NotFound));
}

#[tokio::test(start_paused = true)]
async fn hours_that_are_closed_at_every_occurrence_are_refused() {
    let bench = Bench::new().await;
    let made = async |cron: &str, window: &str, lasts: u64| {
        let mut wanted = request(BOB);
        wanted.hours = Some(Hours {
            zone: HoursZone::Named("UTC".to_owned()),
            windows: vec![window.parse().unwrap()],
            skip: Vec::new(),
        });
        let occurring = Occurring {
            lasts: Edit::Set(Duration::from_secs(lasts)),
            ..occurring(cron, "UTC")
        };
        match verbs::create_schedule(&bench.engine, &bench.actor, wanted, occurring, None).await {
            Ok(_) => true,
            Err(ScheduleError::Refused(PlaceCallError::Invalid(problems))) => {
                assert_eq!(problems[0].field, "hours");
                false
            }
            other => panic!("{other:?}"),
        }
    };
    // At three at night, and the hours are those of an office.
    assert!(!made("0 3 * * *", "mon-fri 09:00-18:00", 3_600).await);
    assert!(made("0 3 * * *", "mon-fri 09:00-18:00", 7 * 3_600).await);
    // One minute of the week, and a call that waits for ten seconds.
    assert!(made("* * * * *", "mon 03:00-03:01", 10).await);
    assert!(!made("30 * * * *", "mon 03:00-03:01", 60).await);
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_is_refused() {
    let bench = Bench::new().await;
    let refused = |occurring: Occurring| {
        let bench = &bench;
        async move {
            let refused = verbs::create_schedule(&bench.engine, &bench.actor, request(BOB), occurring, None).await;
            match refused {
                Err(ScheduleError::Refused(PlaceCallError::Invalid(problems))) => problems[0].field.clone(),
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(refused(occurring("0 0 30 feb *", "UTC")).await, "cron");
    assert_eq!(refused(occurring("0 0 * * *", "Mars/Olympus")).await, "zone");
    let century = Occurring {
        until: Edit::Set(at("2130-01-01T00:00:00Z")),
        ..occurring("* * * * *", "UTC")
    };
    assert_eq!(refused(century).await, "until");
    let one_day = |until: Edit<Timestamp>| Occurring {
        until,
        skip: Edit::Set(vec!["2030-12-25".parse().unwrap()]),
        ..occurring("0 9 25 dec *", "Asia/Singapore")
    };
    // The only day that there is before the end is skipped; without an end there are others.
    assert_eq!(refused(one_day(Edit::Set(at("2031-06-01T00:00:00Z")))).await, "cron");
    let next_year = create(&bench, one_day(Edit::Keep)).await;
    assert_eq!(next_year.schedule.next, Some(at("2031-12-25T01:00:00Z")));
    let mut closed = request("sip:x@example.com");
    closed.tag = None;
    let refused =
        verbs::create_schedule(&bench.engine, &bench.actor, closed, occurring("0 0 * * *", "UTC"), None).await;
    assert!(matches!(
        refused,
        Err(ScheduleError::Refused(PlaceCallError::NoRoute(_)))
    ));
    assert!(calls(&bench).await.iter().all(|call| call.state == CallState::Ended));
}
