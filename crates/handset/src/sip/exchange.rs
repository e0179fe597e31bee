//! Takes every request that comes in and gives it to whom it belongs: a call, a new call, or nobody.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use rsipstack::dialog::dialog::Dialog;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, StatusCode};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::broadcast;
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
    /// The numbers whose phones are to hang up.
    pub(crate) hang_ups: broadcast::Sender<String>,
    /// Cancelled when every call is to end.
    pub(crate) closing: CancellationToken,
    /// Cancelled when nothing more is to be sent or received.
    pub(super) stopped: CancellationToken,
    pub(super) challenges: Challenges,
    pub(super) silent: Silent,
}

impl Exchange {
    /// Takes requests until everything stops.
    pub(super) async fn take_requests(self: Arc<Self>, mut incoming: TransactionReceiver) {
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
