//! The part of the port that webhooks need.

use futures_util::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use outdial_domain::{AccountId, ReceiverId, Webhook, WebhookId};
use outdial_engine::ports::{
    ClaimedReceivers, Delivery, DeliveryFilter, FanOut, Feed, FirstAnswer, Page, ReceiverClaim, Settled, StoreError,
    WebhookStore,
};
use tokio::sync::watch;

use super::MemoryStore;

impl WebhookStore for MemoryStore {
    fn add_webhook(&self, webhook: Webhook, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            rows.with_answer(answer, |rows| {
                rows.feeds.webhooks.insert((webhook.account, webhook.id), webhook);
                Ok(())
            })
        })
    }

    fn change_webhook(&self, webhook: Webhook, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| rows.with_answer(answer, |rows| rows.feeds.change_webhook(webhook)))
    }

    fn remove_webhook(&self, account: AccountId, id: WebhookId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| Ok(rows.feeds.remove_webhook(account, id)))
    }

    fn webhooks(&self, account: Option<AccountId>) -> BoxFuture<'_, Result<Vec<Webhook>, StoreError>> {
        self.with(|rows| {
            let webhooks = rows.feeds.webhooks.values();
            let wanted = |webhook: &&Webhook| account.is_none_or(|account| webhook.account == account);
            Ok(webhooks.filter(wanted).cloned().collect())
        })
    }

    fn fan_out(&self, step: FanOut) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| Ok(rows.feeds.fan_out(step)))
    }

    fn claim_receivers(&self, claim: ReceiverClaim) -> BoxFuture<'_, Result<ClaimedReceivers, StoreError>> {
        // Only when it is polled, so that a claim that nobody waits for takes nothing.
        async move { self.with(|rows| Ok(rows.feeds.claim(&claim))).await }.boxed()
    }

    fn keep_receiver(
        &self,
        receiver: ReceiverId,
        node: &str,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| Ok(rows.feeds.keep(receiver, node, until)))
    }

    fn give_receiver_back(
        &self,
        receiver: ReceiverId,
        node: &str,
        failed: u32,
        due: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            rows.feeds.give_back(receiver, node, failed, due);
            Ok(())
        })
    }

    fn feeds(&self, receiver: ReceiverId, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Feed>, StoreError>> {
        self.with(|rows| Ok(rows.feeds.due(receiver, now, most)))
    }

    fn add_feeds(&self, feeds: Vec<Feed>, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            feeds.iter().for_each(|feed| rows.feeds.wake(feed, now));
            Ok(())
        })
    }

    fn settle(&self, settled: Vec<Settled>, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            rows.feeds.settle(settled, now);
            Ok(())
        })
    }

    fn deliveries(
        &self,
        account: AccountId,
        filter: DeliveryFilter,
    ) -> BoxFuture<'_, Result<Page<Delivery>, StoreError>> {
        self.with(|rows| Ok(rows.feeds.deliveries(account, &filter)))
    }

    fn forget_deliveries(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(|rows| Ok(rows.feeds.forget(before, most)))
    }

    fn notices(&self) -> watch::Receiver<u64> {
        self.notices.subscribe()
    }
}
