//! What keeping masked pairs promises.

use outdial_domain::{Address, Mask, MaskId};
use outdial_engine::ports::Store;

use super::lives::{Caller, at, bytes};

fn mask(caller: &Caller, number: u64, shown: &str, expires: Option<i64>) -> Mask {
    let address = |text: &str| Address::parse(text).unwrap();
    Mask {
        id: MaskId::new(at(i64::try_from(number).unwrap()), bytes(1, 11, number)),
        account: caller.account,
        number: address(shown),
        parties: ["+65 9000 0001", "sip:bob@127.0.0.1"].map(address),
        pin: Some("0042".into()),
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
