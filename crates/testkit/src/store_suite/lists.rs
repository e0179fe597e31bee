//! Lists of calls.

use outdial_domain::{CallId, CallState, Outcome};
use outdial_engine::ports::{CallFilter, Store};

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
