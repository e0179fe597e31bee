//! What taking work promises.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use outdial_domain::{CallId, EventKind, Factor, Outcome, Priority, RetryRule, call::Happening};
use outdial_engine::ports::{
    Backlog, CallDetails, Change, ClaimedCall, Job, Lane, Placing, Store, Tally, Wanted, Work,
};

use super::lives::{Caller, Life, at, over};

async fn made(store: &impl Store, caller: &Caller, due: impl IntoIterator<Item = (u64, i64)>) -> Vec<Life> {
    let mut lives: Vec<_> = due
        .into_iter()
        .map(|(number, millis)| caller.call(number, at(millis)))
        .collect();
    let commits: Vec<_> = lives.iter_mut().map(|life| store.commit(life.created())).collect();
    for commit in commits {
        commit.await.unwrap();
    }
    lives
}

fn ids(claimed: &[ClaimedCall]) -> Vec<CallId> {
    claimed.iter().map(|claimed| claimed.call.id).collect()
}

/// The call that waits longest comes first, and no more come than asked for.
pub async fn due_calls_are_claimed_oldest_first(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let lives = made(store, &one, [(1, 300), (2, 100), (3, 200)]).await;
    let others = made(store, &two, [(4, 150)]).await;
    let first = store.claim_due(at(1_000), "n1", Wanted::any(3)).await.unwrap().calls;
    assert_eq!(ids(&first), [lives[1].call.id, others[0].call.id, lives[2].call.id]);
    assert_eq!(first[0].call, lives[1].call);
    assert_eq!(first[0].flow, lives[1].flow);
    let rest = store.claim_due(at(1_000), "n1", Wanted::any(3)).await.unwrap().calls;
    assert_eq!(ids(&rest), [lives[0].call.id]);
    assert!(
        store
            .claim_due(at(1_000), "n1", Wanted::any(3))
            .await
            .unwrap()
            .calls
            .is_empty()
    );
}

/// A call is due at its time and not a moment before; the store says when the next one is.
pub async fn nothing_is_claimed_before_its_time(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    assert_eq!(store.next_due(Work::Calls, &[]).await.unwrap(), None);
    made(store, &caller, [(1, 500), (2, 900)]).await;
    assert_eq!(store.next_due(Work::Calls, &[]).await.unwrap(), Some(at(500)));
    assert!(
        store
            .claim_due(at(499), "n1", Wanted::any(9))
            .await
            .unwrap()
            .calls
            .is_empty()
    );
    assert_eq!(
        store
            .claim_due(at(500), "n1", Wanted::any(9))
            .await
            .unwrap()
            .calls
            .len(),
        1
    );
    assert_eq!(store.next_due(Work::Calls, &[]).await.unwrap(), Some(at(900)));
}

/// Whoever wants no more of a lane gets what waits behind it in others, and no lane gets all there is.
pub async fn no_lane_hides_another(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let broadcast = made(store, &one, (0..40).map(|number| (number, 0))).await;
    let mut alert = one.plan(50, at(30));
    alert.priority = Priority::High;
    let mut alert = one.call_by(50, alert);
    store.commit(alert.created()).await.unwrap();
    let others = made(store, &two, [(60, 20), (61, 40)]).await;

    // Each lane gets its share of a claim, the most urgent first.
    let wanted = Wanted::any(7);
    let claimed = store.claim_due(at(35), "n1", wanted).await.unwrap();
    assert!(claimed.more);
    let first: Vec<CallId> = broadcast[..2].iter().map(|life| life.call.id).collect();
    assert_eq!(
        ids(&claimed.calls),
        [first[0], first[1], others[0].call.id, alert.call.id]
    );
    // What is wanted of a lane is the most that it gives, and a lane that is not wanted costs nothing.
    let lane = Lane::of(&broadcast[0].call);
    let mut wanted = Wanted::any(100);
    wanted.of.insert(lane, 3);
    let claimed = store.claim_due(at(35), "n1", wanted.clone()).await.unwrap();
    let second: Vec<CallId> = broadcast[2..5].iter().map(|life| life.call.id).collect();
    assert_eq!((ids(&claimed.calls), claimed.more), (second, false));
    wanted.of.insert(lane, 0);
    let none = store.claim_due(at(35), "n1", wanted).await.unwrap();
    assert!(none.calls.is_empty() && !none.more);
    assert_eq!(store.next_due(Work::Calls, &[]).await.unwrap(), Some(at(0)));
    assert_eq!(store.next_due(Work::Calls, &[lane]).await.unwrap(), Some(at(40)));
}

