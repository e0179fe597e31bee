//! The part of the port that messages need.

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use outdial_domain::{AccountId, Message, MessageId};
use outdial_engine::ports::{
    ArrivedText, ClaimedMessages, LeftAlone, MessageBatch, MessageFilter, MessageStore, Page, ReceiptName,
    SavedMessage, StoreError, TrunkReceipt, Wanted, Which,
};

use super::{PostgresStore, arrival, job::Claim, message};

impl MessageStore for PostgresStore {
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
        self.with(|connection| message::interrupted(connection).boxed())
    }

    fn overdue_messages(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.with(move |connection| message::overdue(connection, now, most).boxed())
    }

    fn message(&self, account: AccountId, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>> {
        self.with(move |connection| message::one(connection, account, id).boxed())
    }

    fn messages(&self, account: AccountId, filter: MessageFilter) -> BoxFuture<'_, Result<Page<Message>, StoreError>> {
        self.with(move |connection| async move { message::list(connection, account, &filter).await }.boxed())
    }

    fn take_receipts(
        &self,
        receipts: Vec<TrunkReceipt>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Option<Message>>, StoreError>> {
        self.with(move |connection| async move { arrival::take_receipts(connection, &receipts, now).await }.boxed())
    }

    fn known_receipts(&self, most: usize) -> BoxFuture<'_, Result<Vec<TrunkReceipt>, StoreError>> {
        self.with(move |connection| arrival::known(connection, most).boxed())
    }

    fn forget_receipts(&self, names: Vec<ReceiptName>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| async move { arrival::forget_known(connection, &names).await }.boxed())
    }

    fn keep_part(
        &self,
        trunk: String,
        part: ArrivedText,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<ArrivedText>, StoreError>> {
        self.with(move |connection| async move { arrival::keep_part(connection, &trunk, &part, now).await }.boxed())
    }

    fn forget_arrivals(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(move |connection| arrival::forget(connection, before, most).boxed())
    }

    fn leave_alone(&self, account: AccountId, entries: Vec<LeftAlone>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(move |connection| async move { arrival::leave_alone(connection, account, &entries).await }.boxed())
    }

    fn allow_again(&self, account: AccountId, numbers: Vec<String>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(move |connection| async move { arrival::allow_again(connection, account, &numbers).await }.boxed())
    }

    fn left_alone(&self, account: AccountId, which: Which) -> BoxFuture<'_, Result<Vec<LeftAlone>, StoreError>> {
        self.with(move |connection| arrival::left_alone(connection, account, which).boxed())
    }
}
