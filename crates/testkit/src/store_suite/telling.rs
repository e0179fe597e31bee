//! What telling receivers of events promises.

use outdial_domain::{
    AccountId, CallId, CallWebhook, DeliveryId, EventFilter, EventId, LiveSecret, ReceiverId, SigningSecret, Webhook,
    WebhookId,
};
use outdial_engine::ports::{
    Delivery, DeliveryFilter, DeliveryResult, FanOut, Feed, FeedKey, ReceiverClaim, Settled, Store, StoreError,
};

use super::lives::{Caller, Life, at, bytes};

const NOW: i64 = 100_000;

fn receiver(number: u8) -> ReceiverId {
    ReceiverId::of_hash([number; 16])
}

pub(super) fn webhook(caller: &Caller, number: u64) -> Webhook {
    Webhook {
        id: WebhookId::new(at(0), bytes(0, 8, number)),
        account: caller.account,
        url: format!("https://example.com/{number}?läuft=\0"),
        events: EventFilter::of(&["created", "ended"]),
        secrets: vec![LiveSecret {
            secret: SigningSecret::new("whsec_secret".into()),
            until: Some(at(5)),
        }],
        disabled: None,
        created_at: at(1),
        position: 0,
    }
}

/// A call whose receiver wants all but what happens between ringing and the answer.
pub(super) fn noticed(caller: &Caller, number: u64, to: u8) -> Life {
    let mut plan = caller.plan(number, at(0));
    plan.webhook = Some(CallWebhook {
        url: Some("https://example.com/".into()),
        events: EventFilter::of(&["created", "journalled", "ended"]),
        secret: Some(SigningSecret::new("whsec_secret".into())),
        receiver: receiver(to),
    });
    caller.call_by(number, plan)
}

fn claim(node: &str, now: i64, until: i64, most: usize) -> ReceiverClaim {
    ReceiverClaim {
        now: at(now),
        node: node.into(),
        until: at(until),
        most,
    }
}

fn settled(key: FeedKey, told: u32, tries: u32, due: Option<i64>) -> Settled {
    Settled {
        key,
        told,
        tries,
        due: due.map(at),
        delivery: None,
    }
}

pub(super) fn feed(caller: &Caller, life: &Life, webhook: &Webhook, told: u32, newest: u32) -> Feed {
    Feed {
        key: FeedKey {
            subject: life.call.id.into(),
            webhook: Some(webhook.id),
            replay: None,
        },
        account: caller.account,
        receiver: webhook.receiver(),
        told,
        newest,
        tries: 0,
    }
}

async fn due(store: &impl Store, receiver: ReceiverId) -> Vec<(u32, u32, u32)> {
    let feeds = store.feeds(receiver, at(NOW), 99).await.unwrap();
    feeds.iter().map(|feed| (feed.told, feed.newest, feed.tries)).collect()
}

/// What a call's receiver wants to hear of waits from the moment it is saved, and is gone when it was told.
pub async fn a_calls_receiver_waits_for_what_it_wants(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let notices = store.notices();
    let mut life = noticed(&caller, 1, 1);
    let changes = life.whole("n1");
    let mut last = 0;
    for change in &changes {
        store.commit(change.clone()).await.unwrap();
        last += change.events.len();
    }
    let last = u32::try_from(last).unwrap();
    assert!(notices.has_changed().unwrap());
    assert_eq!(due(store, receiver(1)).await, [(0, last, 0)]);
    assert_eq!(
        store.call(caller.account, life.call.id).await.unwrap().unwrap().call,
        life.call
    );
    // Others wait for nothing, and calls that name nobody neither.
    assert_eq!(due(store, receiver(2)).await, []);
    store.commit(caller.call(2, at(0)).created()).await.unwrap();
    let claimed = store.claim_receivers(claim("n1", NOW, NOW + 10, 9)).await.unwrap();
    assert_eq!(claimed.receivers, [(receiver(1), 0)]);
    let key = store.feeds(receiver(1), at(NOW), 9).await.unwrap()[0].key;
    // Tried in vain: it waits.
    store
        .settle(vec![settled(key, 2, 3, Some(NOW + 5))], at(NOW))
        .await
        .unwrap();
    assert_eq!(due(store, receiver(1)).await, []);
    let later = store.feeds(receiver(1), at(NOW + 5), 9).await.unwrap();
    assert_eq!((later[0].told, later[0].tries), (2, 3));
    store.settle(vec![settled(key, last, 0, None)], at(NOW)).await.unwrap();
    assert!(store.feeds(receiver(1), at(NOW + 9), 9).await.unwrap().is_empty());
    // A change that is refused tells nobody.
    assert!(store.commit(changes[1].clone()).await.is_err());
    assert_eq!(due(store, receiver(1)).await, []);
}

