//! Calls that wait for a limit, through the engine, under a clock that waits for nobody.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::StreamExt;
use outdial_domain::{Address, Call, CallId, CallState, EventKind, Outcome, Priority, Scope, Subject};
use outdial_engine::{
    Actor, Engine,
    pacing::{
        bucket::Rate,
        limits::{Kind, Limit},
    },
    policy::Opening,
    ports::CallDetails,
    routing::Trunk,
    verbs::{self, Action, AllowAccount, Edit, PlaceCall, PlaceInQueue},
};
use outdial_flow::{Flow, Instruction};
use outdial_testkit::fakes::{FakeClock, World};
use tokio::time::Instant;

/// A world with one trunk, and with everything open.
fn world(limit: Limit) -> World {
    let mut world = World::new();
    world.settings.trunks = vec![Trunk {
        name: "provider".into(),
        carrier: "sip".into(),
        prefixes: vec![],
        built_in: false,
        limit,
        incoming: Limit::default(),
    }];
    world.settings.policy.open = vec![Opening::Everything];
    world
}

fn per_second(calls: f64) -> Limit {
    Limit {
        rate: Rate::per_second(calls, 1),
        at_once: None,
    }
}

fn at_once(calls: u32) -> Limit {
    Limit {
        rate: None,
        at_once: Some(calls),
    }
}

struct Bench {
    world: World,
    engine: Engine,
    actor: Actor,
}

impl Bench {
    async fn new(world: World) -> Self {
        let actor = world.account("default", &[Scope::Calls]).await;
        let engine = world.engine().await;
        Self { world, engine, actor }
    }

    async fn place(&self, number: usize, priority: Priority) -> Call {
        self.place_for(&self.actor, number, priority, Flow::default()).await
    }

    async fn place_for(&self, actor: &Actor, number: usize, priority: Priority, flow: Flow) -> Call {
        let request = PlaceCall {
            priority,
            ..PlaceCall::new(Address::parse(&to(number)).unwrap(), Action::Flow(flow))
        };
        // Calls of one moment have no order among them.
        tokio::time::advance(Duration::from_micros(1)).await;
        verbs::place_call(&self.engine, actor, request).await.unwrap()
    }

    async fn ended(&self, id: CallId) -> Call {
        self.reached(id, "ended").await;
        verbs::get_call(&self.engine, &self.actor, id).await.unwrap().call
    }

    async fn reached(&self, id: CallId, word: &str) {
        let mut events = Box::pin(verbs::follow_events(&self.engine, &self.actor, Some(0)));
        while let Some(event) = events.next().await {
            let event = event.unwrap().event;
            if event.subject == Subject::Call(id) && event.kind.word() == word {
                return;
            }
        }
        panic!("the events ended before it happened");
    }

