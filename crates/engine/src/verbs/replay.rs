//! Tells receivers once more.

use jiff::Timestamp;
use outdial_domain::{AccountId, DeliveryId, EventFilter, ReceiverId, Subject, Webhook, WebhookId};

use super::{Actor, WebhookError, get_webhook};
use crate::{
    Engine,
    ports::{DeliveryFilter, Feed, FeedKey, Snapshot, StoreError},
};

/// The most events that one request tells again.
pub const LONGEST_REPLAY: usize = 10_000;
/// How many events are looked at at a time.
const PAGE: usize = 500;

/// What to tell again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// The event of this delivery, to the same receiver.
    Delivery(DeliveryId),
    /// All events of a call or a message, to the receiver that it names.
    All(Subject),
    /// What a webhook was to be told of after this position, and not after the other one.
    Positions {
        /// The webhook.
        webhook: WebhookId,
        /// The position before the first event.
        after: i64,
        /// That of the last one.
        through: i64,
    },
    /// What a webhook was to be told of from this time on, and before the other one.
    Times {
        /// The webhook.
        webhook: WebhookId,
        /// From this time on.
        from: Timestamp,
        /// Before this time.
        until: Timestamp,
    },
}

/// What is told again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// How many events.
    pub events: usize,
    /// The position after which to go on, where that was not all.
    pub more_after: Option<i64>,
}

/// Why nothing is told again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The account has nothing like it.
    #[error("there is no such delivery, call, message or webhook in this account")]
    NotFound,
    /// There is nobody to be told.
    #[error("the receiver is gone: the webhook was removed or is off, or the call or message names none")]
    NoReceiver,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WebhookError> for ReplayError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Store(error) => Self::Store(error),
            WebhookError::NotFound | WebhookError::Url(_) | WebhookError::TooMany => Self::NotFound,
        }
    }
}

/// Tells once more what was told, or was to be. Notifications keep their ids.
///
/// # Errors
///
/// [`ReplayError`]; then nothing is told again, or with a failing store a part.
pub async fn replay(engine: &Engine, actor: &Actor, what: Replay) -> Result<Replayed, ReplayError> {
    let replayed = match what {
        Replay::Delivery(id) => delivery(engine, actor, id).await?,
        Replay::All(subject) => all_of(engine, actor, subject).await?,
        Replay::Positions {
            webhook,
            after,
            through,
        } => {
            let webhook = live(engine, actor, webhook).await?;
            range(engine, actor, &webhook, after, through).await?
        }
        Replay::Times { webhook, from, until } => {
            let webhook = live(engine, actor, webhook).await?;
            let (after, through) = (before(engine, actor, from).await?, before(engine, actor, until).await?);
            range(engine, actor, &webhook, after, through).await?
        }
    };
    engine.inner().telling.notify_one();
    Ok(replayed)
}

async fn live(engine: &Engine, actor: &Actor, id: WebhookId) -> Result<Webhook, ReplayError> {
    let webhook = get_webhook(engine, actor, id).await?;
    match webhook.disabled {
        None => Ok(webhook),
        Some(_) => Err(ReplayError::NoReceiver),
    }
}

async fn delivery(engine: &Engine, actor: &Actor, id: DeliveryId) -> Result<Replayed, ReplayError> {
    let filter = DeliveryFilter {
        id: Some(id),
        most: 1,
        ..DeliveryFilter::default()
    };
    let page = engine.store.deliveries(actor.account, filter).await?;
    let told = page.items.into_iter().next().ok_or(ReplayError::NotFound)?;
    let receiver = match told.webhook {
        Some(webhook) => live(engine, actor, webhook).await?.receiver(),
        None => receiver_of(engine, actor, told.subject).await?.0,
    };
    let new = feed(
        engine,
        actor,
        told.subject,
        told.webhook,
        receiver,
        told.sequence..=told.sequence,
    );
    engine.store.add_feeds(vec![new], engine.ids.now()).await?;
    Ok(Replayed {
        events: 1,
        more_after: None,
    })
}

