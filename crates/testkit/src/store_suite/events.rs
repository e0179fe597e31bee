//! What followers of the events may count on.

use outdial_engine::ports::Store;

use super::lives::{Caller, at};

/// Whoever follows the events page by page, from wherever it stopped, sees each once and in order.
pub async fn events_are_gapless_and_resumable(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let mut commits = Vec::new();
    let mut expected = Vec::new();
    for number in 0..40 {
        for caller in [&one, &two] {
            for change in caller.call(number, at(0)).whole("n1") {
                if caller.account == one.account {
                    expected.extend(change.events.iter().map(|event| event.id));
                }
                commits.push(store.commit(change));
            }
        }
    }
    for commit in commits {
        commit.await.unwrap();
    }
    let (mut seen, mut position) = (Vec::new(), 0);
    loop {
        let page = store.events_after(one.account, position, 17).await.unwrap();
        assert!(page.len() <= 17);
        let Some(last) = page.last() else { break };
        assert!(page[0].position > position);
        assert!(page.is_sorted_by_key(|stored| stored.position));
        position = last.position;
        seen.extend(page);
    }
    assert!(seen.iter().all(|stored| stored.event.account == one.account));
    assert_eq!(seen.iter().map(|stored| stored.event.id).collect::<Vec<_>>(), expected);
    for number in 0..40 {
        let id = one.call(number, at(0)).call.id;
        let events = store.events_of(one.account, id.into()).await.unwrap();
        assert!(
            (1..)
                .zip(&events)
                .all(|(sequence, stored)| stored.event.sequence == sequence)
        );
        assert!(events.is_sorted_by_key(|stored| stored.position));
    }
}

/// A follower that waits for a new position finds its event in the store.
pub async fn followers_are_woken_by_what_is_on_disk(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut newest = store.newest();
    assert_eq!(*newest.borrow_and_update(), 0);
    for number in 0..20 {
        let before = *newest.borrow();
        let mut life = caller.call(number, at(0));
        let created = life.created();
        let commit = store.commit(created.clone());
        newest.changed().await.unwrap();
        let position = *newest.borrow_and_update();
        assert!(position > before);
        let events = store.events_after(caller.account, before, 9).await.unwrap();
        assert_eq!(
            events.iter().map(|stored| stored.event.clone()).collect::<Vec<_>>(),
            created.events
        );
        assert_eq!(events.last().unwrap().position, position);
        commit.await.unwrap();
    }
}
