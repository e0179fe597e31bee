//! Answers beyond the first: a proxy had several phones ring, and more than one was picked up.

use std::sync::Arc;

use rsipstack::{
    sip::{Request, Response, SipMessage, StatusCodeKind, Uri},
    transaction::Transaction,
};

use crate::{challenge::Challenges, dialog::Dialog, flow::Flow, start::Shared};

/// The most answers that are hung up on; a proxy has fewer phones.
const MOST: usize = 16;

/// Keeps the first answer and hangs up on the others (RFC 3261, section 13.2.2.4). The transaction
/// has acknowledged each of them.
pub(super) struct Forks {
    known: Vec<String>,
    flow: Flow,
    contact: Uri,
    challenges: Challenges,
}

impl Forks {
    pub(super) fn new(kept: &Dialog, flow: Flow, contact: Uri, challenges: Challenges) -> Self {
        Self {
            known: vec![kept.remote_tag.clone()],
            flow,
            contact,
            challenges,
        }
    }

    /// Looks at what the INVITE's transaction heard after the first answer.
    pub(super) fn heard(&mut self, shared: &Arc<Shared>, invite: &Request, message: &SipMessage) {
        let SipMessage::Response(response) = message else {
            return;
        };
        if let Some(other) = self.other(invite, response) {
            tracing::info!(call = other.call_id, "a second phone answered and is hung up on");
            tokio::spawn(other.bye(Arc::clone(shared)));
        }
    }

    fn other(&mut self, invite: &Request, response: &Response) -> Option<Dialog> {
        if response.status_code.kind() != StatusCodeKind::Successful || self.known.len() > MOST {
            return None;
        }
        let challenges = self.challenges.clone();
        let other = Dialog::of_answer(invite, response, &self.flow, self.contact.clone(), challenges).ok()?;
        if self.known.contains(&other.remote_tag) {
            return None;
        }
        self.known.push(other.remote_tag.clone());
        Some(other)
    }

    /// Goes on looking when the leg is over, until the transaction is: 64 × T1 after the first answer.
    pub(super) fn linger(mut self, shared: Arc<Shared>, mut transaction: Box<Transaction>) {
        if transaction.is_terminated() {
            return;
        }
        tokio::spawn(async move {
            while let Some(message) = transaction.receive().await {
                self.heard(&shared, &transaction.original, &message);
            }
        });
    }
}
