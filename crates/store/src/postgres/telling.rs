//! The part of the port that webhooks need.

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use outdial_domain::{AccountId, ReceiverId, Webhook, WebhookId};
use outdial_engine::ports::{
    ClaimedReceivers, Delivery, DeliveryFilter, FanOut, Feed, FirstAnswer, Page, ReceiverClaim, Settled, StoreError,
    WebhookStore,
};
use tokio::sync::watch;

use super::{PostgresStore, delivery, feed, first_answer, receiver, webhook};

impl WebhookStore for PostgresStore {
    fn add_webhook(&self, new: Webhook, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| {
            first_answer::with(connection, answer, move |connection| {
                async move { webhook::add(connection, &new).await }.boxed()
            })
            .boxed()
        })
    }

    fn change_webhook(&self, changed: Webhook, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| {
            first_answer::with(connection, answer, move |connection| {
                async move { webhook::change(connection, &changed).await }.boxed()
            })
            .boxed()
        })
    }

    fn remove_webhook(&self, account: AccountId, id: WebhookId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(move |connection| webhook::remove(connection, account, id).boxed())
    }

    fn webhooks(&self, account: Option<AccountId>) -> BoxFuture<'_, Result<Vec<Webhook>, StoreError>> {
        self.with(move |connection| webhook::list(connection, account).boxed())
    }

    fn fan_out(&self, step: FanOut) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(move |connection| async move { webhook::fan_out(connection, &step).await }.boxed())
    }

    fn claim_receivers(&self, claim: ReceiverClaim) -> BoxFuture<'_, Result<ClaimedReceivers, StoreError>> {
        self.with(move |connection| async move { receiver::claim(connection, &claim).await }.boxed())
    }

    fn keep_receiver(
        &self,
        receiver: ReceiverId,
        node: &str,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        let node = node.to_owned();
        self.with(move |connection| async move { receiver::keep(connection, receiver, &node, until).await }.boxed())
    }

    fn give_receiver_back(
        &self,
        receiver: ReceiverId,
        node: &str,
        failed: u32,
        due: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let node = node.to_owned();
        self.with(move |connection| {
            async move { receiver::give_back(connection, receiver, &node, failed, due).await }.boxed()
        })
    }

    fn feeds(&self, receiver: ReceiverId, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Feed>, StoreError>> {
        self.with(move |connection| feed::due(connection, receiver, now, most).boxed())
    }

    fn add_feeds(&self, feeds: Vec<Feed>, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| async move { feed::add(connection, &feeds, now).await }.boxed())
    }

    fn settle(&self, settled: Vec<Settled>, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| feed::settle(connection, settled, now).boxed())
    }

    fn deliveries(
        &self,
        account: AccountId,
        filter: DeliveryFilter,
    ) -> BoxFuture<'_, Result<Page<Delivery>, StoreError>> {
        self.with(move |connection| async move { delivery::list(connection, account, &filter).await }.boxed())
    }

    fn forget_deliveries(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(move |connection| delivery::forget(connection, before, most).boxed())
    }

    fn notices(&self) -> watch::Receiver<u64> {
        self.notices.clone()
    }
}
