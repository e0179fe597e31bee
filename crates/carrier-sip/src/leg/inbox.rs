//! What a client transaction hears.

use rsipstack::{
    sip::SipMessage,
    transaction::{
        Transaction,
        key::TransactionKey,
        transaction::{TransactionEvent, TransactionEventSender},
    },
};
use tokio_util::sync::ReusableBoxFuture;

type Heard = (Box<Transaction>, Option<SipMessage>);

/// Waits for messages of a transaction in a way that may be interrupted.
///
/// The transaction acknowledges a final response while it waits, and must not be stopped in the
/// middle of that. So it is kept inside the wait, which outlives whoever looks at it.
pub(super) struct Inbox {
    wait: ReusableBoxFuture<'static, Heard>,
    poke: TransactionEventSender,
    key: TransactionKey,
    poked: bool,
}

impl Inbox {
    pub(super) fn new(transaction: Box<Transaction>) -> Self {
        Self {
            poke: transaction.tu_sender.clone(),
            key: transaction.key.clone(),
            poked: false,
            wait: ReusableBoxFuture::new(receive(transaction)),
        }
    }

    /// The transaction with what it heard; nothing if it is over, or was poked. It has to be put
    /// back before the next wait.
    pub(super) async fn next(&mut self) -> Heard {
        self.wait.get_pin().await
    }

    /// Puts the transaction back, or another in its place.
    pub(super) fn put(&mut self, transaction: Box<Transaction>) {
        if transaction.key != self.key {
            self.key = transaction.key.clone();
            self.poke = transaction.tu_sender.clone();
        }
        self.wait.set(receive(transaction));
    }

    /// Where the transaction is told what to do while it waits.
    pub(super) fn sender(&self) -> &TransactionEventSender {
        &self.poke
    }

    /// Makes the wait give the transaction back, after everything that it heard before.
    pub(super) fn poke(&mut self) {
        self.poked = self.poke.send(TransactionEvent::Terminate(self.key.clone())).is_ok();
    }

    /// Whether the transaction came back because of the poke.
    pub(super) fn was_poked(&mut self) -> bool {
        std::mem::take(&mut self.poked)
    }
}

async fn receive(mut transaction: Box<Transaction>) -> Heard {
    let message = transaction.receive().await;
    (transaction, message)
}
