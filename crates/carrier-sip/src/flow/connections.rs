//! Connections over TCP and TLS: one for each far side, opened when it is needed and shared.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rsipstack::{
    sip::Transport,
    transport::{SipAddr, SipConnection, tcp::TcpConnection, tls::TlsConnection},
};
use tokio::net::TcpStream;

use crate::{names::Hop, start::Shared, tls};

/// A far side that is there takes a connection sooner.
const CONNECT: Duration = Duration::from_secs(4);

/// How a far side is to be met.
#[derive(Clone)]
pub(crate) struct Door {
    /// The trunk, whose connections no other trunk uses.
    pub(crate) trunk: Option<String>,
    /// The name that it was asked for by.
    pub(crate) name: String,
    pub(crate) tls: Option<tls::Client>,
    /// Whether it is named by `sips:`.
    pub(crate) secure: bool,
}

type Place = (Option<String>, String, &'static str, SocketAddr);

/// What there is at a place, and the lock of whoever opens it.
type Slot = Arc<tokio::sync::Mutex<Option<(SipConnection, u16)>>>;

/// The open connections.
#[derive(Default)]
pub(crate) struct Connections {
    slots: Mutex<HashMap<Place, Slot>>,
}

impl Connections {
    /// A connection to there, with our port of it. The error says why there is none.
    pub(super) async fn open(&self, shared: &Shared, hop: Hop, door: &Door) -> Result<(SipConnection, u16), String> {
        let slot = self.slot(hop, door);
        let mut slot = slot.lock().await;
        if let Some((connection, port)) = &*slot
            && !is_gone(connection)
        {
            return Ok((connection.clone(), *port));
        }
        let opened = tokio::time::timeout(CONNECT, connect(shared, hop, door))
            .await
            .unwrap_or_else(|_| Err(format!("no connection within {} s", CONNECT.as_secs())))?;
        shared.endpoint.transport_layer.add_connection(opened.0.clone());
        *slot = Some(opened.clone());
        Ok(opened)
    }

    fn slot(&self, hop: Hop, door: &Door) -> Slot {
        let kind = if hop.transport == Transport::Tls { "tls" } else { "tcp" };
        let place = (door.trunk.clone(), door.name.clone(), kind, hop.address);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody opens and nothing is in, is forgotten.
        slots.retain(|_, slot| match slot.try_lock() {
            Ok(held) => held.as_ref().is_some_and(|(connection, _)| !is_gone(connection)),
            Err(_) => true,
        });
        Arc::clone(slots.entry(place).or_default())
    }
}

/// Whether a connection has ended.
pub(super) fn is_gone(connection: &SipConnection) -> bool {
    connection.cancel_token().is_some_and(|token| token.is_cancelled())
}

async fn connect(shared: &Shared, hop: Hop, door: &Door) -> Result<(SipConnection, u16), String> {
    let stream = TcpStream::connect(hop.address)
        .await
        .map_err(|error| error.to_string())?;
    // Messages are written whole, and wait for nothing.
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().map_err(|error| error.to_string())?;
    let token = shared.stop.child_token();
    let connection = match &door.tls {
        Some(config) if hop.transport == Transport::Tls => {
            let stream = config.agree(&door.name, stream).await?;
            let far = SipAddr::new(Transport::Tls, hop.address.into());
            TlsConnection::from_client_stream(stream, far, Some(token))
                .await
                .map(SipConnection::Tls)
        }
        _ => {
            let ours = SipAddr::new(Transport::Tcp, local.into());
            TcpConnection::from_stream(stream, ours, Some(token)).map(SipConnection::Tcp)
        }
    };
    Ok((connection.map_err(|error| error.to_string())?, local.port()))
}
