//! Takes every request that comes in and gives it to whom it belongs: a call, a new call, or nobody.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rsipstack::dialog::dialog::Dialog;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, StatusCode};
use rsipstack::transaction::endpoint::Endpoint;
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transaction::{EndpointBuilder, TransactionReceiver};
use rsipstack::transport::TransportLayer;
use rsipstack::transport::udp::UdpConnection;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::challenge::{Challenges, Verdict};
use super::inspector::Silent;
use super::{call_id, caller, number};
use crate::call::{Call, Reporter};
use crate::clock;
use crate::event::EventKind;
use crate::journal::Journal;
use crate::script::{Phone, Script, Then};
use crate::sound::Sounds;

/// How often, and how many times, the closing looks whether the address is free.
const CLOSING_STEP: Duration = Duration::from_millis(2);
const CLOSING_STEPS: u32 = 500;

const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";

/// What all calls share.
pub(crate) struct Exchange {
    pub(crate) script: Script,
    pub(crate) sounds: Sounds,
    pub(crate) recordings: Option<PathBuf>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) dialogs: DialogLayer,
    /// Where calls without RTP say they have it: bound, and never read.
    pub(crate) sink: std::net::UdpSocket,
    pub(crate) address: SocketAddr,
    pub(crate) calls: TaskTracker,
    /// Cancelled when every call is to end.
    pub(crate) closing: CancellationToken,
    /// Cancelled when nothing more is to be sent or received.
    stopped: CancellationToken,
    challenges: Challenges,
    silent: Silent,
}

/// A running SIP endpoint, and the way to stop it.
///
/// Dropped, it stops at once, without a word to anybody.
pub(crate) struct Switchboard {
    pub(crate) exchange: Arc<Exchange>,
    endpoint: Endpoint,
    socket: Weak<UdpSocket>,
}

/// What the exchange is made from.
pub(crate) struct Setup {
    pub(crate) script: Script,
    pub(crate) sounds: Sounds,
    pub(crate) recordings: Option<PathBuf>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) socket: std::net::UdpSocket,
    pub(crate) sink: std::net::UdpSocket,
}

impl Switchboard {
    /// Begins to take calls on the socket.
    pub(crate) async fn open(setup: Setup) -> Result<Self, rsipstack::Error> {
        let stopped = CancellationToken::new();
        setup.socket.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from_std(setup.socket)?);
        let address = socket.local_addr()?;
        let still_open = Arc::downgrade(&socket);
        let connection = UdpConnection::from_socket(socket, None, Some(stopped.child_token())).await?;
        let transport = TransportLayer::new(stopped.clone());
        transport.add_transport(connection.into());
        let silent = Silent::default();
        let endpoint = EndpointBuilder::new()
            .with_user_agent("outdial-handset")
            .with_cancel_token(stopped.clone())
            .with_transport_layer(transport)
            .with_transport_inspector(Box::new(silent.clone()))
            .build();
        let incoming = endpoint.incoming_transactions()?;
        let exchange = Arc::new(Exchange {
            script: setup.script,
            sounds: setup.sounds,
            recordings: setup.recordings,
            journal: setup.journal,
            dialogs: DialogLayer::new(endpoint.inner.clone()),
            sink: setup.sink,
            address,
            calls: TaskTracker::new(),
            closing: CancellationToken::new(),
            stopped,
            challenges: Challenges::default(),
            silent,
        });
        let inner = endpoint.inner.clone();
        tokio::spawn(async move { inner.serve().await });
        tokio::spawn(exchange.clone().take_requests(incoming));
        Ok(Self {
            exchange,
            endpoint,
            socket: still_open,
        })
    }

    /// Stops and waits until the address is free.
    pub(crate) async fn close(self) {
        let socket = self.socket.clone();
        drop(self);
        // The library's tasks let go of the socket one by one, and tell nobody.
        for _ in 0..CLOSING_STEPS {
            if socket.strong_count() == 0 {
                return;
            }
            tokio::time::sleep(CLOSING_STEP).await;
        }
        tracing::warn!("the address of the handsets is not free yet");
    }
}

impl Drop for Switchboard {
    fn drop(&mut self) {
        self.exchange.closing.cancel();
        self.endpoint.shutdown();
        self.exchange.stopped.cancel();
    }
}

impl Exchange {
    async fn take_requests(self: Arc<Self>, mut incoming: TransactionReceiver) {
        while let Some(Some(transaction)) = self.stopped.run_until_cancelled(incoming.recv()).await {
            self.take(transaction);
        }
    }

    /// Lets a transaction run its course in a task of its own, until everything stops.
    pub(crate) fn drive<T>(&self, course: impl Future<Output = T> + Send + 'static) {
        let stopped = self.stopped.clone();
        tokio::spawn(async move {
            stopped.run_until_cancelled(course).await;
        });
    }

