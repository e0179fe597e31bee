//! What keeping answers to requests promises.

use outdial_domain::{Account, AccountId, Allowance, Key, KeyId, Scope};
use outdial_engine::ports::{Change, FirstAnswer, Store, StoreError};

use super::lives::{Caller, at, bytes};

pub(super) fn answer(account: AccountId, key: u8, text: &str) -> FirstAnswer {
    FirstAnswer {
        account,
        key: [key; 32],
        request: [7; 32],
        answer: text.into(),
        made_at: at(1_000),
        kept_until: at(2_000),
    }
}

fn answered(change: Change, answer: FirstAnswer) -> Change {
    Change {
        answer: Some(answer),
        ..change
    }
}

/// The answer is there as soon as the call is, for its account only, and until its time is over.
pub async fn an_answer_is_kept_with_its_call(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let mut life = one.call(1, at(0));
    let first = answer(one.account, 1, "first\0\u{1f4de}");
    store.commit(answered(life.created(), first.clone())).await.unwrap();
    let found = async |account, key, now| store.first_answer(account, [key; 32], at(now)).await.unwrap();
    assert_eq!(found(one.account, 1, 1_999).await, Some(first));
    assert_eq!(found(one.account, 1, 2_000).await, None);
    assert_eq!(found(one.account, 2, 1_500).await, None);
    assert_eq!(found(two.account, 1, 1_500).await, None);
}

/// Of many requests with one key, together and one after the other, one makes a call.
pub async fn of_requests_with_one_key_one_is_saved(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let mut lives: Vec<_> = (1..=20).map(|number| one.call(number, at(0))).collect();
    let commits: Vec<_> = lives
        .iter_mut()
        .map(|life| {
            store.commit(answered(
                life.created(),
                answer(one.account, 1, &life.call.id.to_string()),
            ))
        })
        .collect();
    let mut results = Vec::new();
    for commit in commits {
        results.push(commit.await);
    }
    let saved: Vec<_> = lives
        .iter()
        .zip(&results)
        .filter(|(_, result)| result.is_ok())
        .collect();
    assert_eq!(saved.len(), 1, "{results:?}");
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Ok(()) | Err(StoreError::Repeated)))
    );
    let id = saved[0].0.call.id;
    let kept = store
        .first_answer(one.account, [1; 32], at(1_500))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.answer, id.to_string().into_bytes());
    let mut late = one.call(21, at(0));
    let change = answered(late.created(), answer(one.account, 1, "late"));
    assert_eq!(store.commit(change).await, Err(StoreError::Repeated));
    for life in lives.iter().chain([&late]) {
        let there = store.call(one.account, life.call.id).await.unwrap().is_some();
        assert_eq!(there, life.call.id == id);
    }
    // Another account's key is another key, and changes without one are nobody's repetition.
    let mut other = two.call(1, at(0));
    let change = answered(other.created(), answer(two.account, 1, "other"));
    store.commit(change).await.unwrap();
    store.commit(one.call(22, at(0)).created()).await.unwrap();
}

/// A change that is refused leaves no answer behind.
pub async fn a_refused_change_keeps_no_answer(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = caller.call(1, at(0));
    let created = life.created();
    store.commit(created.clone()).await.unwrap();
    let again = answered(created, answer(caller.account, 1, "never"));
    assert_eq!(store.commit(again).await, Err(StoreError::Stale(life.call.id.into())));
    let mut broken = answered(caller.call(2, at(0)).created(), answer(caller.account, 2, "never"));
    broken.call.account = AccountId::new(at(0), bytes(99, 0, 0));
    broken.events[0].account = broken.call.account;
    assert!(store.commit(broken).await.is_err());
    for key in [1, 2] {
        assert_eq!(
            store.first_answer(caller.account, [key; 32], at(1_500)).await.unwrap(),
            None
        );
    }
}

/// When its time is over a key may be used again, whether or not the old answer was cleared away.
pub async fn a_key_is_free_again_after_its_time(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let first = answer(caller.account, 1, "first");
    store
        .commit(answered(caller.call(1, at(0)).created(), first.clone()))
        .await
        .unwrap();
    let second = FirstAnswer {
        made_at: at(2_000),
        kept_until: at(3_000),
        ..answer(caller.account, 1, "second")
    };
    store
        .commit(answered(caller.call(2, at(0)).created(), second.clone()))
        .await
        .unwrap();
    for key in 2..6 {
        let more = answer(caller.account, key, "more");
        store
            .commit(answered(caller.call(10 + u64::from(key), at(0)).created(), more))
            .await
            .unwrap();
    }
    assert_eq!(store.forget_answers(at(1_999), 10).await.unwrap(), 0);
    assert_eq!(store.forget_answers(at(2_000), 3).await.unwrap(), 3);
    assert_eq!(store.forget_answers(at(2_000), 3).await.unwrap(), 1);
    assert_eq!(
        store.first_answer(caller.account, [1; 32], at(2_500)).await.unwrap(),
        Some(second)
    );
}

/// Everything that is made can have an answer, and is made once.
pub async fn accounts_keys_and_uploads_have_answers(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let account = |number: u64| Account {
        id: AccountId::new(at(0), bytes(9, 0, number)),
        name: format!("account {number}"),
        created_at: at(0),
        allowance: Allowance::default(),
    };
    let given = |key| Some(answer(caller.account, key, "made"));
    store.add_account(account(1), given(1)).await.unwrap();
    assert_eq!(store.add_account(account(2), given(1)).await, Err(StoreError::Repeated));
    assert_eq!(store.accounts().await.unwrap().len(), 2);
    // What cannot be made keeps no answer.
    assert!(store.add_account(account(1), given(2)).await.is_err());
    assert_eq!(
        store.first_answer(caller.account, [2; 32], at(1_500)).await.unwrap(),
        None
    );

    let key = |number: u64| Key {
        id: KeyId::new(at(0), bytes(0, 6, number)),
        account: caller.account,
        name: "key".into(),
        scopes: vec![Scope::Read],
        created_at: at(0),
        expires_at: None,
    };
    store.add_key(key(1), [1; 32], given(3)).await.unwrap();
    assert_eq!(
        store.add_key(key(2), [2; 32], given(3)).await,
        Err(StoreError::Repeated)
    );
    assert_eq!(store.keys(caller.account).await.unwrap(), [key(1)]);

    let upload = |number| super::accounts::upload(caller.account, number);
    store.add_audio(upload(1), given(4)).await.unwrap();
    assert_eq!(store.add_audio(upload(2), given(4)).await, Err(StoreError::Repeated));
    assert_eq!(store.audio(caller.account, upload(2).id).await.unwrap(), None);
}
