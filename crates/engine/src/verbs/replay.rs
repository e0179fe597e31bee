//! Tells receivers once more.

use jiff::Timestamp;
use outdial_domain::{CallId, DeliveryId, ReceiverId, Subject, Webhook, WebhookId};

use super::{Actor, WebhookError, get_webhook};
use crate::{
    Engine,
    ports::{DeliveryFilter, Feed, FeedKey, StoreError},
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
    /// All events of a call, to the receiver that it names.
    Call(CallId),
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
    #[error("there is no such delivery, call or webhook in this account")]
    NotFound,
    /// There is nobody to be told.
    #[error("the receiver is gone: the webhook was removed or is off, or the call names none")]
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
        Replay::Call(call) => of_call(engine, actor, call).await?,
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
        None => receiver_of(engine, actor, told.call).await?,
    };
    let new = feed(
        engine,
        actor,
        told.call,
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

async fn receiver_of(engine: &Engine, actor: &Actor, call: CallId) -> Result<ReceiverId, ReplayError> {
    let details = engine
        .store
        .call(actor.account, call)
        .await?
        .ok_or(ReplayError::NotFound)?;
    let webhook = details.call.plan.webhook.ok_or(ReplayError::NoReceiver)?;
    Ok(webhook.receiver)
}

async fn of_call(engine: &Engine, actor: &Actor, call: CallId) -> Result<Replayed, ReplayError> {
    let details = engine
        .store
        .call(actor.account, call)
        .await?
        .ok_or(ReplayError::NotFound)?;
    let webhook = details.call.plan.webhook.ok_or(ReplayError::NoReceiver)?;
    let events = engine.store.events_of(actor.account, call).await?;
    let wanted = events
        .iter()
        .filter(|stored| webhook.events.wants(&stored.event.kind))
        .count();
    let new = feed(engine, actor, call, None, webhook.receiver, 1..=details.call.events);
    engine.store.add_feeds(vec![new], engine.ids.now()).await?;
    Ok(Replayed {
        events: wanted,
        more_after: None,
    })
}

fn feed(
    engine: &Engine,
    actor: &Actor,
    call: CallId,
    webhook: Option<WebhookId>,
    receiver: ReceiverId,
    events: std::ops::RangeInclusive<u32>,
) -> Feed {
    Feed {
        key: FeedKey {
            call,
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
            let Subject::Call(call) = stored.event.subject;
            let sequence = stored.event.sequence;
            match feeds.iter_mut().find(|feed| feed.key.call == call) {
                Some(feed) => feed.newest = sequence,
                None => feeds.push(feed(
                    engine,
                    actor,
                    call,
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