/// What comes while a receiver is being told is not lost, and not told twice.
pub async fn what_comes_meanwhile_is_told_next(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut life = noticed(&caller, 1, 1);
    store.commit(life.created()).await.unwrap();
    let first = store.feeds(receiver(1), at(NOW), 9).await.unwrap().remove(0);
    assert_eq!((first.told, first.newest), (0, 1));
    store.commit(life.journalled("n1", at(1))).await.unwrap();
    store
        .settle(vec![settled(first.key, 1, 0, None)], at(NOW))
        .await
        .unwrap();
    let next = store.feeds(receiver(1), at(NOW), 9).await.unwrap().remove(0);
    assert_eq!((next.told, next.newest), (1, 3));
    store
        .settle(vec![settled(first.key, 3, 0, None)], at(NOW))
        .await
        .unwrap();
    assert_eq!(due(store, receiver(1)).await, []);
}

/// Each receiver belongs to one node at a time; when its lease is over another may have it.
pub async fn a_receiver_is_told_by_one_node_at_a_time(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    for number in 1..=6_u8 {
        let mut life = noticed(&caller, number.into(), number);
        store.commit(life.created()).await.unwrap();
    }
    let (one, two) = tokio::join!(
        store.claim_receivers(claim("n1", NOW, NOW + 10, 4)),
        store.claim_receivers(claim("n2", NOW, NOW + 10, 4))
    );
    let (mut one, mut two) = (one.unwrap().receivers, two.unwrap().receivers);
    let rest = store.claim_receivers(claim("n2", NOW, NOW + 10, 9)).await.unwrap();
    two.extend(rest.receivers);
    let mut all: Vec<_> = one.drain(..).chain(two).map(|(id, _)| id).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=6).map(receiver).collect::<Vec<_>>());
    let none = store.claim_receivers(claim("n3", NOW + 9, NOW + 20, 9)).await.unwrap();
    assert_eq!((none.receivers.len(), none.next), (0, Some(at(NOW + 10))));
    let taken_over = store.claim_receivers(claim("n3", NOW + 10, NOW + 20, 9)).await.unwrap();
    assert_eq!(taken_over.receivers.len(), 6);
    assert!(!store.keep_receiver(receiver(1), "n1", at(NOW + 99)).await.unwrap());
    assert!(store.keep_receiver(receiver(1), "n3", at(NOW + 30)).await.unwrap());
    let free = store.claim_receivers(claim("n1", NOW + 25, NOW + 50, 9)).await.unwrap();
    assert_eq!((free.receivers.len(), free.next), (5, Some(at(NOW + 30))));
}

/// What a run that is dead was telling, others tell as soon as its lease is over, or the next process does.
pub async fn receivers_of_the_dead_are_given_back(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    store.commit(noticed(&caller, 1, 1).created()).await.unwrap();
    let taken = async |node: &str| {
        let claimed = store.claim_receivers(claim(node, NOW, NOW + 30_000, 9)).await.unwrap();
        claimed.receivers.len()
    };
    assert_eq!((taken("n1").await, taken("n2").await), (1, 0));
    let Some(nodes) = store.nodes() else {
        store.recover().await.unwrap();
        return assert_eq!(taken("n1").await, 1);
    };
    // The lease of the other lasts, and n1 is not known to be dead before this one has looked for long enough.
    let hour = std::time::Duration::from_secs(3_600);
    let zero = std::time::Duration::ZERO;
    assert!(!nodes.release("n2", zero, hour).await.unwrap().receivers);
    nodes.beat("n1", zero).await.unwrap();
    assert!(!nodes.release("n2", hour, hour).await.unwrap().receivers);
    assert_eq!(taken("n2").await, 0);
    assert!(nodes.release("n2", zero, hour).await.unwrap().receivers);
    assert_eq!(taken("n2").await, 1);
    // So is what a run leaves that says goodbye.
    nodes.leave("n2").await.unwrap();
    assert_eq!(taken("n1").await, 1);
}

