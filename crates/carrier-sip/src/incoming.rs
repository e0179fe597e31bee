//! Requests that come in: those of far sides that we rang go to their leg, strangers are refused.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use futures_util::future::BoxFuture;
use rsipstack::{
    sip::{Header, HeadersExt, Method, SipMessage, StatusCode},
    transaction::{Transaction, TransactionReceiver, endpoint::TransportEventInspector},
    transport::TransportEvent,
};
use tokio::sync::mpsc;

use crate::{headers::to_tag, legs::Legs};

/// What we understand at all.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";

/// Strangers' requests that are looked at per second.
const STRANGERS_PER_SECOND: f64 = 100.0;

/// How many may come at once.
const STRANGERS_AT_ONCE: f64 = 200.0;

/// Drops what strangers send past a rate, before the library makes a transaction of it. Each refusal
/// is remembered for half a minute in case the request is repeated, so this is also what bounds the
/// memory that strangers can take.
pub(crate) struct Gate {
    legs: Arc<Legs>,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl Gate {
    pub(crate) fn new(legs: Arc<Legs>) -> Self {
        Self {
            legs,
            bucket: Mutex::new(Bucket {
                left: STRANGERS_AT_ONCE,
                at: Instant::now(),
            }),
        }
    }

    fn lets_in(&self, event: &TransportEvent) -> bool {
        let TransportEvent::Incoming(SipMessage::Request(request), ..) = event else {
            // Responses that belong to no request of ours are dropped by the library.
            return true;
        };
        let known = request
            .call_id_header()
            .is_ok_and(|id| self.legs.line(id.value()).is_some());
        known
            || self
                .bucket
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(Instant::now())
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * STRANGERS_PER_SECOND;
        self.left = (self.left + gained).min(STRANGERS_AT_ONCE);
        self.at = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

impl TransportEventInspector for Gate {
    fn handle<'me, 'future>(&'me self, event: TransportEvent) -> BoxFuture<'future, Option<TransportEvent>>
    where
        'me: 'future,
        Self: 'future,
    {
        Box::pin(std::future::ready(self.lets_in(&event).then_some(event)))
    }
}

/// Hands requests out until the endpoint stops.
pub(crate) async fn serve(mut incoming: TransactionReceiver, legs: Arc<Legs>) {
    while let Some(transaction) = incoming.recv().await {
        let line = transaction
            .original
            .call_id_header()
            .ok()
            .and_then(|id| legs.line(id.value()))
            .filter(|_| has_to_tag(&transaction));
        match line {
            Some(line) => match line.requests.try_send(Box::new(transaction)) {
                Ok(()) => {}
                // The far side floods its own leg. It repeats what it means.
                Err(mpsc::error::TrySendError::Full(_)) => {}
                Err(mpsc::error::TrySendError::Closed(transaction)) => refuse(*transaction).await,
            },
            None => refuse(transaction).await,
        }
    }
}

fn has_to_tag(transaction: &Transaction) -> bool {
    to_tag(&transaction.original).is_some()
}

/// Answers a request that belongs to no leg. After that the library repeats the answer by itself.
async fn refuse(mut transaction: Transaction) {
    let allow = || vec![Header::Allow(ALLOW.into())];
    let in_dialog = has_to_tag(&transaction);
    let (status, headers) = match transaction.original.method {
        Method::Ack => return,
        Method::Options if !in_dialog => (StatusCode::OK, capabilities()),
        Method::Invite if !in_dialog => (StatusCode::Forbidden, Vec::new()),
        Method::Register | Method::Subscribe | Method::Publish | Method::Message | Method::Refer if !in_dialog => {
            (StatusCode::MethodNotAllowed, allow())
        }
        _ => (StatusCode::CallTransactionDoesNotExist, Vec::new()),
    };
    if let Err(error) = transaction.reply_with(status, headers, None).await {
        tracing::debug!(%error, "a stranger's request could not be answered");
    }
}

/// What an OPTIONS request wants to know (RFC 3261, section 11.2).
pub(crate) fn capabilities() -> Vec<Header> {
    vec![
        Header::Allow(ALLOW.into()),
        Header::Accept("application/sdp, application/dtmf-relay, application/dtmf".into()),
        Header::AcceptEncoding("identity".into()),
        Header::AcceptLanguage("en".into()),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_bucket_gives_what_it_holds_and_fills_again() {
        let now = Instant::now();
        let mut bucket = Bucket {
            left: STRANGERS_AT_ONCE,
            at: now,
        };
        let at_once = (0..1000).filter(|_| bucket.take(now)).count();
        assert_eq!(at_once, 200);
        let later = now + Duration::from_millis(100);
        assert_eq!((0..1000).filter(|_| bucket.take(later)).count(), 10);
    }
}
