//! The same text to the same receiver by the same sender, within a time, is sent once.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use outdial_domain::{Message, MessageId};

use super::SentTo;
use crate::{
    Engine,
    ports::{FirstAnswer, StoreError},
    verbs::{Actor, hash_request},
};

/// What is kept so that the same text is not sent to the same receiver by the same sender again.
pub(super) fn mark(message: &Message, unique: Duration, now: Timestamp) -> FirstAnswer {
    FirstAnswer {
        account: message.account,
        key: fingerprint(message),
        request: [0; 32],
        answer: message.id.to_string().into_bytes(),
        made_at: now,
        kept_until: now.saturating_add(unique).unwrap_or(Timestamp::MAX),
    }
}

fn fingerprint(message: &Message) -> [u8; 32] {
    let plan = &message.plan;
    let from = plan.from.as_deref().unwrap_or_default();
    let to = plan.to.to_string();
    hash_request(&[b"the same text", from.as_bytes(), to.as_bytes(), plan.body.as_bytes()])
}

/// Finds those that were sent before, or stand in the request twice.
pub(super) async fn duplicates_are_known(
    engine: &Engine,
    actor: &Actor,
    sent: &mut [SentTo],
    unique: Duration,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut here: HashMap<[u8; 32], MessageId> = HashMap::new();
    for one in sent.iter_mut() {
        let SentTo::Taken(message) = one else { continue };
        let key = mark(message, unique, now).key;
        let earlier = match here.get(&key) {
            Some(id) => Some(*id),
            None => {
                let kept = engine.store.first_answer(actor.account, key, now).await?;
                kept.and_then(|kept| std::str::from_utf8(&kept.answer).ok()?.parse().ok())
            }
        };
        match earlier {
            Some(id) => *one = SentTo::Duplicate(id),
            None => drop(here.insert(key, message.id)),
        }
    }
    Ok(())
}
