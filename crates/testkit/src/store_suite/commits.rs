//! What a commit promises.

use outdial_domain::{CallState, EventKind, call::Happening};
use outdial_engine::ports::{Change, Job, Store, StoreError, Trace, Wanted};

use super::lives::{Caller, Life, at, over, trace};

fn note(life: &mut Life, text: &str) -> Change {
    life.change(
        vec![EventKind::HangUpRequested {
            by: text.into(),
            why: None,
        }],
        at(1),
    )
}

/// Call, flow, attempts, legs, events and traces read back equal to what was saved.
pub async fn a_call_reads_back_as_it_was_saved(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut plan = caller.plan(7, at(10));
    plan.tag = Some("läuft \u{1f4de} \"so\" \0".into());
    plan.via = Some("lab".into());
    let mut life = caller.call_by(7, plan);
    let mut events = Vec::new();
    for change in life.whole("n1") {
        events.extend(change.events.clone());
        store.commit(change).await.unwrap();
    }
    let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
    let live = life.live.unwrap();
    assert_eq!(details.call, life.call);
    assert_eq!(details.flow, life.flow);
    assert_eq!(details.attempts, [live.attempt]);
    assert_eq!(details.legs, std::slice::from_ref(&live.leg));
    let stored = store.events_of(caller.account, life.call.id.into()).await.unwrap();
    assert_eq!(
        stored.into_iter().map(|stored| stored.event).collect::<Vec<_>>(),
        events
    );
    let traces = store.traces(caller.account, life.call.id).await.unwrap();
    assert_eq!(traces.len(), 1);
    assert_eq!(traces[0].leg, live.leg.id);
    assert_eq!(traces[0].messages, trace());
}

/// After every step the store shows that step.
pub async fn a_life_is_saved_step_by_step(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(0));
    for change in life.whole("n1") {
        store.commit(change.clone()).await.unwrap();
        let details = store.call(caller.account, change.call.id).await.unwrap().unwrap();
        assert_eq!(details.call, change.call);
        assert_eq!(details.attempts.last(), change.attempt.as_ref());
        assert_eq!(details.legs.last(), change.legs.last());
    }
    // A call that is dialled again has two attempts, in order.
    let mut life = caller.call(2, at(0));
    store.commit(life.created()).await.unwrap();
    store.commit(life.journalled("n1", at(1))).await.unwrap();
    life.call.state = CallState::Queued;
    store.commit(note(&mut life, "again")).await.unwrap();
    store.commit(life.journalled("n1", at(2))).await.unwrap();
    let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
    assert_eq!(
        details
            .attempts
            .iter()
            .map(|attempt| attempt.number)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(details.legs.len(), 2);
    assert_eq!(details.legs[1], life.live.unwrap().leg);
}

/// Two writers change the same call: the second is told, and nothing of its change is there.
pub async fn a_stale_change_is_refused_and_saves_nothing(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(0));
    store.commit(life.created()).await.unwrap();
    let mut other = life.clone();
    store.commit(note(&mut life, "first")).await.unwrap();
    let refused = store.commit(other.journalled("n2", at(1))).await;
    assert_eq!(refused, Err(StoreError::Stale(life.call.id.into())));

    let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
    assert_eq!(details.call, life.call);
    assert!(details.attempts.is_empty() && details.legs.is_empty());
    assert_eq!(
        store
            .events_of(caller.account, life.call.id.into())
            .await
            .unwrap()
            .len(),
        2
    );
    let claimed = store.claim_due(at(1), "n1", Wanted::any(9)).await.unwrap().calls;
    assert_eq!(claimed.len(), 1, "the job is still there");
}

/// Changes that share a disk sync do not share their errors.
pub async fn a_stale_change_does_not_spoil_those_saved_with_it(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut lives: Vec<_> = (0..30).map(|number| caller.call(number, at(0))).collect();
    let made: Vec<_> = lives.iter_mut().map(|life| store.commit(life.created())).collect();
    for made in made {
        made.await.unwrap();
    }
    let mut under_way = Vec::new();
    for life in &mut lives {
        let mut other = life.clone();
        under_way.push((true, life.call.id, store.commit(note(life, "first"))));
        under_way.push((false, life.call.id, store.commit(note(&mut other, "second"))));
        // It follows the first, which was saved, although the second between them was not.
        under_way.push((true, life.call.id, store.commit(note(life, "third"))));
    }
    for (good, id, commit) in under_way {
        let expected = if good {
            Ok(())
        } else {
            Err(StoreError::Stale(id.into()))
        };
        assert_eq!(commit.await, expected);
    }
    for life in lives {
        let events = store.events_of(caller.account, life.call.id.into()).await.unwrap();
        assert_eq!(events.len(), 3);
    }
}