/// Who is told of it by its own request, and what of.
async fn receiver_of(
    engine: &Engine,
    actor: &Actor,
    subject: Subject,
) -> Result<(ReceiverId, EventFilter), ReplayError> {
    let snapshot = snapshot(engine, actor.account, subject).await?;
    let snapshot = snapshot.ok_or(ReplayError::NotFound)?;
    let webhook = snapshot.webhook().ok_or(ReplayError::NoReceiver)?;
    Ok((webhook.receiver, webhook.events.clone()))
}

/// A call or a message as it is now, with what is told of it.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn snapshot(engine: &Engine, account: AccountId, subject: Subject) -> Result<Option<Snapshot>, StoreError> {
    Ok(match subject {
        Subject::Call(id) => engine.store.call(account, id).await?.map(Snapshot::Call),
        Subject::Message(id) => engine.store.message(account, id).await?.map(Snapshot::Message),
    })
}

async fn all_of(engine: &Engine, actor: &Actor, subject: Subject) -> Result<Replayed, ReplayError> {
    let (receiver, wanted) = receiver_of(engine, actor, subject).await?;
    let events = engine.store.events_of(actor.account, subject).await?;
    let last = events.last().map_or(0, |stored| stored.event.sequence);
    let told = events.iter().filter(|stored| wanted.wants(&stored.event.kind)).count();
    let new = feed(engine, actor, subject, None, receiver, 1..=last);
    engine.store.add_feeds(vec![new], engine.ids.now()).await?;
    Ok(Replayed {
        events: told,
        more_after: None,
    })
}

fn feed(
    engine: &Engine,
    actor: &Actor,
    subject: Subject,
    webhook: Option<WebhookId>,
    receiver: ReceiverId,
    events: std::ops::RangeInclusive<u32>,
) -> Feed {
    Feed {
        key: FeedKey {
            subject,
            webhook,
            replay: Some(engine.ids.make(DeliveryId::new)),
        },
        account: actor.account,
        receiver,
        told: events.start().saturating_sub(1),
        newest: *events.end(),
        tries: 0,
    }
}

/// The position of the last event before a time. Events are saved in about the order of their times.
async fn before(engine: &Engine, actor: &Actor, time: Timestamp) -> Result<i64, ReplayError> {
    let (mut low, mut high) = (0, *engine.store.newest().borrow());
    while low < high {
        let middle = low + (high - low) / 2;
        let next = engine.store.events_after(actor.account, middle, 1).await?;
        match next.first() {
            Some(stored) if stored.event.at < time => low = stored.position,
            _ => high = middle,
        }
    }
    Ok(low)
}

async fn range(
    engine: &Engine,
    actor: &Actor,
    webhook: &Webhook,
    mut after: i64,
    through: i64,
) -> Result<Replayed, ReplayError> {
    let mut replayed = Replayed::default();
    loop {
        let mut events = engine.store.events_after(actor.account, after, PAGE).await?;
        let full = events.len() == PAGE;
        events.retain(|stored| stored.position <= through);
        let Some(last) = events.last() else { break };
        after = last.position;
        let ended = !full || after >= through;
        let mut feeds: Vec<Feed> = Vec::new();
        for stored in events.iter().filter(|stored| webhook.events.wants(&stored.event.kind)) {
            let subject = stored.event.subject;
            let sequence = stored.event.sequence;
            match feeds.iter_mut().find(|feed| feed.key.subject == subject) {
                Some(feed) => feed.newest = sequence,
                None => feeds.push(feed(
                    engine,
                    actor,
                    subject,
                    Some(webhook.id),
                    webhook.receiver(),
                    sequence..=sequence,
                )),
            }
            replayed.events += 1;
        }
        engine.store.add_feeds(feeds, engine.ids.now()).await?;
        if ended {
            break;
        }
        if replayed.events >= LONGEST_REPLAY {
            replayed.more_after = Some(after);
            break;
        }
    }
    Ok(replayed)
}
