//! Opens the SIP socket and starts what serves it.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use outdial_engine::ports::Ids;
use outdial_media_io::MediaEngine;
use rsipstack::{
    dialog::{dialog::DialogStateSender, dialog_layer::DialogLayer},
    sip::{HostWithPort, Port, Transport, uri::Host},
    transaction::{
        Endpoint, EndpointBuilder,
        endpoint::{EndpointInnerRef, EndpointOption},
        transaction::TransactionEventSender,
    },
    transport::{
        SipAddr, SipConnection, TransportLayer,
        transport_layer::DomainResolver,
        udp::{UdpConnection, UdpInner},
    },
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{ConfigError, SipConfig, SipTrunk},
    incoming::{self, Gate},
    legs::Legs,
    target,
    trace::Inspector,
};

/// What the kernel holds for us while we are busy: some thousand messages.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// How long a phone may ring before the INVITE is given up. The engine's own limit comes earlier.
const LONGEST_RING: Duration = Duration::from_secs(3600);

/// Why the carrier cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another program has the port.
    #[error("SIP port {0} is in use by another program: stop that one, or choose another port with `[sip] bind`")]
    PortInUse(SocketAddr),
    /// The address is not one of this machine, or may not be used.
    #[error("SIP cannot listen at {bind}: {source}; set `[sip] bind` to an address of this machine")]
    Bind {
        /// What was asked for.
        bind: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// What all legs share.
pub(crate) struct Shared {
    pub(crate) endpoint: EndpointInnerRef,
    pub(crate) layer: DialogLayer,
    pub(crate) legs: Arc<Legs>,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) trunks: HashMap<String, Arc<SipTrunk>>,
    pub(crate) media: MediaEngine,
    pub(crate) ids: Ids,
    /// Where we listen.
    pub(crate) local: SocketAddr,
    pub(crate) advertise: Option<IpAddr>,
    pub(crate) most_legs: usize,
    /// Cancelled when the carrier is dropped.
    pub(crate) stop: CancellationToken,
    /// Ears that nobody listens with: a dialog of the library wants to tell its states to somebody.
    pub(crate) states: DialogStateSender,
    pub(crate) transactions: TransactionEventSender,
}

impl Shared {
    pub(crate) fn t1(&self) -> Duration {
        self.endpoint.option.t1
    }

    /// How long a request is repeated and a response waited for: 64 × T1.
    pub(crate) fn patience(&self) -> Duration {
        self.endpoint.option.t1x64
    }
}

/// Starts everything; it runs until the token is cancelled.
pub(crate) fn start(
    config: SipConfig,
    media: MediaEngine,
    ids: Ids,
    stop: &CancellationToken,
) -> Result<Arc<Shared>, StartError> {
    config.check()?;
    let (socket, local) = bind(config.bind)?;
    let legs = Arc::new(Legs::default());
    let endpoint = endpoint(&config, socket, local, &legs, &ids, stop);
    let incoming = endpoint.incoming_transactions();
    let (states, _) = tokio::sync::mpsc::unbounded_channel();
    let (transactions, _) = tokio::sync::mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        layer: DialogLayer::new(Arc::clone(&endpoint.inner)),
        endpoint: Arc::clone(&endpoint.inner),
        room: Arc::new(Semaphore::new(config.most_legs)),
        trunks: config
            .trunks
            .into_iter()
            .map(|trunk| (trunk.name.clone(), Arc::new(trunk)))
            .collect(),
        legs: Arc::clone(&legs),
        media,
        ids,
        local,
        advertise: config.advertise,
        most_legs: config.most_legs,
        stop: stop.clone(),
        states,
        transactions,
    });
    tokio::spawn(async move { endpoint.serve().await });
    if let Ok(incoming) = incoming {
        tokio::spawn(incoming::serve(incoming, legs));
    }
    Ok(shared)
}

fn bind(bind: SocketAddr) -> Result<(tokio::net::UdpSocket, SocketAddr), StartError> {
    let open = || {
        let socket = Socket::new(Domain::for_address(bind), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // The kernel gives what it may; less only means that a burst is repeated by its sender.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        socket.bind(&bind.into())?;
        let socket = tokio::net::UdpSocket::from_std(socket.into())?;
        let local = socket.local_addr()?;
        Ok((socket, local))
    };
    open().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse(bind),
        _ => StartError::Bind { bind, source },
    })
}

fn endpoint(
    config: &SipConfig,
    socket: tokio::net::UdpSocket,
    local: SocketAddr,
    legs: &Arc<Legs>,
    ids: &Ids,
    stop: &CancellationToken,
) -> Endpoint {
    let address = |address: SocketAddr| SipAddr {
        r#type: Some(Transport::Udp),
        addr: SipConnection::resolve_bind_address(address).into(),
    };
    let transport = TransportLayer::new_with_domain_resolver(stop.child_token(), Box::new(SystemResolver { local }));
    transport.add_transport(SipConnection::Udp(udp(
        UdpInner {
            conn: Arc::new(socket),
            addr: address(local),
        },
        config.advertise.map(|ip| SocketAddr::new(ip, local.port())),
        stop,
    )));
    let t1 = config.t1;
    EndpointBuilder::new()
        .with_user_agent(&config.user_agent)
        .with_transport_layer(transport)
        .with_cancel_token(stop.child_token())
        .with_option(EndpointOption {
            t1,
            t2: 8 * t1,
            t4: 10 * t1,
            t1x64: 64 * t1,
            timerc: LONGEST_RING,
            ..EndpointOption::default()
        })
        .with_inspector(Box::new(Inspector {
            legs: Arc::clone(legs),
            ids: ids.clone(),
        }))
        .with_transport_inspector(Box::new(Gate::new(Arc::clone(legs))))
        .build()
}

/// The library's constructor is a future that is ready at once.
fn udp(inner: UdpInner, external: Option<SocketAddr>, stop: &CancellationToken) -> UdpConnection {
    futures_util::FutureExt::now_or_never(UdpConnection::attach(inner, external, Some(stop.child_token())))
        .expect("it awaits nothing")
}

/// Resolves names that far sides put into their messages, in the same way as those of trunks.
struct SystemResolver {
    local: SocketAddr,
}

impl DomainResolver for SystemResolver {
    fn resolve<'me, 'address, 'future>(
        &'me self,
        address: &'address SipAddr,
    ) -> BoxFuture<'future, rsipstack::Result<SipAddr>>
    where
        'me: 'future,
        'address: 'future,
        Self: 'future,
    {
        Box::pin(async move {
            let Host::Domain(domain) = &address.addr.host else {
                return Ok(address.clone());
            };
            let port = address.addr.port.as_ref().map_or(5060, Port::value);
            let found = target::resolve(&domain.0, port, self.local.ip())
                .await
                .map_err(rsipstack::Error::DnsResolutionError)?;
            Ok(SipAddr {
                r#type: address.r#type,
                addr: HostWithPort::from(found),
            })
        })
    }
}
