//! The part of the port that messages need.

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use outdial_domain::{AccountId, Message, MessageId};
use outdial_engine::ports::{
    ArrivedText, ClaimedMessages, LeftAlone, MessageBatch, MessageFilter, MessageStore, Page, ReceiptName,
    SavedMessage, StoreError, TrunkReceipt, Wanted, Which,
};

use super::{SqliteStore, arrival, job::Claim, message};

impl MessageStore for SqliteStore {
    fn commit_messages(&self, batch: MessageBatch) -> BoxFuture<'static, Result<Vec<SavedMessage>, StoreError>> {
        self.writer.commit_messages(batch)
    }

    fn claim_messages(
        &self,
        by: Timestamp,
        run: &str,
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<ClaimedMessages, StoreError>> {
        let run = run.to_owned();
        let claim = Claim { by, run, wanted };
        // Only when it is polled, so that a claim that nobody waits for takes nothing.
        async move { self.writer.claim_messages(claim).await }.boxed()
    }

    fn interrupted_messages(&self) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.read(message::interrupted)
    }

    fn overdue_messages(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.read(move |connection| message::overdue(connection, now, most))
    }

    fn message(&self, account: AccountId, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>> {
        self.read(move |connection| message::one(connection, account, id))
    }

    fn messages(&self, account: AccountId, filter: MessageFilter) -> BoxFuture<'_, Result<Page<Message>, StoreError>> {
        self.read(move |connection| message::list(connection, account, &filter))
    }

    /// Nearly all receipts are for messages that are known, so they are looked for beside the writer first.
    fn take_receipts(
        &self,
        receipts: Vec<TrunkReceipt>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Option<Message>>, StoreError>> {
        async move {
            let looked_for = receipts.clone();
            let mut messages = self
                .read(move |connection| arrival::owners(connection, &looked_for))
                .await?;
            let unknown = messages.iter().zip(&receipts);
            let unknown: Vec<TrunkReceipt> = unknown
                .filter(|(message, _)| message.is_none())
                .map(|(_, receipt)| receipt.clone())
                .collect();
            if unknown.is_empty() {
                return Ok(messages);
            }
            let found = self
                .writer
                .run(move |connection| arrival::owners_or_keep(connection, &unknown, now));
            let mut found = found.await?.into_iter();
            for message in messages.iter_mut().filter(|message| message.is_none()) {
                *message = found.next().flatten();
            }
            Ok(messages)
        }
        .boxed()
    }

    fn known_receipts(&self, most: usize) -> BoxFuture<'_, Result<Vec<TrunkReceipt>, StoreError>> {
        self.read(move |connection| arrival::known(connection, most))
    }

    fn forget_receipts(&self, names: Vec<ReceiptName>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer
            .run(move |connection| arrival::forget_known(connection, &names))
    }

    fn keep_part(
        &self,
        trunk: String,
        part: ArrivedText,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<ArrivedText>, StoreError>> {
        self.writer
            .run(move |connection| arrival::keep_part(connection, &trunk, &part, now))
    }

    fn forget_arrivals(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.writer
            .run(move |connection| arrival::forget(connection, before, most))
    }

    fn leave_alone(&self, account: AccountId, entries: Vec<LeftAlone>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.writer
            .run(move |connection| arrival::leave_alone(connection, account, &entries))
    }

    fn allow_again(&self, account: AccountId, numbers: Vec<String>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.writer
            .run(move |connection| arrival::allow_again(connection, account, &numbers))
    }

    fn left_alone(&self, account: AccountId, which: Which) -> BoxFuture<'_, Result<Vec<LeftAlone>, StoreError>> {
        self.read(move |connection| arrival::left_alone(connection, account, &which))
    }
}