/// The same id twice is refused.
pub async fn a_call_is_made_once(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(0));
    let created = life.created();
    let together = (store.commit(created.clone()), store.commit(created.clone()));
    assert_eq!(together.0.await, Ok(()));
    assert_eq!(together.1.await, Err(StoreError::Stale(life.call.id.into())));
    assert_eq!(store.commit(created).await, Err(StoreError::Stale(life.call.id.into())));
    assert_eq!(
        store
            .events_of(caller.account, life.call.id.into())
            .await
            .unwrap()
            .len(),
        1
    );
}

/// A change needs its call.
pub async fn a_change_of_a_call_that_is_not_there_is_stale(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(0));
    let _never_saved = life.created();
    let refused = store.commit(note(&mut life, "nobody")).await;
    assert_eq!(refused, Err(StoreError::Stale(life.call.id.into())));
    assert_eq!(store.events_of(caller.account, life.call.id.into()).await.unwrap(), []);
}

/// A caller with several commits under way finds them saved in its order, whichever it waits for first.
pub async fn changes_are_saved_in_the_order_they_were_asked_for(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(0));
    let mut commits = vec![store.commit(life.created())];
    commits.push(store.commit(life.journalled("n1", at(1))));
    for number in 0..300 {
        commits.push(store.commit(note(&mut life, &number.to_string())));
    }
    commits.push(store.commit(life.happens(over(), at(2)).unwrap()));
    for commit in commits.into_iter().rev() {
        commit.await.unwrap();
    }
    let events = store.events_of(caller.account, life.call.id.into()).await.unwrap();
    let order: Vec<_> = events
        .iter()
        .filter_map(|stored| match &stored.event.kind {
            EventKind::HangUpRequested { by, .. } => Some(by.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        order,
        (0..300).map(|number: i32| number.to_string()).collect::<Vec<_>>()
    );
    assert!(events.is_sorted_by_key(|stored| stored.position));
    let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
    assert_eq!(details.call, life.call);
    assert_eq!(details.legs, [life.live.unwrap().leg]);
}

/// Sequences have no gaps, so a change that would make one is refused.
pub async fn a_change_with_a_gap_is_refused(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(0));
    store.commit(life.created()).await.unwrap();
    let mut gap = note(&mut life, "x");
    gap.events[0].sequence += 1;
    assert!(matches!(store.commit(gap).await, Err(StoreError::Unavailable { .. })));
    let mut none = note(&mut life, "x");
    none.events.clear();
    assert!(matches!(store.commit(none).await, Err(StoreError::Unavailable { .. })));
    assert_eq!(
        store
            .events_of(caller.account, life.call.id.into())
            .await
            .unwrap()
            .len(),
        1
    );
}

/// A change that breaks a rule in its last row leaves none of its first rows, and none of its neighbours out.
pub async fn what_the_rules_forbid_saves_nothing_of_its_change(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let (mut good, mut bad) = (caller.call(1, at(0)), caller.call(2, at(0)));
    store.commit(good.created()).await.unwrap();
    store.commit(bad.created()).await.unwrap();
    let before = bad.call.clone();
    let mut change = bad.journalled("n1", at(1));
    // A leg that says it rings and cannot say since when.
    change.legs[0].progress.state = outdial_domain::AttemptState::Ringing;
    let (good_one, bad_one) = (store.commit(good.journalled("n1", at(1))), store.commit(change));
    assert_eq!(good_one.await, Ok(()));
    assert!(matches!(bad_one.await, Err(StoreError::Unavailable { .. })));
    let details = store.call(caller.account, before.id).await.unwrap().unwrap();
    assert_eq!(details.call, before);
    assert!(details.attempts.is_empty() && details.legs.is_empty());
    assert_eq!(
        store.events_of(caller.account, before.id.into()).await.unwrap().len(),
        1
    );
    assert_eq!(
        store.claim_due(at(1), "n1", Wanted::any(9)).await.unwrap().calls.len(),
        1,
        "its job is still there"
    );
    // Nobody's call is refused as well.
    let mut nobody = caller.call(3, at(0));
    nobody.call.account = outdial_domain::AccountId::new(at(0), [9; 10]);
    assert!(store.commit(nobody.created()).await.is_err());
}

