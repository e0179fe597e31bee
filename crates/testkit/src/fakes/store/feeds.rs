//! Who is to be told of what, in memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use outdial_domain::{AccountId, CallWebhook, Event, ReceiverId, Webhook, WebhookId};
use outdial_engine::ports::{
    Change, ClaimedReceivers, Delivery, DeliveryFilter, FanOut, Feed, FeedKey, MessageChange, Page, ReceiverClaim,
    Settled, StoreError,
};

#[derive(Debug, Default)]
pub(super) struct Feeds {
    pub(super) webhooks: BTreeMap<(AccountId, WebhookId), Webhook>,
    feeds: BTreeMap<FeedKey, FeedRow>,
    receivers: BTreeMap<ReceiverId, ReceiverRow>,
    deliveries: Vec<Delivery>,
}

#[derive(Debug)]
struct FeedRow {
    feed: Feed,
    due: Timestamp,
}

#[derive(Debug, Default)]
struct ReceiverRow {
    claimed: Option<(String, Timestamp)>,
    failed: u32,
    due: Option<Timestamp>,
}

impl Feeds {
    /// Moves on the feed of a call that names its own receiver.
    pub(super) fn notice(&mut self, change: &Change) {
        self.notice_of(change.call.plan.webhook.as_ref(), &change.events);
    }

    /// The same for a message.
    pub(super) fn notice_of_message(&mut self, change: &MessageChange) {
        self.notice_of(change.message.plan.webhook.as_ref(), &change.events);
    }

    fn notice_of(&mut self, webhook: Option<&CallWebhook>, events: &[Event]) {
        let Some(webhook) = webhook else { return };
        let mut wanted = events.iter().filter(|event| webhook.events.wants(&event.kind));
        let Some(first) = wanted.next() else { return };
        let last = wanted.next_back().unwrap_or(first);
        let key = FeedKey {
            subject: first.subject,
            webhook: None,
            replay: None,
        };
        let feed = Feed {
            key,
            account: first.account,
            receiver: webhook.receiver,
            told: first.sequence - 1,
            newest: last.sequence,
            tries: 0,
        };
        self.wake(&feed, first.at);
    }

    pub(super) fn wake(&mut self, feed: &Feed, due: Timestamp) {
        let row = self.feeds.entry(feed.key).or_insert_with(|| FeedRow {
            feed: feed.clone(),
            due,
        });
        row.feed.newest = row.feed.newest.max(feed.newest);
    }

    pub(super) fn change_webhook(&mut self, webhook: Webhook) -> Result<(), StoreError> {
        let there = self
            .webhooks
            .get_mut(&(webhook.account, webhook.id))
            .ok_or(StoreError::Gone)?;
        if webhook.disabled.is_some() {
            self.feeds.retain(|key, _| key.webhook != Some(webhook.id));
        }
        *there = webhook;
        Ok(())
    }

    pub(super) fn remove_webhook(&mut self, account: AccountId, id: WebhookId) -> bool {
        let removed = self.webhooks.remove(&(account, id)).is_some();
        if removed {
            self.feeds.retain(|key, _| key.webhook != Some(id));
        }
        removed
    }

    pub(super) fn fan_out(&mut self, step: FanOut) -> bool {
        let webhook = self.webhooks.get_mut(&(step.account, step.webhook));
        let Some(webhook) = webhook.filter(|there| there.position == step.from && there.disabled.is_none()) else {
            return false;
        };
        webhook.position = step.to;
        for feed in step.feeds {
            self.wake(&feed, step.now);
        }
        true
    }