/// A call that becomes urgent is claimed with the urgent ones.
pub async fn a_call_changes_its_lane(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut lives = made(store, &caller, [(1, 0), (2, 0)]).await;
    let normal = Lane::of(&lives[0].call);
    lives[1].call.plan.priority = Priority::High;
    let changed = lives[1].change(
        vec![EventKind::HangUpRequested {
            by: "change".into(),
            why: None,
        }],
        at(1),
    );
    let job = Job::Add;
    store.commit(Change { job, ..changed }).await.unwrap();
    let mut wanted = Wanted::any(9);
    wanted.of.insert(normal, 0);
    let claimed = store.claim_due(at(1), "n1", wanted).await.unwrap();
    assert_eq!(ids(&claimed.calls), [lives[1].call.id]);
    assert_eq!(claimed.calls[0].call, lives[1].call);
}

/// What waits is counted, whoever has taken it, until counting would cost too much.
pub async fn what_waits_is_counted_up_to_a_bound(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let lives = made(store, &one, (0..20).map(|number| (number, 0))).await;
    let others = made(store, &two, [(30, 0), (31, 0), (32, 900)]).await;
    let (lane, other) = (Lane::of(&lives[0].call), Lane::of(&others[0].call));
    let placing = |most| Placing {
        lane,
        now: at(500),
        most,
    };
    let counted = |calls| Tally { calls, or_more: false };
    let turn = |life: &Life| (at(0), life.call.id);
    let whole = Backlog {
        turns: lives.iter().map(turn).collect(),
        or_more: false,
        lanes: [(lane, counted(20)), (other, counted(2))].into(),
    };
    assert_eq!(store.backlog(placing(100)).await.unwrap(), whole);
    let mut wanted = Wanted::any(0);
    (wanted.most, wanted.of) = (9, [(lane, 5)].into());
    assert_eq!(store.claim_due(at(1), "n1", wanted).await.unwrap().calls.len(), 5);
    assert_eq!(store.backlog(placing(100)).await.unwrap(), whole, "the claimed count");
    let cut = store.backlog(placing(10)).await.unwrap();
    let or_more = |calls| Tally { calls, or_more: true };
    assert_eq!(cut.turns, whole.turns[..10]);
    let before = |backlog: &Backlog, place: usize| backlog.before(at(0), lives[place].call.id);
    assert_eq!((before(&whole, 12), before(&whole, 0)), (counted(12), counted(0)));
    assert_eq!((before(&cut, 12), before(&cut, 9)), (or_more(10), counted(9)));
    assert_eq!(cut.lanes, [(lane, or_more(5)), (other, counted(2))].into());
}

/// Eight claimers at once, while calls still come in, share the calls without sharing any.
pub async fn no_call_is_claimed_twice(store: &impl Store) {
    const CALLS: usize = 400;
    let caller = Caller::join(store, 1).await;
    let mut lives: Vec<_> = (0..CALLS as u64).map(|number| caller.call(number, at(0))).collect();
    let mut commits: Vec<_> = lives.iter_mut().map(|life| store.commit(life.created())).collect();
    let later = commits.split_off(CALLS / 2);
    for commit in commits {
        commit.await.unwrap();
    }
    let claimers = (0..8).map(|number| async move {
        let node = format!("n{number}");
        let mut mine = Vec::new();
        loop {
            let claimed = store.claim_due(at(1), &node, Wanted::any(7)).await.unwrap().calls;
            if claimed.is_empty() {
                return mine;
            }
            mine.extend(ids(&claimed));
        }
    });
    let (mine, _) = tokio::join!(join_all(claimers), join_all(later));
    let mut all: Vec<CallId> = mine.into_iter().flatten().collect();
    all.extend(ids(&store
        .claim_due(at(1), "last", Wanted::any(CALLS))
        .await
        .unwrap()
        .calls));
    assert_eq!(all.len(), CALLS, "every call once");
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), CALLS, "no call twice");
}

