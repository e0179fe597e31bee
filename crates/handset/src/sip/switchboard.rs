//! Opens the SIP endpoint that the phones share, and closes it.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::transaction::endpoint::Endpoint;
use rsipstack::transport::TransportLayer;
use rsipstack::transport::udp::UdpConnection;
use tokio::net::UdpSocket;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::challenge::Challenges;
use super::exchange::Exchange;
use super::inspector::Silent;
use crate::journal::Journal;
use crate::script::Script;
use crate::sound::Sounds;

/// How often, and how many times, the closing looks whether the address is free.
const CLOSING_STEP: Duration = Duration::from_millis(2);
const CLOSING_STEPS: u32 = 500;

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
            hang_ups: broadcast::Sender::new(64),
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