    pub(super) fn claim(&mut self, claim: &ReceiverClaim) -> ClaimedReceivers {
        let mut ready: BTreeMap<ReceiverId, Timestamp> = BTreeMap::new();
        for row in self.feeds.values() {
            let earliest = ready.entry(row.feed.receiver).or_insert(row.due);
            *earliest = row.due.min(*earliest);
        }
        for (id, due) in &mut ready {
            if let Some(row) = self.receivers.get(id) {
                let until = row.claimed.as_ref().map(|(_, until)| *until);
                *due = [Some(*due), row.due, until].into_iter().flatten().max().unwrap_or(*due);
            }
        }
        let mut times: Vec<(Timestamp, ReceiverId)> = ready.into_iter().map(|(id, due)| (due, id)).collect();
        times.sort_unstable();
        let most = times
            .iter()
            .take_while(|(due, _)| *due <= claim.now)
            .count()
            .min(claim.most);
        let next = times.get(most).map(|(due, _)| (*due).max(claim.now));
        let take = |(_, id): &(Timestamp, ReceiverId)| {
            let row = self.receivers.entry(*id).or_default();
            row.claimed = Some((claim.node.clone(), claim.until));
            (*id, row.failed)
        };
        ClaimedReceivers {
            receivers: times.iter().take(most).map(take).collect(),
            next,
        }
    }

    /// Gives back the receivers of these runs, and says whether there were any.
    pub(super) fn free(&mut self, of: impl Fn(&str) -> bool) -> bool {
        let mut any = false;
        for row in self.receivers.values_mut() {
            any |= row.claimed.take_if(|(by, _)| of(by)).is_some();
        }
        any
    }

    fn of_node(&mut self, receiver: ReceiverId, node: &str) -> Option<&mut ReceiverRow> {
        let row = self.receivers.get_mut(&receiver)?;
        row.claimed.as_ref().is_some_and(|(by, _)| by == node).then_some(row)
    }

    pub(super) fn keep(&mut self, receiver: ReceiverId, node: &str, until: Timestamp) -> bool {
        let row = self.of_node(receiver, node);
        row.map(|row| row.claimed = Some((node.to_owned(), until))).is_some()
    }

    pub(super) fn give_back(&mut self, receiver: ReceiverId, node: &str, failed: u32, due: Option<Timestamp>) {
        if let Some(row) = self.of_node(receiver, node) {
            *row = ReceiverRow {
                claimed: None,
                failed,
                due,
            };
        }
    }

    pub(super) fn due(&self, receiver: ReceiverId, now: Timestamp, most: usize) -> Vec<Feed> {
        let due = |row: &&FeedRow| row.feed.receiver == receiver && row.due <= now;
        let mut rows: Vec<&FeedRow> = self.feeds.values().filter(due).collect();
        rows.sort_by_key(|row| row.due);
        rows.into_iter().take(most).map(|row| row.feed.clone()).collect()
    }

    pub(super) fn settle(&mut self, settled: Vec<Settled>, now: Timestamp) {
        for one in settled {
            if let Some(row) = self.feeds.get_mut(&one.key) {
                row.feed.told = one.told;
                row.feed.tries = one.tries;
                row.due = one.due.unwrap_or(now);
                if one.due.is_none() && row.feed.newest <= one.told {
                    self.feeds.remove(&one.key);
                }
            }
            self.deliveries.extend(one.delivery);
        }
        self.deliveries.sort_by_key(|delivery| delivery.id);
    }

    pub(super) fn deliveries(&self, account: AccountId, filter: &DeliveryFilter) -> Page<Delivery> {
        let wanted = |delivery: &&Delivery| {
            delivery.account == account
                && filter.id.is_none_or(|id| delivery.id == id)
                && filter.subject.is_none_or(|subject| delivery.subject == subject)
                && filter.webhook.is_none_or(|webhook| delivery.webhook == Some(webhook))
                && filter.before.is_none_or(|before| delivery.id < before)
        };
        let mut items: Vec<Delivery> = self
            .deliveries
            .iter()
            .rev()
            .filter(wanted)
            .take(filter.most.saturating_add(1))
            .cloned()
            .collect();
        let more = items.len() > filter.most;
        items.truncate(filter.most);
        Page { items, more }
    }

    pub(super) fn forget(&mut self, before: Timestamp, most: usize) -> usize {
        let first_kept = outdial_domain::DeliveryId::new(before, [0; 10]);
        let old = self
            .deliveries
            .iter()
            .take_while(|delivery| delivery.id < first_kept)
            .count();
        let old = old.min(most);
        self.deliveries.drain(..old);
        old
    }
}