/// A claim that nobody waits for takes nothing away from others.
pub async fn an_abandoned_claim_takes_nothing(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let lives = made(store, &caller, [(1, 0), (2, 0)]).await;
    drop(store.claim_due(at(1), "n1", Wanted::any(9)));
    let claimed = store.claim_due(at(1), "n1", Wanted::any(9)).await.unwrap().calls;
    assert_eq!(ids(&claimed), [lives[0].call.id, lives[1].call.id]);
}

/// What is in the journal, or over, is never given out again.
pub async fn a_journalled_call_has_no_job(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut lives = made(store, &caller, [(1, 0), (2, 0)]).await;
    store.commit(lives[0].journalled("n1", at(1))).await.unwrap();
    let ending = outdial_domain::Ending::new(
        outdial_domain::Outcome::Canceled,
        outdial_domain::EndedBy::Request,
        "the caller changed their mind",
    );
    lives[1].call.end(ending.clone(), at(1));
    let ended = lives[1].change(vec![EventKind::Ended { ending }], at(1));
    store
        .commit(Change {
            job: Job::Remove,
            ..ended
        })
        .await
        .unwrap();
    assert_eq!(store.next_due(Work::Calls, &[]).await.unwrap(), None);
    assert!(
        store
            .claim_due(at(9), "n1", Wanted::any(9))
            .await
            .unwrap()
            .calls
            .is_empty()
    );
    store.recover().await.unwrap();
    assert!(
        store
            .claim_due(at(9), "n1", Wanted::any(9))
            .await
            .unwrap()
            .calls
            .is_empty()
    );
}

/// A job that is added again has its new time, and nobody has it.
pub async fn a_moved_call_is_due_at_its_new_time(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut lives = made(store, &caller, [(1, 100)]).await;
    assert_eq!(
        store
            .claim_due(at(100), "n1", Wanted::any(9))
            .await
            .unwrap()
            .calls
            .len(),
        1
    );
    lives[0].call.plan.due = at(700);
    let moved = lives[0].change(
        vec![EventKind::HangUpRequested {
            by: "wait".into(),
            why: None,
        }],
        at(101),
    );
    store.commit(Change { job: Job::Add, ..moved }).await.unwrap();
    assert_eq!(store.next_due(Work::Calls, &[]).await.unwrap(), Some(at(700)));
    assert!(
        store
            .claim_due(at(699), "n1", Wanted::any(9))
            .await
            .unwrap()
            .calls
            .is_empty()
    );
    assert_eq!(
        ids(&store.claim_due(at(700), "n1", Wanted::any(9)).await.unwrap().calls),
        [lives[0].call.id]
    );
}

/// The end of an attempt and the job of the next one are one change, and the plan is the next one's.
pub async fn a_retry_is_due_with_the_end_of_the_attempt_before(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut plan = caller.plan(1, at(0));
    let carol = outdial_domain::Address::parse("+6591112222").unwrap();
    plan.retry.rules = vec![RetryRule {
        on: vec![Outcome::Busy],
        times: 1,
        delay: Duration::from_secs(60),
        factor: Factor(150),
        longest: Duration::from_secs(600),
        to: vec![carol.clone()],
        via: vec!["spare".into()],
    }];
    let mut life = caller.call_by(1, plan);
    store.commit(life.created()).await.unwrap();
    for (attempt, due) in [(1u16, 1), (2, 60_001)] {
        assert_eq!(
            ids(&store.claim_due(at(due), "n1", Wanted::any(9)).await.unwrap().calls),
            [life.call.id]
        );
        store.commit(life.journalled("n1", at(due))).await.unwrap();
        assert_eq!(store.next_due(Work::Calls, &[]).await.unwrap(), None);
        let busy = outdial_domain::Ending::from_sip(486, None, "Busy Here");
        let happening = Happening::Ended {
            ending: busy,
            quality: None,
        };
        let ended = life.happens(happening, at(due)).unwrap();
        let job = Job::after_attempt(&life.call);
        store.commit(Change { job, ..ended }).await.unwrap();
        let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
        assert_eq!(details.call, life.call);
        assert_eq!(details.attempts.len(), usize::from(attempt));
        assert_eq!(details.call.plan.to, carol);
    }
    assert_eq!(store.next_due(Work::Calls, &[]).await.unwrap(), None);
    assert!(store.recover().await.unwrap().is_empty());
}