    fn take(self: &Arc<Self>, mut transaction: Transaction) {
        let in_dialog = transaction
            .original
            .to_header()
            .is_ok_and(|to| to.tag().is_ok_and(|tag| tag.is_some()));
        match transaction.original.method {
            _ if in_dialog => match self.dialogs.match_dialog(&transaction) {
                Some(Dialog::Invite(mut dialog)) => {
                    self.drive(async move { dialog.handle(&mut transaction).await });
                }
                _ => self.reply(transaction, StatusCode::CallTransactionDoesNotExist, Vec::new()),
            },
            Method::Invite => self.invite(transaction),
            Method::Options => self.reply(transaction, StatusCode::OK, vec![Header::Allow(ALLOW.into())]),
            Method::Ack => {}
            _ => self.reply(
                transaction,
                StatusCode::MethodNotAllowed,
                vec![Header::Allow(ALLOW.into())],
            ),
        }
    }

    fn invite(self: &Arc<Self>, transaction: Transaction) {
        let request = &transaction.original;
        let (number, call_id) = (number(request), call_id(request));
        let Some(phone) = self.script.find(&number) else {
            tracing::info!(number, "no phone has this number");
            return self.reply(transaction, StatusCode::NotFound, Vec::new());
        };
        if let Some(challenge) = &phone.challenge
            && let Verdict::Reply(status, header) = self.challenges.judge(challenge, request)
        {
            self.journal.tell(&number, &call_id, 0, EventKind::Challenged);
            return self.reply(transaction, status, header.into_iter().collect());
        }
        if self.closing.is_cancelled() {
            return self.reply(transaction, StatusCode::TemporarilyUnavailable, Vec::new());
        }
        let invited_at = clock::now();
        let from = caller(request);
        let ring = self.journal.ring(&number, &call_id, &from);
        let reporter = Reporter::new(self.journal.clone(), number, call_id, from, ring);
        self.connect(transaction, phone, reporter, invited_at);
    }

    fn connect(
        self: &Arc<Self>,
        transaction: Transaction,
        phone: &Phone,
        reporter: Reporter,
        invited_at: jiff::Timestamp,
    ) {
        let behaviour = phone.behaviour_on(reporter.ring()).clone();
        if behaviour.then == Then::Silent {
            self.silent.add(reporter.call_id());
        }
        let (states, inbox) = self.dialogs.new_dialog_state_channel();
        let contact = self.contact(&transaction);
        let dialog = match self
            .dialogs
            .get_or_create_server_invite(&transaction, states, None, contact)
        {
            Ok(dialog) => dialog,
            Err(error) => {
                tracing::warn!(%error, "an INVITE that cannot be taken");
                return self.reply(transaction, StatusCode::BadRequest, Vec::new());
            }
        };
        let call = Call::new(self.clone(), phone, behaviour, reporter, dialog, inbox, invited_at);
        self.calls.spawn(Box::pin(call.run(transaction)));
    }

    /// Replies, and stays until the reply has been acknowledged where that is due.
    fn reply(&self, mut transaction: Transaction, status: StatusCode, headers: Vec<Header>) {
        self.drive(async move {
            if let Err(error) = transaction.reply_with(status, headers, None).await {
                tracing::debug!(%error, "a reply could not be sent");
            } else if transaction.original.method == Method::Invite {
                while transaction.receive().await.is_some() {}
            }
        });
    }

    /// How the far side may reach the phone in this dialog.
    fn contact(&self, transaction: &Transaction) -> Option<rsipstack::sip::Uri> {
        let request = &transaction.original;
        let address = SocketAddr::new(self.local_address(transaction), self.address.port());
        let user = request.uri.user().map(|user| format!("{user}@")).unwrap_or_default();
        rsipstack::sip::Uri::try_from(format!("sip:{user}{address}")).ok()
    }

    /// Our address as the far side sees it: the one listened on, or, where that is every address, the one on the way to it.
    pub(crate) fn local_address(&self, transaction: &Transaction) -> IpAddr {
        if !self.address.ip().is_unspecified() {
            return self.address.ip();
        }
        let remote = transaction
            .connection
            .as_ref()
            .and_then(|connection| connection.get_remote_addr());
        let remote = remote.and_then(|remote| remote.get_socketaddr().ok());
        remote
            .and_then(|remote| towards(self.address.ip(), remote))
            .unwrap_or(self.address.ip())
    }
}

fn towards(unspecified: IpAddr, remote: SocketAddr) -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((unspecified, 0)).ok()?;
    socket.connect(remote).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
