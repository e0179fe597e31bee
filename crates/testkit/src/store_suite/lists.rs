//! Lists of calls.

use outdial_domain::{CallId, CallState, FaceRecord, Outcome};
use outdial_engine::ports::{CallFilter, Store, StoreError};

use super::lives::{Caller, at};

/// Pages follow each other without overlap, and the last one says so.
pub async fn lists_are_newest_first_and_turn_pages(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut made = Vec::new();
    for number in 0..10 {
        let mut life = caller.call(number, at(60_000));
        store.commit(life.created()).await.unwrap();
        made.push(life.call);
    }
    made.reverse();
    let mut filter = CallFilter {
        most: 4,
        ..CallFilter::default()
    };
    let mut seen = Vec::new();
    for (length, more) in [(4, true), (4, true), (2, false)] {
        let page = store.calls(caller.account, filter.clone()).await.unwrap();
        assert_eq!((page.items.len(), page.more), (length, more));
        filter.before = page.items.last().map(|call| call.id);
        seen.extend(page.items);
    }
    assert_eq!(seen, made);
    filter.before = None;
    filter.most = 10;
    assert!(!store.calls(caller.account, filter).await.unwrap().more);
}

/// Every filter, alone and together with others and with the cursor.
pub async fn lists_are_filtered(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut ids = Vec::new();
    for number in 0..12 {
        let mut plan = caller.plan(number % 3, at(if number < 2 { 60_000 } else { 0 }));
        plan.tag = number.is_multiple_of(2).then(|| "even".into());
        plan.reference = Some(format!("order {number}"));
        let mut life = caller.call_by(number, plan);
        let steps = if number < 6 { 1 } else { 5 };
        for change in life.whole("n1").into_iter().take(steps) {
            store.commit(change).await.unwrap();
        }
        ids.push(life.call.id);
    }
    let list = |filter: CallFilter| {
        let ids = ids.clone();
        async move {
            let page = store
                .calls(caller.account, CallFilter { most: 100, ..filter })
                .await
                .unwrap();
            let place = |id: CallId| ids.iter().position(|there| *there == id).unwrap();
            page.items.into_iter().map(|call| place(call.id)).collect::<Vec<_>>()
        }
    };
    let all = CallFilter::default();
    let to = Some("+6590000001".to_owned());
    let cases: [(CallFilter, &[usize]); 10] = [
        (
            CallFilter {
                state: Some(CallState::Scheduled),
                ..all.clone()
            },
            &[1, 0],
        ),
        (
            CallFilter {
                state: Some(CallState::Queued),
                ..all.clone()
            },
            &[5, 4, 3, 2],
        ),
        (
            CallFilter {
                state: Some(CallState::Active),
                ..all.clone()
            },
            &[],
        ),
        (
            CallFilter {
                outcome: Some(Outcome::Completed),
                ..all.clone()
            },
            &[11, 10, 9, 8, 7, 6],
        ),
        (
            CallFilter {
                outcome: Some(Outcome::Busy),
                ..all.clone()
            },
            &[],
        ),
        (
            CallFilter {
                tag: Some("even".into()),
                ..all.clone()
            },
            &[10, 8, 6, 4, 2, 0],
        ),
        (
            CallFilter {
                reference: Some("order 9".into()),
                ..all.clone()
            },
            &[9],
        ),
        (
            CallFilter {
                to: to.clone(),
                ..all.clone()
            },
            &[10, 7, 4, 1],
        ),
        (
            CallFilter {
                to,
                tag: Some("even".into()),
                state: Some(CallState::Ended),
                ..all.clone()
            },
            &[10],
        ),
        (
            CallFilter {
                tag: Some("even".into()),
                before: Some(ids[4]),
                ..all.clone()
            },
            &[2, 0],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(list(filter.clone()).await, expected, "{filter:?}");
    }
}

/// What a face calls its calls by is unique among them, finds them, and is gone when it is forgotten.
pub async fn a_face_finds_its_calls_by_its_own_names(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let named = |number: u64, face: &str, reference: &str| {
        let mut life = caller.call(number, at(0));
        life.call.face = Some(FaceRecord {
            face: face.to_owned(),
            reference: reference.to_owned(),
            // As JSON that has a line in it.
            kept: format!("{{\"kept\":\"{number}\\n\"}}"),
        });
        life
    };
    let find = |face: Option<&str>, reference: Option<&str>| {
        let filter = CallFilter {
            face: face.map(str::to_owned),
            face_reference: reference.map(str::to_owned),
            most: 10,
            ..CallFilter::default()
        };
        async move { store.calls(caller.account, filter).await.unwrap().items }
    };
    let mut first = named(1, "voicent", "17");
    let changes = first.whole("n1");
    let second = named(2, "hoiio", "17").created();
    for change in [changes[0].clone(), second.clone(), named(3, "voicent", "18").created()] {
        store.commit(change).await.unwrap();
    }
    store.commit(caller.call(4, at(0)).created()).await.unwrap();
    let again = named(5, "voicent", "17").created();
    let id = again.call.id;
    assert_eq!(store.commit(again).await, Err(StoreError::Stale(id.into())));
    assert_eq!(store.call(caller.account, id).await.unwrap(), None);
    // Another account has names of its own.
    let other = Caller::join(store, 2).await;
    let mut theirs = other.call(6, at(0));
    theirs.call.face = changes[0].call.face.clone();
    store.commit(theirs.created()).await.unwrap();

    assert_eq!(find(Some("voicent"), Some("17")).await, [changes[0].call.clone()]);
    assert_eq!(find(None, Some("17")).await, [second.call, changes[0].call.clone()]);
    assert_eq!(find(Some("voicent"), None).await.len(), 2);
    assert_eq!(find(Some("voicent"), Some("19")).await, []);

    // Its note is written again while the call goes on, and no change of the call undoes that.
    let note_of_its_own = r"another \ note";
    let id = changes[0].call.id;
    let note = async || {
        store
            .call(caller.account, id)
            .await
            .unwrap()
            .unwrap()
            .call
            .face
            .unwrap()
            .kept
    };
    assert!(
        store
            .keep_by_face(caller.account, id, note_of_its_own.to_owned())
            .await
            .unwrap()
    );
    assert!(
        !store
            .keep_by_face(caller.account, theirs.call.id, "x".to_owned())
            .await
            .unwrap()
    );
    assert_eq!(note().await, note_of_its_own);

    // It is forgotten while the call goes on, and nothing that follows brings it back.
    store.commit(changes[1].clone()).await.unwrap();
    assert_eq!(note().await, note_of_its_own);
    assert!(store.forget_face(caller.account, changes[0].call.id).await.unwrap());
    assert!(!store.forget_face(caller.account, changes[0].call.id).await.unwrap());
    assert!(!store.forget_face(caller.account, theirs.call.id).await.unwrap());
    for change in changes.into_iter().skip(2) {
        store.commit(change).await.unwrap();
    }
    assert_eq!(find(Some("voicent"), Some("17")).await, []);
    let there = store.call(caller.account, first.call.id).await.unwrap().unwrap();
    assert_eq!(there.call.face, None);
    assert_eq!(there.call.state, CallState::Ended);
}
