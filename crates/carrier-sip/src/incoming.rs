//! Requests that come in: those of far sides that we rang go to their leg, strangers are refused.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use futures_util::future::BoxFuture;
use rsipstack::{
    sip::{Header, HeadersExt, Method, Request, SipMessage, StatusCode, StatusCodeKind, Transport},
    transaction::{Transaction, TransactionReceiver, endpoint::TransportEventInspector},
    transport::TransportEvent,
};
use tokio::sync::mpsc;

use crate::{
    bucket::Bucket,
    edge,
    guard::Shown,
    headers::to_tag,
    leg,
    legs::{Legs, Line},
    listen::Pulse,
    sources::Sources,
    start::Shared,
};

/// What we understand at all.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY";

/// Strangers' requests that are looked at per second.
const STRANGERS_PER_SECOND: f64 = 100.0;

/// Drops what strangers send past a rate, before the library makes a transaction of it. Each refusal
/// is remembered for half a minute in case the request is repeated, so this is also what bounds the
/// memory that strangers can take.
pub(crate) struct Gate {
    legs: Arc<Legs>,
    sources: Arc<Sources>,
    strangers: Mutex<Bucket>,
    pulse: Arc<Pulse>,
}

impl Gate {
    pub(crate) fn new(legs: Arc<Legs>, sources: Arc<Sources>, pulse: Arc<Pulse>) -> Self {
        Self {
            legs,
            sources,
            strangers: Mutex::new(Bucket::new(STRANGERS_PER_SECOND, Instant::now())),
            pulse,
        }
    }

    fn lets_in(&self, event: &TransportEvent) -> bool {
        let TransportEvent::Incoming(message, connection, from) = event else {
            return true;
        };
        if connection.transport() != Transport::Udp
            && let Ok(far) = from.get_socketaddr()
        {
            self.pulse.beats(far);
        }
        let line = message.call_id_header().ok().and_then(|id| self.legs.line(id.value()));
        let now = Instant::now();
        let (request, fits) = match (message, &line) {
            // What ends something is never too much. Responses that belong to no request of ours are
            // dropped by the library.
            (SipMessage::Response(response), Some(line))
                if response.status_code.kind() == StatusCodeKind::Provisional =>
            {
                return line.may_ring(now);
            }
            // A status that is none must not end an INVITE whose phone may be ringing (RFC 3261, 7.2).
            (SipMessage::Response(response), _) => return (100..700).contains(&response.status_code.code()),
            (SipMessage::Request(request), Some(line)) => {
                return matches!(request.method, Method::Ack | Method::Bye | Method::Cancel) || line.may_ask(now);
            }
            (SipMessage::Request(request), None) => {
                let trunk = from.get_socketaddr().ok().and_then(|from| self.sources.trunk(from));
                let bucket = trunk.as_ref().map_or(&self.strangers, |trunk| &trunk.asking);
                let fits = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now);
                (request, fits)
            }
        };
        if !fits {
            tracing::debug!(%from, method = %request.method, "a request is dropped, because too many come");
        }
        fits
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
pub(crate) async fn serve(mut incoming: TransactionReceiver, shared: Arc<Shared>) {
    loop {
        let transaction = tokio::select! {
            transaction = incoming.recv() => transaction,
            () = shared.stop.cancelled() => return,
        };
        let Some(transaction) = transaction else {
            return;
        };
        let Some(transaction) = kept_to_rules(transaction).await else {
            continue;
        };
        let line = transaction
            .original
            .call_id_header()
            .ok()
            .and_then(|id| shared.legs.line(id.value()));
        match line {
            Some(line) if has_to_tag(&transaction) && is_of_leg(&shared, &line, &transaction) => {
                match line.requests.try_send(Box::new(transaction)) {
                    Ok(()) => {}
                    // The far side floods its own leg. It repeats what it means.
                    Err(mpsc::error::TrySendError::Full(_)) => {}
                    Err(mpsc::error::TrySendError::Closed(transaction)) => refuse(*transaction).await,
                }
            }
            None if transaction.original.method == Method::Invite && !has_to_tag(&transaction) => {
                called(&shared, transaction).await;
            }
            _ => refuse(transaction).await,
        }
    }
}

/// The request, if it keeps to the rules. Over UDP one that does not has been refused before.
async fn kept_to_rules(mut transaction: Transaction) -> Option<Transaction> {
    let is_stream = transaction
        .connection
        .as_ref()
        .is_some_and(|connection| connection.transport() != Transport::Udp);
    if !is_stream {
        return Some(transaction);
    }
    let Some(broken) = edge::broken(&transaction.original) else {
        return Some(transaction);
    };
    if transaction.original.method != Method::Ack {
        let headers = broken
            .header()
            .map(|(name, value)| Header::Other(name.into(), value.into()));
        let refused = transaction.reply_with(broken.code().into(), headers.into_iter().collect(), None);
        if let Err(error) = refused.await {
            tracing::debug!(%error, "a request that breaks a rule could not be refused");
        }
    }
    None
}

/// Whether a request comes from where messages of its leg have gone to, or from a trunk. Whoever learns
/// the tags of a call elsewhere does not end it.
fn is_of_leg(shared: &Shared, line: &Line, transaction: &Transaction) -> bool {
    let Some(from) = source(transaction) else {
        return false;
    };
    line.knows(from.ip()) || shared.sources.knows(from.ip())
}

/// Where a request came from.
fn source(transaction: &Transaction) -> Option<SocketAddr> {
    let connection = transaction.connection.as_ref()?;
    connection.get_remote_addr()?.get_socketaddr().ok()
}

/// Somebody calls: a trunk, or whoever can show that they are one.
async fn called(shared: &Arc<Shared>, mut transaction: Transaction) {
    let from = source(&transaction);
    let uri = &transaction.original.uri;
    let known = shared
        .trunks
        .values()
        .find(|trunk| trunk.settings.incoming && trunk.is_registered_as(uri))
        .cloned()
        .or_else(|| shared.sources.trunk(from?));
    let shown = match known {
        Some(trunk) => Shown::Trunk(trunk),
        None => shared.guard.look_at(&transaction.original, &shared.sources),
    };
    match shown {
        Shown::Trunk(trunk) => {
            let transaction = Box::new(transaction);
            tokio::spawn(leg::take(Arc::clone(shared), transaction, trunk));
        }
        Shown::Ask(challenges) => {
            if let Err(error) = transaction.reply_with(StatusCode::Unauthorized, challenges, None).await {
                tracing::debug!(%error, "a caller could not be asked who it is");
            }
        }
        Shown::Nothing => {
            if let Some(from) = from {
                tell(shared, from, &transaction.original);
            }
            refuse(transaction).await;
        }
    }
}

/// Says in the log that a caller is refused who is no trunk, and only how many more are when they come one after the
/// other: whoever runs the trunk must find out, and whoever guesses passwords must be seen.
fn tell(shared: &Shared, from: SocketAddr, request: &Request) {
    let shows = request
        .headers
        .iter()
        .any(|header| matches!(header, Header::Authorization(_)));
    let reason = if shows {
        "a wrong user name or password: see `incoming_username` and `incoming_password` of the trunk"
    } else {
        "it calls from the address of no trunk: name that address in `accept_from` of a trunk, or set its `incoming_password`"
    };
    let from = from.ip();
    let more = move |calls| tracing::warn!(%from, reason, calls, "more callers are refused");
    if shared.refusals.is_first(&format!("{from} {shows}"), more) {
        tracing::warn!(%from, reason, "a caller is refused");
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
