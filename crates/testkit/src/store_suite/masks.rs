//! What keeping masked pairs promises.

use outdial_domain::{Address, Mask, MaskId};
use outdial_engine::ports::{Store, StoreError};

use super::{
    answers::answer,
    lives::{Caller, at, bytes},
};

fn mask(caller: &Caller, number: u64, shown: &str, expires: Option<i64>) -> Mask {
    let address = |text: &str| Address::parse(text).unwrap();
    Mask {
        id: MaskId::new(at(i64::try_from(number).unwrap()), bytes(1, 11, number)),
        account: caller.account,
        number: address(shown),
        parties: ["+65 9000 0001", "sip:bob@127.0.0.1"].map(address),
        pin: Some(format!("{number:04}").parse().unwrap()),
        expires: expires.map(at),
        tag: Some("läuft \0".into()),
        created_at: at(0),
    }
}

/// A masked pair reads back as it was saved, is found by its number, belongs to its account, and is gone when
/// it was removed, or its time was over.
pub async fn masks_are_kept(store: &impl Store) {
    let (caller, other) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let kept = [
        mask(&caller, 1, "+6561234567", None),
        mask(&caller, 2, "+65 6123 4567", Some(100)),
        mask(&caller, 3, "+6561234568", Some(200)),
    ];
    for one in &kept {
        store.add_mask(one.clone(), None).await.unwrap();
    }
    let [first, second, third] = &kept;
    let all = [third.clone(), second.clone(), first.clone()];
    assert_eq!(store.masks(caller.account).await.unwrap(), all);
    assert!(store.masks(other.account).await.unwrap().is_empty());
    let of_number = store.masks_of(caller.account, "+6561234567").await.unwrap();
    assert_eq!(of_number, [second.clone(), first.clone()]);
    assert!(store.masks_of(other.account, "+6561234567").await.unwrap().is_empty());
    assert!(!store.remove_mask(other.account, first.id).await.unwrap());
    assert_eq!(store.forget_masks(at(100), 10).await.unwrap(), 1);
    assert_eq!(store.forget_masks(at(300), 0).await.unwrap(), 0);
    assert_eq!(
        store.masks(caller.account).await.unwrap(),
        [third.clone(), first.clone()]
    );
    assert!(store.remove_mask(caller.account, first.id).await.unwrap());
    assert!(!store.remove_mask(caller.account, first.id).await.unwrap());
    assert_eq!(store.masks(caller.account).await.unwrap(), std::slice::from_ref(third));
}

/// However many come at once that would be mistaken for each other, one is added; what is over, or somebody else's,
/// is in nobody's way.
pub async fn of_masks_that_are_mistaken_one_is_added(store: &impl Store) {
    let (caller, other) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let without_pin = |caller: &Caller, number: u64, expires| Mask {
        pin: None,
        ..mask(caller, number, "+6561234567", expires)
    };
    store.add_mask(without_pin(&caller, 1, Some(-1)), None).await.unwrap();
    store.add_mask(without_pin(&other, 2, None), None).await.unwrap();
    let many = (10..18u8).map(|number| {
        // The answer to a request is kept only with what it made.
        let answer = (number % 2 == 0).then(|| answer(caller.account, number, "made"));
        store.add_mask(without_pin(&caller, number.into(), None), answer)
    });
    let added = futures_util::future::join_all(many).await;
    let taken = Err(StoreError::Taken("+6561234567".to_owned()));
    assert_eq!(added.iter().filter(|added| added.is_ok()).count(), 1, "{added:?}");
    assert_eq!(added.iter().filter(|added| **added == taken).count(), 7, "{added:?}");
    for (number, added) in (10..18u8).zip(&added) {
        let kept = store
            .first_answer(caller.account, [number; 32], at(1_500))
            .await
            .unwrap();
        assert_eq!(kept.is_some(), added.is_ok() && number % 2 == 0, "{number}");
    }
    let elsewhere = Mask {
        number: Address::parse("+6561234568").unwrap(),
        ..without_pin(&caller, 30, None)
    };
    store.add_mask(elsewhere, None).await.unwrap();
}