/// A receiver that fails rests, and how often it failed is remembered.
pub async fn a_failing_receiver_rests(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    store.commit(noticed(&caller, 1, 1).created()).await.unwrap();
    store.claim_receivers(claim("n1", NOW, NOW + 10, 9)).await.unwrap();
    store.give_receiver_back(receiver(1), "n2", 0, None).await.unwrap();
    assert!(
        store
            .claim_receivers(claim("n2", NOW, NOW + 10, 9))
            .await
            .unwrap()
            .receivers
            .is_empty()
    );
    store
        .give_receiver_back(receiver(1), "n1", 7, Some(at(NOW + 50)))
        .await
        .unwrap();
    let resting = store.claim_receivers(claim("n2", NOW + 49, NOW + 60, 9)).await.unwrap();
    assert_eq!((resting.receivers.len(), resting.next), (0, Some(at(NOW + 50))));
    let again = store.claim_receivers(claim("n2", NOW + 50, NOW + 60, 9)).await.unwrap();
    assert_eq!(again.receivers, [(receiver(1), 7)]);
    store.give_receiver_back(receiver(1), "n2", 0, None).await.unwrap();
    let well = store.claim_receivers(claim("n1", NOW + 50, NOW + 60, 9)).await.unwrap();
    assert_eq!(well.receivers, [(receiver(1), 0)]);
}

/// Webhooks read back as they were added, and are changed and removed by their account only.
pub async fn webhooks_belong_to_their_account(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let mut hook = webhook(&one, 1);
    store.add_webhook(hook.clone(), None).await.unwrap();
    store.add_webhook(webhook(&two, 2), None).await.unwrap();
    assert_eq!(store.webhooks(Some(one.account)).await.unwrap(), [hook.clone()]);
    assert_eq!(store.webhooks(None).await.unwrap().len(), 2);
    hook.rotate(SigningSecret::new("whsec_new".into()), at(9));
    hook.position = 7;
    store.change_webhook(hook.clone(), None).await.unwrap();
    assert_eq!(store.webhooks(Some(one.account)).await.unwrap(), [hook.clone()]);
    let stolen = Webhook {
        account: two.account,
        ..hook.clone()
    };
    assert_eq!(store.change_webhook(stolen, None).await, Err(StoreError::Gone));
    assert!(!store.remove_webhook(two.account, hook.id).await.unwrap());
    assert!(store.remove_webhook(one.account, hook.id).await.unwrap());
    assert!(!store.remove_webhook(one.account, hook.id).await.unwrap());
    assert_eq!(store.change_webhook(hook, None).await, Err(StoreError::Gone));
}

/// A webhook moves along the log once, whoever moves it, and what it is to be told of moves with it.
pub async fn a_webhook_follows_the_log_once(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let hook = webhook(&caller, 1);
    store.add_webhook(hook.clone(), None).await.unwrap();
    let mut life = caller.call(1, at(0));
    store.commit(life.created()).await.unwrap();
    let step = |from, to, told, newest| FanOut {
        account: caller.account,
        webhook: hook.id,
        from,
        to,
        feeds: vec![feed(&caller, &life, &hook, told, newest)],
        now: at(NOW),
    };
    let (one, two) = tokio::join!(store.fan_out(step(0, 5, 0, 1)), store.fan_out(step(0, 5, 0, 1)));
    assert!(one.unwrap() != two.unwrap(), "one of two nodes moves it");
    assert!(!store.fan_out(step(4, 9, 0, 9)).await.unwrap());
    assert_eq!(due(store, hook.receiver()).await, [(0, 1, 0)]);
    assert!(store.fan_out(step(5, 9, 3, 4)).await.unwrap());
    assert_eq!(due(store, hook.receiver()).await, [(0, 4, 0)]);
    // One that is off drops what waits, and stays where it is.
    let off = Webhook {
        disabled: Some("410".into()),
        position: 9,
        ..hook.clone()
    };
    store.change_webhook(off.clone(), None).await.unwrap();
    assert_eq!(due(store, hook.receiver()).await, []);
    assert!(!store.fan_out(step(9, 12, 4, 5)).await.unwrap());
    assert_eq!(store.webhooks(Some(caller.account)).await.unwrap(), [off]);
    // So does one that is removed.
    let again = feed(&caller, &life, &hook, 0, 1);
    store.add_feeds(vec![again], at(NOW)).await.unwrap();
    assert_eq!(due(store, hook.receiver()).await, [(0, 1, 0)]);
    assert!(store.remove_webhook(caller.account, hook.id).await.unwrap());
    assert_eq!(due(store, hook.receiver()).await, []);
}