/// Whoever edits a call that waits finds the new plan, by every filter.
pub async fn a_plan_may_change_while_the_call_waits(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(60_000));
    store.commit(life.created()).await.unwrap();
    life.call.plan.to = outdial_domain::Address::parse("sip:bob@example.com").unwrap();
    life.call.plan.tag = Some("new".into());
    life.call.plan.due = at(30_000);
    store
        .commit(Change {
            job: Job::Add,
            flow: Some(outdial_flow::Flow::say("Other words")),
            ..note(&mut life, "edit")
        })
        .await
        .unwrap();
    let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
    assert_eq!(details.call.plan, life.call.plan);
    assert_eq!(details.flow, outdial_flow::Flow::say("Other words"));
    // A change that names no flow keeps it.
    store.commit(note(&mut life, "again")).await.unwrap();
    let claimed = store.claim_due(at(30_000), "n1", Wanted::any(9)).await.unwrap().calls;
    assert_eq!(claimed[0].flow, details.flow);
    let filter = outdial_engine::ports::CallFilter {
        to: Some("sip:bob@example.com".into()),
        tag: Some("new".into()),
        most: 5,
        ..Default::default()
    };
    assert_eq!(store.calls(caller.account, filter).await.unwrap().items, [life.call]);
}

/// A change takes its place when it is asked for; nobody has to wait for it.
pub async fn a_dropped_future_is_saved_all_the_same(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(0));
    drop(store.commit(life.created()));
    store.commit(note(&mut life, "second")).await.unwrap();
    assert_eq!(
        store
            .events_of(caller.account, life.call.id.into())
            .await
            .unwrap()
            .len(),
        2
    );
}

/// Each leg has its own messages.
pub async fn traces_belong_to_their_leg(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(0));
    store.commit(life.created()).await.unwrap();
    let mut legs = Vec::new();
    for try_number in 0..2_usize {
        store.commit(life.journalled("n1", at(1))).await.unwrap();
        let mut ringing = life
            .happens(
                Happening::Ringing {
                    sip_code: None,
                    early_media: false,
                },
                at(2),
            )
            .unwrap();
        let messages = trace().into_iter().take(try_number + 1).collect();
        ringing.traces = vec![Trace {
            leg: ringing.legs[0].id,
            messages,
        }];
        store.commit(ringing).await.unwrap();
        legs.push(life.live.as_ref().unwrap().leg.id);
        life.call.state = CallState::Queued;
    }
    let traces = store.traces(caller.account, life.call.id).await.unwrap();
    for (index, leg) in legs.into_iter().enumerate() {
        let trace = traces.iter().find(|trace| trace.leg == leg).unwrap();
        assert_eq!(trace.messages.len(), index + 1);
    }
}

/// Every leg of an attempt has a row of its own, and what is unfinished of them is found after a crash.
pub async fn a_call_may_have_several_legs(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(0));
    store.commit(life.created()).await.unwrap();
    store.commit(life.journalled("n1", at(1))).await.unwrap();
    let answered = Happening::Answered { codec: "PCMU".into() };
    let mut change = life.happens(answered.clone(), at(2)).unwrap();
    change.attempt.as_mut().unwrap().deadline = at(99_000);
    life.live.as_mut().unwrap().attempt.deadline = at(99_000);
    store.commit(change).await.unwrap();
    let opened = life.opened("n1", at(3));
    assert_eq!(opened.journalled_by(), Some("n1"));
    store.commit(opened).await.unwrap();
    let legs = async || {
        let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
        assert_eq!(details.attempts[0].deadline, at(99_000));
        details.legs
    };
    let wanted: Vec<_> = life.live.as_ref().unwrap().legs().cloned().collect();
    assert_eq!(legs().await, wanted);
    assert_eq!(wanted[1].shows.as_deref(), Some("+6561234567"));
    let other = wanted[1].id;
    let mut ended = life.happens_to(other, over(), at(4)).unwrap();
    ended.traces = wanted
        .iter()
        .map(|leg| Trace {
            leg: leg.id,
            messages: trace(),
        })
        .collect();
    store.commit(ended).await.unwrap();
    let wanted: Vec<_> = life.live.as_ref().unwrap().legs().cloned().collect();
    let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
    assert_eq!(details.legs, wanted);
    assert_eq!(details.call.state, CallState::Active);
    assert_eq!(store.traces(caller.account, life.call.id).await.unwrap().len(), 2);
    store.commit(life.happens(over(), at(5)).unwrap()).await.unwrap();
    let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
    assert_eq!(details.call.state, CallState::Ended);
}
