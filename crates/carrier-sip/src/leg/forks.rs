//! Answers beyond the first: a proxy had several phones ring, and more than one was picked up.

use std::sync::Arc;

use rsipstack::{
    sip::{Response, SipMessage, StatusCodeKind, Uri},
    transaction::{Transaction, transaction::TransactionEvent},
};

use crate::{challenge::Challenges, dialog::Dialog, flow::Flow, start::Shared};

/// The most answers that are hung up on. Far fewer phones ring at once; whoever sends more has made them up.
const MOST: usize = 1000;

/// Keeps the first answer and hangs up on the others (RFC 3261, section 13.2.2.4). The INVITE's
/// transaction, which acknowledges each of them, is kept here for 64 × T1 after the first.
pub(super) struct Forks {
    invite: Box<Transaction>,
    call_id: String,
    /// The tags of those that answered, the kept one first.
    known: Vec<String>,
    flow: Flow,
    contact: Uri,
    challenges: Challenges,
    /// How many answers came that nobody hangs up on.
    left: usize,
}

impl Drop for Forks {
    fn drop(&mut self) {
        let phones = self.known.len().saturating_sub(1);
        if phones > 1 {
            tracing::info!(
                call = self.call_id,
                phones,
                left = self.left,
                "other phones answered, too, and were hung up on"
            );
        }
    }
}

impl Forks {
    pub(super) fn new(
        kept: &Dialog,
        invite: Box<Transaction>,
        flow: Flow,
        contact: Uri,
        challenges: Challenges,
    ) -> Self {
        Self {
            invite,
            call_id: kept.call_id.clone(),
            known: vec![kept.remote_tag.clone()],
            flow,
            contact,
            challenges,
            left: 0,
        }
    }

    /// Waits for something that the transaction has to look at; give it to [`take`](Self::take). May be
    /// interrupted, and needs no room while nothing comes, other than [`Transaction::receive`].
    pub(super) async fn next(&mut self) -> Option<TransactionEvent> {
        self.invite.tu_receiver.recv().await
    }

    /// Has the transaction look at what came, and hangs up on whoever else answered.
    pub(super) async fn take(&mut self, shared: &Arc<Shared>, event: Option<TransactionEvent>) {
        let end = TransactionEvent::Terminate(self.invite.key.clone());
        for event in event.into_iter().chain([end]) {
            // The transaction has the receiver, so this arrives.
            let _ = self.invite.tu_sender.send(event);
        }
        self.listen(shared).await;
    }

    /// Whether no other answer can come any more.
    pub(super) fn is_over(&self) -> bool {
        self.invite.is_terminated()
    }

    /// Goes on looking when the leg is over, until the transaction is. Nearly always nothing comes, so the task is
    /// small while it waits.
    pub(super) fn linger(mut self: Box<Self>, shared: Arc<Shared>) {
        if self.is_over() {
            return;
        }
        tokio::spawn(async move {
            while !self.is_over() {
                let event = self.next().await;
                Box::pin(self.take(&shared, event)).await;
            }
        });
    }

    async fn listen(&mut self, shared: &Arc<Shared>) {
        while let Some(message) = self.invite.receive().await {
            if let Some(other) = self.other(&message) {
                if self.known.len() == 2 {
                    tracing::info!(call = other.call_id, "a second phone answered and is hung up on");
                }
                tokio::spawn(other.bye(Arc::clone(shared)));
            }
        }
    }

    fn other(&mut self, message: &SipMessage) -> Option<Dialog> {
        let SipMessage::Response(response) = message else {
            return None;
        };
        if response.status_code.kind() != StatusCodeKind::Successful {
            return None;
        }
        let other = self.dialog(response)?;
        if self.known.contains(&other.remote_tag) {
            return None;
        }
        if self.known.len() > MOST {
            if self.left == 0 {
                tracing::warn!(
                    call = other.call_id,
                    "more than {MOST} phones answered; no more of them are hung up on"
                );
            }
            self.left += 1;
            return None;
        }
        self.known.push(other.remote_tag.clone());
        Some(other)
    }

    fn dialog(&self, response: &Response) -> Option<Dialog> {
        let (contact, challenges) = (self.contact.clone(), self.challenges.clone());
        Dialog::of_answer(&self.invite.original, response, &self.flow, contact, challenges).ok()
    }
}
