//! Calls are taken a moment before their time, and go at their time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use std::time::Duration;

use bench::{BOB, Bench, request};
use outdial_domain::{Call, Outcome};
use outdial_engine::{
    HangUpAnswer,
    verbs::{self, ChangeCall, PlaceCall},
};
use tokio::time::Instant;

impl Bench {
    async fn place_in(&self, after: Duration) -> Call {
        let due = Some(self.engine.ids.now() + after);
        let request = PlaceCall { due, ..request(BOB) };
        verbs::place_call(&self.engine, &self.actor, request).await.unwrap()
    }

    /// Waits until nothing that is pending is left in the store.
    async fn taken(&self) {
        while self
            .engine
            .store
            .next_due(outdial_engine::ports::Work::Calls, &[])
            .await
            .unwrap()
            .is_some()
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn rung(&self, calls: usize) {
        while self.world.carrier.rung().len() < calls {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_calls_of_one_moment_are_in_memory_by_then_and_none_goes_before() {
    let bench = Bench::new().await;
    let due = bench.engine.ids.now() + Duration::from_secs(30);
    for _ in 0..500 {
        let request = PlaceCall {
            due: Some(due),
            ..request(BOB)
        };
        verbs::place_call(&bench.engine, &bench.actor, request).await.unwrap();
    }
    bench.taken().await;
    let early = due.duration_since(bench.engine.ids.now()).as_millis();
    assert!((900..=1_000).contains(&early), "taken {early} ms before their time");
    assert!(bench.world.carrier.rung().is_empty());
    bench.rung(500).await;
    let late = bench.engine.ids.now().duration_since(due).as_millis();
    assert!((0..=5).contains(&late), "the last went {late} ms after their time");
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_can_still_be_put_off() {
    let bench = Bench::new().await;
    let call = bench.place_in(Duration::from_millis(1_500)).await;
    bench.taken().await;
    let later = bench.engine.ids.now() + Duration::from_secs(3_600);
    let change = ChangeCall {
        due: verbs::Edit::Set(later),
        ..ChangeCall::default()
    };
    verbs::change_call(&bench.engine, &bench.actor, call.id, change)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3_000)).await;
    assert!(bench.world.carrier.rung().is_empty());
    bench.rung(1).await;
    let late = bench.engine.ids.now().duration_since(later).as_millis();
    assert!((0..=5).contains(&late), "{late} ms after its new time");
    assert_eq!(bench.ended(call.id).await.attempts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_can_still_be_brought_forward() {
    let bench = Bench::new().await;
    let call = bench.place_in(Duration::from_millis(900)).await;
    bench.taken().await;
    let begun = Instant::now();
    let change = ChangeCall {
        due: verbs::Edit::Set(bench.engine.ids.now()),
        ..ChangeCall::default()
    };
    verbs::change_call(&bench.engine, &bench.actor, call.id, change)
        .await
        .unwrap();
    bench.rung(1).await;
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.world.carrier.rung().len(), 1, "the older claim dials nothing");
    assert_eq!(bench.ended(call.id).await.attempts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_can_still_be_prevented() {
    let bench = Bench::new().await;
    let call = bench.place_in(Duration::from_millis(900)).await;
    bench.taken().await;
    let answer = verbs::hang_up(&bench.engine, &bench.actor, call.id).await.unwrap();
    assert_eq!(answer, HangUpAnswer::Prevented);
    let ending = bench.ended(call.id).await.call.ending.unwrap();
    assert_eq!(ending.outcome, Outcome::Canceled);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(bench.world.carrier.rung().is_empty());
}
