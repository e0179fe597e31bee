//! The part of the port that webhooks need.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use outdial_domain::{AccountId, ReceiverId, Webhook, WebhookId};
use outdial_engine::ports::{
    ClaimedReceivers, Delivery, DeliveryFilter, FanOut, Feed, FirstAnswer, Page, ReceiverClaim, Settled, StoreError,
    WebhookStore,
};
use tokio::sync::watch;

use super::{SqliteStore, delivery, feed, first_answer, receiver, webhook};

impl WebhookStore for SqliteStore {
    fn add_webhook(&self, new: Webhook, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.run(move |connection| {
            first_answer::with(connection, answer.as_ref(), |connection| webhook::add(connection, &new))
        })
    }

    fn change_webhook(&self, changed: Webhook, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.run(move |connection| {
            first_answer::with(connection, answer.as_ref(), |connection| {
                webhook::change(connection, &changed)
            })
        })
    }

    fn remove_webhook(&self, account: AccountId, id: WebhookId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer
            .run(move |connection| webhook::remove(connection, account, id))
    }

    fn webhooks(&self, account: Option<AccountId>) -> BoxFuture<'_, Result<Vec<Webhook>, StoreError>> {
        self.read(move |connection| webhook::list(connection, account))
    }

    fn fan_out(&self, step: FanOut) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.run(move |connection| webhook::fan_out(connection, &step))
    }

    fn claim_receivers(&self, claim: ReceiverClaim) -> BoxFuture<'_, Result<ClaimedReceivers, StoreError>> {
        self.writer.run(move |connection| receiver::claim(connection, &claim))
    }

    fn keep_receiver(
        &self,
        receiver: ReceiverId,
        node: &str,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        let node = node.to_owned();
        self.writer
            .run(move |connection| receiver::keep(connection, receiver, &node, until))
    }

    fn give_receiver_back(
        &self,
        receiver: ReceiverId,
        node: &str,
        failed: u32,
        due: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let node = node.to_owned();
        self.writer
            .run(move |connection| receiver::give_back(connection, receiver, &node, failed, due))
    }

    fn feeds(&self, receiver: ReceiverId, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Feed>, StoreError>> {
        self.read(move |connection| feed::due(connection, receiver, now, most))
    }

    fn add_feeds(&self, feeds: Vec<Feed>, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.run(move |connection| feed::add(connection, &feeds, now))
    }

    fn settle(&self, settled: Vec<Settled>, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer
            .run(move |connection| feed::settle(connection, &settled, now))
    }

    fn deliveries(
        &self,
        account: AccountId,
        filter: DeliveryFilter,
    ) -> BoxFuture<'_, Result<Page<Delivery>, StoreError>> {
        self.read(move |connection| delivery::list(connection, account, &filter))
    }

    fn forget_deliveries(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.writer
            .run(move |connection| delivery::forget(connection, before, most))
    }

    fn notices(&self) -> watch::Receiver<u64> {
        self.notices.clone()
    }
}