pub(super) fn delivery(account: AccountId, call: CallId, number: u64, webhook: Option<WebhookId>) -> Delivery {
    let time = at(i64::try_from(number).unwrap() * 1_000);
    Delivery {
        id: DeliveryId::new(time, bytes(0, 9, number)),
        account,
        subject: call.into(),
        webhook,
        event: EventId::new(at(0), bytes(0, 4, number)),
        sequence: u32::try_from(number).unwrap() + 1,
        kind: "ended".into(),
        url: "https://example.com/".into(),
        attempt: 1,
        at: time,
        millis: 12,
        status: number.is_multiple_of(2).then_some(500),
        error: Some("status 500 \0 läuft".into()),
        response: "Oops".into(),
        result: DeliveryResult::Retried,
    }
}

/// The log of deliveries reads back, newest first, by its filters, and is cleared from its old end.
pub async fn deliveries_are_logged(store: &impl Store) {
    let (one, two) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let hook = webhook(&one, 1);
    let lives: Vec<Life> = (1..=2).map(|number| noticed(&one, number, 1)).collect();
    for mut life in lives.clone() {
        store.commit(life.created()).await.unwrap();
    }
    let made: Vec<Delivery> = (0..6_u64)
        .map(|number| {
            let call = lives[usize::try_from(number % 2).unwrap()].call.id;
            delivery(one.account, call, number, (number >= 3).then_some(hook.id))
        })
        .collect();
    let all = made.iter().map(|delivery| Settled {
        key: FeedKey {
            subject: delivery.subject,
            webhook: delivery.webhook,
            replay: None,
        },
        told: 0,
        tries: 1,
        due: Some(at(NOW)),
        delivery: Some(delivery.clone()),
    });
    store.settle(all.collect(), at(NOW)).await.unwrap();
    let list = async |account, filter: DeliveryFilter| {
        let page = store
            .deliveries(account, DeliveryFilter { most: 4, ..filter })
            .await
            .unwrap();
        let sequences: Vec<u32> = page.items.iter().map(|delivery| delivery.sequence).collect();
        (sequences, page.more)
    };
    let usual = DeliveryFilter::default;
    assert_eq!(list(one.account, usual()).await, (vec![6, 5, 4, 3], true));
    let before = Some(made[2].id);
    assert_eq!(
        list(one.account, DeliveryFilter { before, ..usual() }).await,
        (vec![2, 1], false)
    );
    let subject = Some(lives[0].call.id.into());
    assert_eq!(
        list(one.account, DeliveryFilter { subject, ..usual() }).await,
        (vec![5, 3, 1], false)
    );
    let webhook = Some(hook.id);
    assert_eq!(
        list(one.account, DeliveryFilter { webhook, ..usual() }).await,
        (vec![6, 5, 4], false)
    );
    assert_eq!(list(two.account, usual()).await, (Vec::new(), false));
    let id = Some(made[1].id);
    let filter = DeliveryFilter { id, most: 1, ..usual() };
    assert_eq!(
        store.deliveries(one.account, filter).await.unwrap().items,
        [made[1].clone()]
    );
    assert_eq!(store.forget_deliveries(at(3_000), 2).await.unwrap(), 2);
    assert_eq!(store.forget_deliveries(at(3_000), 2).await.unwrap(), 1);
    assert_eq!(list(one.account, usual()).await, (vec![6, 5, 4], false));
}