/// When a run is gone its claims are free again, and its calls under way are listed; those of the others
/// are left alone. Where one process has the store, every run before is gone.
pub async fn a_restart_gives_back_what_was_not_journalled(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut lives = made(store, &caller, (0..6).map(|number| (number, 0))).await;
    let mine = ids(&store.claim_due(at(1), "n1", Wanted::any(4)).await.unwrap().calls);
    let others = ids(&store.claim_due(at(1), "n2", Wanted::any(9)).await.unwrap().calls);
    assert_eq!((mine.len(), others.len()), (4, 2));
    let place = |id: CallId| lives.iter().position(|life| life.call.id == id).unwrap();
    let (live, done, foreign) = (place(mine[0]), place(mine[1]), place(others[0]));
    store.commit(lives[live].journalled("n1", at(2))).await.unwrap();
    store.commit(lives[done].journalled("n1", at(2))).await.unwrap();
    store.commit(lives[done].happens(over(), at(3)).unwrap()).await.unwrap();
    store.commit(lives[foreign].journalled("n2", at(2))).await.unwrap();

    if let Some(nodes) = store.nodes() {
        assert!(store.recover().await.unwrap().is_empty(), "both are alive");
        nodes.beat("n1", Duration::ZERO).await.unwrap();
        let released = nodes.release("n2", Duration::ZERO, Duration::ZERO).await.unwrap().gone;
        assert!(released, "one is gone");
    }
    let unfinished = store.recover().await.unwrap();
    assert_eq!(unfinished.len(), if store.nodes().is_some() { 1 } else { 2 });
    let mine_under_way = |details: &&CallDetails| details.call.id == lives[live].call.id;
    let details = unfinished.iter().find(mine_under_way).unwrap();
    assert_eq!(details.call, lives[live].call);
    assert_eq!(details.legs, [lives[live].live.as_ref().unwrap().leg.clone()]);
    assert_eq!(details.attempts, [lives[live].live.as_ref().unwrap().attempt.clone()]);

    let again: HashSet<CallId> = ids(&store.claim_due(at(9), "n3", Wanted::any(9)).await.unwrap().calls)
        .into_iter()
        .collect();
    let mut free: HashSet<CallId> = mine[2..].iter().copied().collect();
    if store.nodes().is_none() {
        free.insert(others[1]);
    }
    assert_eq!(again, free);
}

/// Calls whose attempt should be over are found, whoever's they are, and those that are over are not.
pub async fn an_attempt_past_its_deadline_is_found(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let mut lives = [one.call(1, at(0)), two.call(2, at(0)), one.call(3, at(0))];
    for life in &mut lives {
        store.commit(life.created()).await.unwrap();
    }
    for life in &mut lives[..2] {
        store.commit(life.journalled("n1", at(1))).await.unwrap();
    }
    let deadline = lives[0].live.as_ref().unwrap().attempt.deadline;
    assert!(deadline > at(1) + lives[0].call.plan.ring + lives[0].call.plan.talk);
    assert!(store.overdue(deadline).await.unwrap().is_empty());
    let later = deadline + Duration::from_millis(1);
    let found = store.overdue(later).await.unwrap();
    let calls: Vec<CallId> = found.iter().map(|details| details.call.id).collect();
    assert_eq!(calls, [lives[0].call.id, lives[1].call.id]);
    assert_eq!(found[0].legs, [lives[0].live.as_ref().unwrap().leg.clone()]);
    store.commit(lives[0].happens(over(), at(3)).unwrap()).await.unwrap();
    assert_eq!(store.overdue(later).await.unwrap().len(), 1);
}
