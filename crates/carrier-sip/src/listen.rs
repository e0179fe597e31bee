//! Connections that come in: accepted while there is room, and handed to the library.

mod pulse;

use std::{
    io,
    net::{Shutdown, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rsipstack::{
    sip::Transport,
    transaction::endpoint::EndpointInnerRef,
    transport::{SipAddr, SipConnection, tcp::TcpConnection, tls::TlsConnection},
};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::sources::Sources;

pub(crate) use self::pulse::Pulse;

/// Connections that may have come in at the same time. Each holds two buffers of 64 KiB.
const MOST: usize = 512;

/// How long a far side may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long strangers may keep a connection on which nothing more is said.
const QUIET: Duration = Duration::from_secs(3600);

/// What connections that come in are held against.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) endpoint: EndpointInnerRef,
    pub(crate) sources: Arc<Sources>,
    pub(crate) pulse: Arc<Pulse>,
    /// How long the first message may take to come as a whole.
    pub(crate) patience: Duration,
    pub(crate) stop: CancellationToken,
}

impl House {
    /// Waits until a connection is over, or has no right to go on.
    async fn keep(&self, far: SocketAddr, token: &CancellationToken) {
        let is_over = tokio::time::timeout(self.patience, token.cancelled()).await.is_ok();
        if is_over {
            return;
        }
        // Trunks may be as quiet as they like.
        if self.sources.knows(far.ip()) {
            return token.cancelled().await;
        }
        while let Some(last) = self.pulse.last(far) {
            if last.elapsed() >= QUIET {
                break;
            }
            if tokio::time::timeout_at(last + QUIET, token.cancelled()).await.is_ok() {
                return;
            }
        }
        tracing::debug!(%far, "a connection is closed, because no whole message comes");
    }
}

/// Where connections are taken.
pub(crate) struct Listener {
    listener: TcpListener,
    local: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
}

impl Listener {
    /// Opens a port for TCP, or for TLS where there is a certificate to show.
    pub(crate) fn bind(bind: SocketAddr, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(bind),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_address(true)?;
        socket.bind(&bind.into())?;
        socket.listen(128)?;
        let listener = TcpListener::from_std(socket.into())?;
        Ok(Self {
            local: listener.local_addr()?,
            listener,
            tls,
        })
    }

    /// Where it listens.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes connections until it is told to stop.
    pub(crate) async fn serve(self, house: House) {
        let room = Arc::new(Semaphore::new(MOST));
        let acceptor = self.tls.map(TlsAcceptor::from);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = house.stop.cancelled() => return,
            };
            let Ok((stream, far)) = accepted else {
                // Too many open files, for one. The next attempt waits for somebody to close one.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                tracing::debug!(%far, "a connection is refused, because too many are open");
                continue;
            };
            let (house, token) = (house.clone(), house.stop.child_token());
            let (acceptor, local) = (acceptor.clone(), self.local);
            // The library keeps the connection, and closes no more than our half of it.
            let handle = socket2::SockRef::from(&stream).try_clone();
            tokio::spawn(async move {
                let taken = take(stream, local, far, acceptor, &token);
                match tokio::time::timeout(HANDSHAKE, taken).await {
                    Ok(Ok(connection)) => {
                        house.pulse.begins(far);
                        house.endpoint.transport_layer.add_connection(connection);
                        house.keep(far, &token).await;
                        if let Ok(handle) = handle {
                            let _ = handle.shutdown(Shutdown::Both);
                        }
                        house.pulse.ends(far);
                    }
                    Ok(Err(error)) => tracing::debug!(%far, error, "a connection came to nothing"),
                    Err(_) => tracing::debug!(%far, "a connection did not come to an agreement in time"),
                }
                drop(permit);
            });
        }
    }
}

async fn take(
    stream: TcpStream,
    local: SocketAddr,
    far: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    token: &CancellationToken,
) -> Result<SipConnection, String> {
    let _ = stream.set_nodelay(true);
    let connection = match acceptor {
        None => {
            let ours = SipAddr::new(Transport::Tcp, local.into());
            TcpConnection::from_stream(stream, ours, Some(token.clone())).map(SipConnection::Tcp)
        }
        Some(acceptor) => {
            let stream = acceptor.accept(stream).await.map_err(|error| error.to_string())?;
            let ours = SipAddr::new(Transport::Tls, local.into());
            let theirs = SipAddr::new(Transport::Tls, far.into());
            let connection = TlsConnection::from_server_stream(stream, ours, theirs, Some(token.clone())).await;
            connection.map(SipConnection::Tls)
        }
    };
    connection.map_err(|error| error.to_string())
}
