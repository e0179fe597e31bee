//! Accounts, and the walls between them.

use std::time::Duration;

use outdial_domain::{Account, AccountId, Allowance, AudioId, Key, KeyId, Scope};
use outdial_engine::ports::{AudioFile, CallFilter, Store, StoreError};

use super::lives::{Caller, at, bytes};

pub(super) fn upload(account: AccountId, number: u64) -> AudioFile {
    AudioFile {
        id: AudioId::new(at(0), bytes(0, 7, number)),
        account,
        name: "../../etc/passwd".into(),
        blob: "0f".repeat(32),
        format: "WAV, 8000 Hz, mono".into(),
        millis: 1_800,
        created_at: at(1),
    }
}

pub(super) fn key(account: AccountId, number: u64) -> Key {
    Key {
        id: KeyId::new(at(0), bytes(0, 6, number)),
        account,
        name: format!("key {number}"),
        scopes: vec![Scope::Calls, Scope::AnyCallerId],
        created_at: at(i64::try_from(100 - number).unwrap()),
        expires_at: number.is_multiple_of(2).then(|| at(9_000)),
    }
}

/// Whoever knows every id of another account still reads nothing of it.
pub async fn no_account_sees_another(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let mut life = one.call(1, at(0));
    for change in life.whole("n1") {
        store.commit(change).await.unwrap();
    }
    store.add_audio(upload(one.account, 1), None).await.unwrap();
    store.add_key(key(one.account, 1), [1; 32], None).await.unwrap();
    let id = life.call.id;
    let all = CallFilter {
        most: 9,
        ..CallFilter::default()
    };
    for (account, there) in [(one.account, true), (two.account, false)] {
        assert_eq!(store.call(account, id).await.unwrap().is_some(), there);
        assert_eq!(
            !store.calls(account, all.clone()).await.unwrap().items.is_empty(),
            there
        );
        assert_eq!(!store.events_of(account, id.into()).await.unwrap().is_empty(), there);
        assert_eq!(!store.events_after(account, 0, 9).await.unwrap().is_empty(), there);
        assert_eq!(!store.traces(account, id).await.unwrap().is_empty(), there);
        assert_eq!(
            store.audio(account, upload(account, 1).id).await.unwrap().is_some(),
            there
        );
        assert_eq!(!store.keys(account).await.unwrap().is_empty(), there);
    }
    assert!(!store.remove_key(two.account, key(one.account, 1).id).await.unwrap());
    assert!(store.key_by_hash([1; 32]).await.unwrap().is_some());
    // Nor does it change anything of it.
    let mut stolen = life.clone();
    stolen.call.account = two.account;
    let change = stolen.change(
        vec![outdial_domain::EventKind::HangUpRequested {
            by: "two".into(),
            why: None,
        }],
        at(9),
    );
    assert_eq!(store.commit(change).await, Err(StoreError::Stale(id.into())));
    assert_eq!(store.call(one.account, id).await.unwrap().unwrap().call, life.call);
}

/// Names are unique, and the list is sorted by them.
pub async fn accounts_have_unique_names(store: &impl Store) {
    let account = |name: &str, number| Account {
        id: AccountId::new(at(0), bytes(0, 0, number)),
        name: name.into(),
        created_at: at(5),
        allowance: Allowance::default(),
    };
    store.add_account(account("b", 1), None).await.unwrap();
    store.add_account(account("a", 2), None).await.unwrap();
    assert_eq!(
        store.add_account(account("a", 3), None).await,
        Err(StoreError::Taken("a".into()))
    );
    assert_eq!(store.accounts().await.unwrap(), [account("a", 2), account("b", 1)]);
}

/// What an account is allowed reads back, is nobody else's, and whoever wants to know hears that it changed.
pub async fn what_accounts_are_allowed_is_kept_and_heard_of(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let mut changed = store.accounts_changed();
    let allowance = Allowance {
        calls_per_second: Some(0.1),
        burst: Some(2),
        max_calls: Some(0),
    };
    let usual = Allowance::default();
    for said in [
        allowance,
        Allowance {
            burst: None,
            ..allowance
        },
        usual,
    ] {
        changed.mark_unchanged();
        assert!(store.allow_account(one.account, said).await.unwrap());
        let heard = tokio::time::timeout(Duration::from_secs(20), changed.changed()).await;
        heard.expect("a change is heard of").unwrap();
        let accounts = store.accounts().await.unwrap();
        let kept: Vec<Allowance> = accounts.iter().map(|account| account.allowance).collect();
        assert_eq!(kept, [said, usual]);
    }
    let nobody = Caller::of(9).account;
    assert!(!store.allow_account(nobody, allowance).await.unwrap());
    assert!(store.allow_account(two.account, allowance).await.unwrap());
}

/// A key is found by the hash of its secret, listed by its age, and gone when it is removed.
pub async fn keys_are_found_by_their_hash_until_removed(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    for number in 1..=3 {
        let hash = [u8::try_from(number).unwrap(); 32];
        store.add_key(key(caller.account, number), hash, None).await.unwrap();
    }
    assert_eq!(store.key_by_hash([2; 32]).await.unwrap(), Some(key(caller.account, 2)));
    assert_eq!(store.key_by_hash([9; 32]).await.unwrap(), None);
    let listed: Vec<_> = store.keys(caller.account).await.unwrap();
    assert_eq!(listed, [3, 2, 1].map(|number| key(caller.account, number)));
    assert!(
        store.add_key(key(caller.account, 4), [2; 32], None).await.is_err(),
        "one secret, one key"
    );
    assert!(
        store
            .remove_key(caller.account, key(caller.account, 2).id)
            .await
            .unwrap()
    );
    assert!(
        !store
            .remove_key(caller.account, key(caller.account, 2).id)
            .await
            .unwrap()
    );
    assert_eq!(store.key_by_hash([2; 32]).await.unwrap(), None);
}

/// An upload reads back as it was added.
pub async fn uploads_are_found_by_their_account(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let audio = upload(caller.account, 1);
    store.add_audio(audio.clone(), None).await.unwrap();
    assert_eq!(store.audio(caller.account, audio.id).await.unwrap(), Some(audio));
    assert_eq!(
        store.audio(caller.account, upload(caller.account, 2).id).await.unwrap(),
        None
    );
}

/// The check passes, however often.
pub async fn a_working_store_says_so(store: &impl Store) {
    for _ in 0..3 {
        store.check().await.unwrap();
    }
}
