//! By which way a far side is reached, looked at step by step for people who look after a trunk.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use rsipstack::sip::Transport;
use tokio::net::TcpStream;

use crate::{ProbeError, flow::Door, names::Hop, start::Shared, tls::TlsReport};

/// A far side that is there takes a connection sooner.
const CONNECT: Duration = Duration::from_secs(4);

/// The way to a far side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The address of ours that packets there leave from.
    pub local: IpAddr,
    /// The network interface that has it, where the system tells.
    pub interface: Option<String>,
    /// Whether a connection comes about.
    pub reached: Reached,
}

/// Whether a connection comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// None is needed: whether datagrams arrive is seen by the answers.
    Datagrams,
    /// It does, after this time.
    Connected(Duration),
    /// There is a machine, and nobody listens at that port.
    Refused,
    /// Nobody says anything within this time.
    Silent(Duration),
    /// The system says why not.
    Failed(String),
}

/// Looks at the way to a server. Nothing is sent but what opens a connection.
pub(crate) async fn look(shared: &Shared, hop: Hop) -> Result<Way, ProbeError> {
    let local = shared.routes.to(hop.address).map_err(|error| ProbeError::NotSent {
        address: hop.address,
        reason: format!("no way leads there: {error}. Look at this machine's routes (`ip route get`)"),
    })?;
    let reached = match hop.transport {
        Transport::Udp => Reached::Datagrams,
        _ => connect(hop.address).await.1,
    };
    Ok(Way {
        local,
        interface: interface(local),
        reached,
    })
}

/// Agrees with a server on TLS, and hangs up.
pub(crate) async fn tls(door: &Door, hop: Hop) -> Result<TlsReport, ProbeError> {
    let not_sent = |reason: String| ProbeError::NotSent {
        address: hop.address,
        reason,
    };
    let client = door
        .tls
        .as_ref()
        .ok_or_else(|| not_sent("this trunk has no TLS".into()))?;
    let (Some(stream), _) = connect(hop.address).await else {
        return Err(not_sent("no connection comes about".into()));
    };
    let agreed = tokio::time::timeout(CONNECT, client.examine(&door.name, stream)).await;
    agreed
        .unwrap_or_else(|_| {
            Err(format!(
                "TLS: it took the connection and said nothing for {} s: is it a port for TLS?",
                CONNECT.as_secs()
            ))
        })
        .map_err(not_sent)
}

async fn connect(address: SocketAddr) -> (Option<TcpStream>, Reached) {
    let began = Instant::now();
    match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => (Some(stream), Reached::Connected(began.elapsed())),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => (None, Reached::Refused),
        Ok(Err(error)) => (None, Reached::Failed(error.to_string())),
        Err(_) => (None, Reached::Silent(CONNECT)),
    }
}

/// The name of the interface with this address.
#[cfg(unix)]
fn interface(ours: IpAddr) -> Option<String> {
    let mut interfaces = nix::ifaddrs::getifaddrs().ok()?;
    interfaces
        .find(|interface| {
            let address = interface.address.as_ref();
            let v4 = address
                .and_then(|address| address.as_sockaddr_in())
                .map(|v4| IpAddr::V4(v4.ip()));
            let v6 = address
                .and_then(|address| address.as_sockaddr_in6())
                .map(|v6| IpAddr::V6(v6.ip()));
            v4.or(v6) == Some(ours)
        })
        .map(|interface| interface.interface_name)
}

#[cfg(not(unix))]
fn interface(_ours: IpAddr) -> Option<String> {
    None
}