    /// Waits until so many phones have rung, and gives the numbers in order.
    async fn rung(&self, calls: usize) -> Vec<String> {
        while self.world.carrier.rung().len() < calls {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let rung = self.world.carrier.rung();
        rung.iter().map(|order| order.to.to_string()).collect()
    }

    async fn queue(&self, details: &CallDetails) -> Option<PlaceInQueue> {
        verbs::place_in_queue(&self.engine, details).await.unwrap()
    }

    async fn events(&self, id: CallId) -> Vec<EventKind> {
        let events = verbs::list_events(&self.engine, &self.actor, id).await.unwrap();
        events.into_iter().map(|stored| stored.event.kind).collect()
    }
}

fn to(number: usize) -> String {
    format!("+658{number:07}")
}

fn a_talk_of(seconds: u64) -> Flow {
    Flow {
        steps: vec![Instruction::Pause(Duration::from_secs(seconds))],
    }
}

#[tokio::test(start_paused = true)]
async fn calls_to_a_trunk_come_evenly() {
    let bench = Bench::new(world(per_second(10.0))).await;
    for number in 0..30 {
        bench.place(number, Priority::Normal).await;
    }
    let begun = Instant::now();
    let mut times = Vec::new();
    for calls in 1..=30 {
        bench.rung(calls).await;
        times.push(begun.elapsed());
    }
    for pair in times.windows(2) {
        let gap = pair[1] - pair[0];
        assert!((98..=104).contains(&gap.as_millis()), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_live_than_a_trunk_takes() {
    let bench = Bench::new(world(at_once(3))).await;
    let mut calls = Vec::new();
    for number in 0..9 {
        let call = bench
            .place_for(&bench.actor, number, Priority::Normal, a_talk_of(10))
            .await;
        calls.push(call.id);
    }
    let begun = Instant::now();
    for (rung, wave) in [(3, 0), (6, 10), (9, 20)] {
        bench.rung(rung).await;
        let waited = begun.elapsed().as_secs();
        assert!((wave..=wave + 1).contains(&waited), "wave {wave} came after {waited} s");
        assert_eq!(bench.engine.live_calls(), 3);
    }
    for call in calls {
        assert_eq!(bench.ended(call).await.ending.unwrap().outcome, Outcome::Completed);
    }
    assert_eq!(bench.engine.live_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn accounts_share_a_trunk_evenly() {
    let bench = Bench::new(world(per_second(10.0))).await;
    let others = [
        bench.world.account("b", &[Scope::Calls]).await,
        bench.world.account("c", &[Scope::Calls]).await,
    ];
    for number in 0..200 {
        bench.place(number, Priority::Normal).await;
    }
    for number in 0..40 {
        for (whose, actor) in others.iter().enumerate() {
            let number = 1000 * (whose + 1) + number;
            bench.place_for(actor, number, Priority::Normal, Flow::default()).await;
        }
    }
    let rung = bench.rung(121).await;
    let of = |first: usize| {
        rung.iter()
            .filter(|number| **number >= to(first) && **number < to(first + 1000))
            .count()
    };
    for first in [0, 1000, 2000] {
        assert!((39..=42).contains(&of(first)), "{}", of(first));
    }
}

#[tokio::test(start_paused = true)]
async fn a_number_is_not_rung_again_at_once() {
    let mut world = world(Limit::default());
    world.settings.pacing.number_gap = Duration::from_secs(30);
    let bench = Bench::new(world).await;
    let begun = Instant::now();
    for _ in 0..3 {
        bench.place(7, Priority::Normal).await;
    }
    bench.place(8, Priority::Normal).await;
    assert_eq!(
        bench.rung(2).await,
        [to(7), to(8)],
        "another number does not wait for this one"
    );
    assert!(begun.elapsed() < Duration::from_secs(1));
    bench.rung(3).await;
    assert_eq!(begun.elapsed().as_secs(), 30);
    bench.rung(4).await;
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn every_limit_that_fits_holds() {
    let mut world = world(per_second(10.0));
    world.settings.pacing.accounts.insert("default".into(), at_once(4));
    world.settings.pacing.prefixes = vec![("+65".into(), per_second(5.0)), ("+6580".into(), per_second(0.5))];
    let bench = Bench::new(world).await;
    let begun = Instant::now();
    bench.place(0, Priority::Normal).await;
    bench.place(1, Priority::Normal).await;
    bench.place(9_000_000, Priority::Normal).await;
    assert_eq!(bench.rung(2).await, [to(0), to(9_000_000)]);
    assert_eq!(
        begun.elapsed().as_millis() / 100,
        2,
        "the shorter prefix holds for both"
    );
    bench.rung(3).await;
    assert_eq!(begun.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_waits_says_where_it_stands_and_for_what() {
    let bench = Bench::new(world(per_second(0.5))).await;
    let mut calls = Vec::new();
    for number in 0..20 {
        calls.push(bench.place(number, Priority::Normal).await.id);
    }
    bench.rung(1).await;
    let details = verbs::get_call(&bench.engine, &bench.actor, calls[12]).await.unwrap();
    let queue = bench.queue(&details).await.unwrap();
    assert_eq!(queue.place, 12);
    assert_eq!(
        queue.because.as_deref(),
        Some("trunk provider allows one call in 2 seconds")
    );
    let eta = queue.eta.unwrap();
    bench.reached(calls[12], "journalled").await;
    let late = bench.engine.ids.now().duration_since(eta).abs();
    assert!(late.as_millis() < 50, "{late}");

    let kinds = bench.events(calls[12]).await;
    let words: Vec<_> = kinds.iter().map(EventKind::word).collect();
    assert_eq!(words[..4], ["created", "queued", "routed", "journalled"]);
    let because = "trunk provider allows one call in 2 seconds".to_owned();
    assert_eq!(kinds[1], EventKind::Queued { because });
    let gone = verbs::get_call(&bench.engine, &bench.actor, calls[12]).await.unwrap();
    assert_eq!(bench.queue(&gone).await, None);
}

#[tokio::test(start_paused = true)]
async fn however_many_ask_for_their_places_the_store_is_asked_once_a_second() {
    let bench = Bench::new(world(per_second(0.1))).await;
    let mut calls = Vec::new();
    for number in 0..20 {
        calls.push(bench.place(number, Priority::Normal).await.id);
    }
    bench.rung(1).await;
    let mut waiting = Vec::new();
    for call in [calls[5], calls[12]] {
        waiting.push(verbs::get_call(&bench.engine, &bench.actor, call).await.unwrap());
    }
    assert_eq!(bench.queue(&waiting[0]).await.unwrap().place, 5);
    bench.world.store.fill_disk();
    assert_eq!(bench.queue(&waiting[1]).await.unwrap().place, 12);
    tokio::time::sleep(Duration::from_secs(1)).await;
    verbs::place_in_queue(&bench.engine, &waiting[1]).await.unwrap_err();
    bench.world.store.fail(None);
    assert_eq!(bench.queue(&waiting[1]).await.unwrap().place, 12);
}

#[tokio::test(start_paused = true)]
async fn the_estimate_learns_how_long_calls_last() {
    let bench = Bench::new(world(at_once(2))).await;
    let mut calls = Vec::new();
    for number in 0..12 {
        let call = bench
            .place_for(&bench.actor, number, Priority::Normal, a_talk_of(30))
            .await;
        calls.push(call.id);
    }
    bench.rung(2).await;
    let last = verbs::get_call(&bench.engine, &bench.actor, calls[11]).await.unwrap();
    let queue = bench.queue(&last).await.unwrap();
    assert_eq!((queue.place, queue.eta), (10, None), "no call has ended yet");
    bench.rung(4).await;
    let eta = bench.queue(&last).await.unwrap().eta.unwrap();
    bench.reached(calls[11], "journalled").await;
    let late = bench.engine.ids.now().duration_since(eta).abs();
    assert!(late.as_secs() <= 31, "{late}: at most the length of a call");
}

#[tokio::test(start_paused = true)]
async fn waiting_calls_are_counted_by_what_they_wait_for() {
    let mut world = world(at_once(1));
    world.settings.pacing.number_gap = Duration::from_secs(3600);
    let bench = Bench::new(world).await;
    bench.place_for(&bench.actor, 0, Priority::Normal, a_talk_of(60)).await;
    bench.rung(1).await;
    for number in [0, 1, 2, 2] {
        bench.place(number, Priority::Normal).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut counted = bench.engine.waiting_calls();
    counted.retain(|(_, calls)| *calls > 0);
    assert_eq!(counted, [(Some(Kind::Trunk), 3), (Some(Kind::Number), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_can_be_prevented_and_makes_room() {
    let bench = Bench::new(world(at_once(1))).await;
    bench.place_for(&bench.actor, 0, Priority::Normal, a_talk_of(60)).await;
    bench.rung(1).await;
    let (second, third) = (
        bench.place(1, Priority::Normal).await.id,
        bench.place(2, Priority::Normal).await.id,
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    let hung_up = verbs::hang_up(&bench.engine, &bench.actor, second).await.unwrap();
    assert_eq!(hung_up.as_str(), "prevented");
    assert_eq!(bench.ended(second).await.ending.unwrap().outcome, Outcome::Canceled);
    bench.ended(third).await;
    assert_eq!(bench.world.carrier.rung().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_while_the_server_stops_are_dialled_after_its_next_start() {
    let bench = Bench::new(world(at_once(1))).await;
    bench.place_for(&bench.actor, 0, Priority::Normal, a_talk_of(600)).await;
    bench.rung(1).await;
    let waiting = bench.place(1, Priority::Normal).await.id;
    bench.place(2, Priority::Normal).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    bench.engine.stop(Duration::from_secs(10)).await;
    let call = verbs::get_call(&bench.engine, &bench.actor, waiting)
        .await
        .unwrap()
        .call;
    assert_eq!(call.state, CallState::Queued);
    let again = Bench {
        engine: bench.world.engine().await,
        world: bench.world,
        actor: bench.actor,
    };
    assert_eq!(again.ended(waiting).await.ending.unwrap().outcome, Outcome::Completed);
    assert_eq!(again.rung(3).await, [to(0), to(1), to(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_holds_up_nothing() {
    let bench = Bench::new(world(per_second(10.0))).await;
    for number in 0..20 {
        bench.place(number, Priority::Normal).await;
    }
    bench.rung(5).await;
    FakeClock::set_forward(&bench.world.clock, jiff::SignedDuration::from_hours(-1));
    let begun = Instant::now();
    bench.rung(20).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_given_up_only_when_its_own_time_is_over() {
    let bench = Bench::new(world(per_second(0.1))).await;
    let by = |seconds: u64| Some(bench.engine.ids.now() + Duration::from_secs(seconds));
    let mut calls = Vec::new();
    for (number, expires) in [(0, None), (1, by(15)), (2, by(15)), (3, by(60))] {
        let request = PlaceCall {
            expires,
            ..PlaceCall::new(Address::parse(&to(number)).unwrap(), Action::Flow(Flow::default()))
        };
        tokio::time::advance(Duration::from_micros(1)).await;
        calls.push(
            verbs::place_call(&bench.engine, &bench.actor, request)
                .await
                .unwrap()
                .id,
        );
    }
    let mut endings = Vec::new();
    for call in calls {
        endings.push(bench.ended(call).await.ending.unwrap());
    }
    let outcomes: Vec<Outcome> = endings.iter().map(|ending| ending.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Completed,
            Outcome::Completed,
            Outcome::Expired,
            Outcome::Completed
        ]
    );
    assert_eq!(
        endings[2].reason,
        "its time was over before it could be dialled: trunk provider allows one call in 10 seconds"
    );
    assert_eq!(bench.world.carrier.rung().len(), 3);
}

/// Two engines that share a store which keeps the limits for both.
async fn two_nodes(limit: Limit) -> (Bench, Engine) {
    let mut world = world(limit);
    world.store.share();
    let bench = Bench::new(world.clone()).await;
    world.settings.node = "node-2".into();
    (bench, world.engine().await)
}

#[tokio::test(start_paused = true)]
async fn two_nodes_together_keep_to_the_rate_of_a_trunk() {
    let (bench, second) = two_nodes(per_second(10.0)).await;
    for number in 0..40 {
        let request = PlaceCall::new(Address::parse(&to(number)).unwrap(), Action::Flow(Flow::default()));
        tokio::time::advance(Duration::from_micros(1)).await;
        let engine = if number % 2 == 0 { &bench.engine } else { &second };
        verbs::place_call(engine, &bench.actor, request).await.unwrap();
    }
    let mut times = Vec::new();
    for calls in 1..=40 {
        bench.rung(calls).await;
        times.push(Instant::now());
    }
    for pair in times.windows(2) {
        let gap = (pair[1] - pair[0]).as_millis();
        assert!((95..=106).contains(&gap), "{gap} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn two_nodes_together_keep_to_the_places_of_a_trunk_and_free_those_of_the_dead() {
    let (bench, second) = two_nodes(at_once(1)).await;
    bench.place_for(&bench.actor, 0, Priority::Normal, a_talk_of(60)).await;
    bench.rung(1).await;
    let busy = if bench.engine.live_calls() == 1 {
        &bench.engine
    } else {
        &second
    };
    let idle = if bench.engine.live_calls() == 1 {
        &second
    } else {
        &bench.engine
    };
    let request = PlaceCall::new(Address::parse(&to(1)).unwrap(), Action::Flow(a_talk_of(600)));
    let waiting = verbs::place_call(idle, &bench.actor, request).await.unwrap().id;
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(busy.live_calls() + idle.live_calls(), 1);
    let begun = Instant::now();
    bench.rung(2).await;
    assert!((19..=21).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    bench.reached(waiting, "answered").await;

    // What a node held is free at once when it stops.
    let (dead, alive) = if bench.engine.live_calls() == 1 {
        (&bench.engine, &second)
    } else {
        (&second, &bench.engine)
    };
    let request = PlaceCall::new(Address::parse(&to(2)).unwrap(), Action::Flow(Flow::default()));
    dead.stop(Duration::ZERO).await;
    let begun = Instant::now();
    verbs::place_call(alive, &bench.actor, request).await.unwrap();
    bench.rung(3).await;
    assert!(begun.elapsed() <= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_places_of_a_node_that_drains_are_free_as_its_calls_end() {
    let (bench, second) = two_nodes(at_once(1)).await;
    second.stop(Duration::ZERO).await;
    let mut world = bench.world.clone();
    world.settings.node = "node-3".into();
    // By no trunk, and it keeps the node for much longer than the other call lasts.
    let to_bob = Address::parse("sip:bob@127.0.0.1").unwrap();
    let long = PlaceCall::new(to_bob, Action::Flow(a_talk_of(300)));
    verbs::place_call(&bench.engine, &bench.actor, long).await.unwrap();
    bench.rung(1).await;
    bench.place_for(&bench.actor, 0, Priority::Normal, a_talk_of(20)).await;
    bench.rung(2).await;
    let other = world.engine().await;
    let request = PlaceCall::new(Address::parse(&to(1)).unwrap(), Action::Flow(Flow::default()));
    let waiting = verbs::place_call(&other, &bench.actor, request).await.unwrap().id;
    let begun = Instant::now();
    let (elapsed, ()) = tokio::join!(
        async {
            bench.rung(3).await;
            begun.elapsed()
        },
        bench.engine.drain(Duration::from_secs(600), std::future::pending()),
    );
    assert!((18..=21).contains(&elapsed.as_secs()), "{elapsed:?}");
    assert_eq!(bench.ended(waiting).await.ending.unwrap().outcome, Outcome::Completed);
    other.stop(Duration::from_secs(1)).await;
}

/// What an account is allowed changes.
async fn allow(engine: &Engine, bench: &Bench, change: AllowAccount) {
    verbs::allow_account(engine, bench.actor.account, change).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_an_account_is_allowed_holds_at_once_for_what_waits_and_what_is_live() {
    let bench = Bench::new(world(Limit::default())).await;
    for number in 0..3 {
        bench
            .place_for(&bench.actor, number, Priority::Normal, a_talk_of(60))
            .await;
    }
    bench.rung(3).await;
    // Three are live, so none of these goes before two of them have ended.
    let two = AllowAccount {
        max_calls: Edit::Set(2),
        ..AllowAccount::default()
    };
    allow(&bench.engine, &bench, two).await;
    for number in 3..9 {
        bench.place(number, Priority::Normal).await;
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(bench.world.carrier.rung().len(), 3);
    // By the rate, the next one would go in a day.
    let slow = AllowAccount {
        calls_per_second: Edit::Set(0.000_02),
        max_calls: Edit::Clear,
        ..AllowAccount::default()
    };
    allow(&bench.engine, &bench, slow).await;
    bench.rung(4).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(bench.world.carrier.rung().len(), 4);
    let begun = Instant::now();
    let quick = AllowAccount {
        calls_per_second: Edit::Set(2.0),
        ..AllowAccount::default()
    };
    allow(&bench.engine, &bench, quick).await;
    bench.rung(9).await;
    let took = begun.elapsed();
    assert!((1_900..=3_000).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_an_account_is_allowed_holds_on_all_nodes() {
    let (bench, second) = two_nodes(Limit::default()).await;
    let others = AllowAccount {
        max_calls: Edit::Set(1),
        ..AllowAccount::default()
    };
    bench.place_for(&bench.actor, 0, Priority::Normal, a_talk_of(60)).await;
    bench.rung(1).await;
    allow(&second, &bench, others).await;
    for (number, engine) in [(1, &bench.engine), (2, &second)] {
        let request = PlaceCall::new(Address::parse(&to(number)).unwrap(), Action::Flow(a_talk_of(60)));
        verbs::place_call(engine, &bench.actor, request).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(bench.world.carrier.rung().len(), 1);
    bench.rung(2).await;
    assert_eq!(bench.engine.live_calls() + second.live_calls(), 1);
    let begun = Instant::now();
    let any = AllowAccount {
        max_calls: Edit::Set(0),
        ..AllowAccount::default()
    };
    allow(&bench.engine, &bench, any).await;
    bench.rung(3).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_while_calls_cannot_be_counted_and_all_goes_after() {
    let (bench, _second) = two_nodes(per_second(10.0)).await;
    for number in 0..3 {
        bench.place(number, Priority::Normal).await;
    }
    bench.world.store.fill_disk();
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.world.store.fail(None);
    bench.rung(3).await;
}
