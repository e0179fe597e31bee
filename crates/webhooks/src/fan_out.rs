//! Moves the webhooks of accounts along the event log.

use std::{collections::HashMap, sync::Arc, time::Duration};

use outdial_domain::{Subject, Webhook, WebhookId};
use outdial_engine::ports::{FanOut, Feed, FeedKey, StoreError, StoredEvent};

use crate::Shared;

/// How many events are looked at at a time.
const PAGE: usize = 500;
/// How often it looks for what other nodes have changed.
const LOOK: Duration = Duration::from_secs(5);

/// Runs until it is to stop.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut newest = shared.engine.store.newest();
    let mut positions = Positions::new();
    loop {
        newest.borrow_and_update();
        let some = match follow(&shared, &mut positions).await {
            Ok(some) => some,
            Err(error) => {
                tracing::error!(%error, "webhooks cannot follow the events at the moment");
                false
            }
        };
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            // Without webhooks, events are nobody's concern here.
            changed = newest.changed(), if some => if changed.is_err() { return },
            () = shared.engine.telling_changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
        // Something may be told again, or a webhook is there that was not.
        shared.wake.notify_one();
    }
}

/// How far each webhook has come: where the store says it is, and up to where there was nothing for it to be
/// told since. Only the first has to last.
type Positions = HashMap<WebhookId, (i64, i64)>;

/// Brings every webhook to the end of the log. Says whether there are any.
async fn follow(shared: &Shared, positions: &mut Positions) -> Result<bool, StoreError> {
    let mut webhooks = shared.engine.store.webhooks(None).await?;
    webhooks.retain(|webhook| webhook.disabled.is_none());
    positions.retain(|id, _| webhooks.iter().any(|webhook| webhook.id == *id));
    for webhook in &webhooks {
        let position = positions.entry(webhook.id).or_default();
        if position.0 != webhook.position {
            *position = (webhook.position, webhook.position);
        }
        while step(shared, webhook, position).await? {}
    }
    Ok(!webhooks.is_empty())
}

/// Moves a webhook on by a page. Says whether there may be more.
async fn step(shared: &Shared, webhook: &Webhook, (from, seen): &mut (i64, i64)) -> Result<bool, StoreError> {
    let engine = &shared.engine;
    let events = engine.store.events_after(webhook.account, *seen, PAGE).await?;
    let Some(to) = events.last().map(|stored| stored.position) else {
        return Ok(false);
    };
    let more = events.len() == PAGE;
    let feeds = feeds(webhook, &events);
    // A position that moves past what nobody is told of is written now and then, so that a restart has
    // little to look at again.
    if feeds.is_empty() && !more {
        *seen = to;
        return Ok(false);
    }
    let moved = engine.store.fan_out(FanOut {
        account: webhook.account,
        webhook: webhook.id,
        from: *from,
        to,
        feeds,
        now: engine.ids.now(),
    });
    if !moved.await? {
        // Another node was faster: the next look begins where it is.
        return Ok(false);
    }
    (*from, *seen) = (to, to);
    shared.wake.notify_one();
    Ok(more)
}

/// What the webhook is to be told of these events: one feed for each call or message.
fn feeds(webhook: &Webhook, events: &[StoredEvent]) -> Vec<Feed> {
    let mut feeds: HashMap<Subject, Feed> = HashMap::new();
    for StoredEvent { event, .. } in events.iter().filter(|stored| webhook.events.wants(&stored.event.kind)) {
        let subject = event.subject;
        let feed = feeds.entry(subject).or_insert_with(|| Feed {
            key: FeedKey {
                subject,
                webhook: Some(webhook.id),
                replay: None,
            },
            account: webhook.account,
            receiver: webhook.receiver(),
            told: event.sequence - 1,
            newest: event.sequence,
            tries: 0,
        });
        feed.newest = event.sequence;
    }
    let mut feeds: Vec<Feed> = feeds.into_values().collect();
    feeds.sort_unstable_by_key(|feed| feed.key);
    feeds
}
