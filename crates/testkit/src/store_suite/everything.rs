//! Something of everything that a store keeps, for examinations and backups.

use outdial_engine::ports::{ArrivedPlace, ArrivedText, AudioFile, LeftAlone, Settled, Store};

use super::{
    accounts::{key, upload},
    answers::answer,
    lives::{Caller, at},
    messages::{accepted, text},
    schedules::schedule,
    telling::{delivery, feed, noticed, webhook},
};

/// Adds an account with something of everything: calls in every state, messages, a key, an upload whose bytes are the
/// blob of this name, a schedule, a webhook with what it is yet to be told and what it was, and an answer to
/// a request.
pub async fn one_of_everything(store: &impl Store, blob: &str) -> Caller {
    let caller = Caller::join(store, 1).await;
    for number in 0..9 {
        let mut life = caller.call(number, at(0));
        let steps = match number % 3 {
            0 => 1,
            1 => 3,
            _ => usize::MAX,
        };
        for change in life.whole("n1").into_iter().take(steps) {
            store.commit(change).await.unwrap();
        }
    }
    store.add_key(key(caller.account, 1), [1; 32], None).await.unwrap();
    let file = AudioFile {
        blob: blob.to_owned(),
        ..upload(caller.account, 1)
    };
    store
        .add_audio(file, Some(answer(caller.account, 1, "an upload")))
        .await
        .unwrap();
    store.add_schedule(schedule(&caller, 1, 100), None).await.unwrap();
    let hook = webhook(&caller, 1);
    store.add_webhook(hook.clone(), None).await.unwrap();
    let mut told = noticed(&caller, 100, 1);
    store.commit(told.created()).await.unwrap();
    let waiting = feed(&caller, &told, &hook, 0, 1);
    store.add_feeds(vec![waiting.clone()], at(0)).await.unwrap();
    let settled = Settled {
        key: waiting.key,
        told: 0,
        tries: 1,
        due: Some(at(0)),
        delivery: Some(delivery(caller.account, told.call.id, 1, Some(hook.id))),
    };
    store.settle(vec![settled], at(0)).await.unwrap();
    for number in 0..3 {
        let mut text = text(&caller, number, at(0));
        let mut steps = vec![text.created()];
        if number > 0 {
            steps.push(text.journalled("n1", 1, at(1)));
        }
        if number > 1 {
            steps.push(text.answered(&[accepted("a")], at(2)));
        }
        for step in steps {
            store.commit_messages(step.into()).await.unwrap();
        }
    }
    let part = ArrivedText {
        from: "+6598765432".into(),
        to: "Shop".into(),
        text: "the first half".into(),
        place: Some(ArrivedPlace {
            reference: 1,
            total: 2,
            number: 1,
        }),
    };
    store.keep_part("smsc".into(), part, at(0)).await.unwrap();
    let entry = LeftAlone {
        number: "+6598765432".into(),
        since: at(0),
        because: "they wrote STOP".into(),
    };
    store.leave_alone(caller.account, vec![entry]).await.unwrap();
    caller
}
