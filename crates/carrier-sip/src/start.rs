//! Opens the SIP socket and starts what serves it.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures_util::future::BoxFuture;
use outdial_engine::{
    Seldom,
    ports::{Ids, IncomingLeg},
};
use outdial_media_io::MediaEngine;
use rsipstack::{
    sip::{HostWithPort, Port, Transport, uri::Host},
    transaction::{
        Endpoint, EndpointBuilder,
        endpoint::{EndpointInnerRef, EndpointOption},
    },
    transport::{
        SipAddr, SipConnection, TransportLayer,
        transport_layer::DomainResolver,
        udp::{UdpConnection, UdpInner},
    },
};
use socket2::{Domain, Protocol, Type};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::{ConfigError, SipConfig},
    digest::hexadecimal,
    edge::{Socket, Unreached},
    flow::Connections,
    guard::Guard,
    hep::Exporter,
    incoming::{self, Gate},
    legs::Legs,
    listen::{House, Listener, Pulse},
    names::{Names, Place},
    routes::Routes,
    sources::Sources,
    tls::{self, TlsError, TlsSettings},
    trace::{Inspector, Witness},
    trunk::{Trunk, keep},
};

/// What the kernel holds for us while we are busy: some thousand messages.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// Calls that come in and may wait for the engine.
const WAITING: usize = 256;

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
    /// No socket leads to the collector of messages.
    #[error("the collector of `[trace.hep]` cannot be reached from here: {0}")]
    Hep(io::Error),
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
    pub(crate) legs: Arc<Legs>,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) trunks: HashMap<String, Arc<Trunk>>,
    pub(crate) names: Names,
    pub(crate) routes: Routes,
    pub(crate) connections: Connections,
    pub(crate) udp: UdpConnection,
    pub(crate) unreached: Arc<Unreached>,
    /// Cancelled when registrars are to be told that we are gone.
    pub(crate) closing: CancellationToken,
    /// Those who look after the trunks.
    pub(crate) keepers: TaskTracker,
    pub(crate) sources: Arc<Sources>,
    pub(crate) guard: Guard,
    /// Keeps the log short when many calls that come in are refused.
    pub(crate) refusals: Seldom,
    /// Where calls that come in are handed over, and whoever takes them.
    pub(crate) incoming: mpsc::Sender<IncomingLeg>,
    pub(crate) calls: Mutex<Option<mpsc::Receiver<IncomingLeg>>>,
    pub(crate) media: MediaEngine,
    pub(crate) ids: Ids,
    /// Where we listen.
    pub(crate) local: SocketAddr,
    /// The port for TLS, where we have one.
    pub(crate) tls_port: Option<u16>,
    /// For far sides that are not trunks; made when the first of them is met.
    usual_tls: OnceLock<Result<tls::Client, TlsError>>,
    pub(crate) advertise: Option<IpAddr>,
    pub(crate) hep: Option<Exporter>,
    pub(crate) witness: Witness,
    pub(crate) most_legs: usize,
    /// Cancelled when the carrier is dropped.
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn t1(&self) -> Duration {
        self.endpoint.option.t1
    }

    /// TLS with the roots of this machine.
    pub(crate) fn usual_tls(&self) -> Result<tls::Client, String> {
        self.usual_tls
            .get_or_init(|| tls::Client::new(&TlsSettings::default()))
            .clone()
            .map_err(|error| error.to_string())
    }

    /// How long a request is repeated and a response waited for: 64 × T1.
    pub(crate) fn patience(&self) -> Duration {
        self.endpoint.option.t1x64
    }
}

/// Starts everything; it runs until the token is cancelled.
pub(crate) fn start(
    mut config: SipConfig,
    media: MediaEngine,
    ids: Ids,
    stop: &CancellationToken,
) -> Result<Arc<Shared>, StartError> {
    config.check()?;
    let (socket, tcp, local) = bind(config.bind)?;
    let over_tls = match &config.tls {
        None => None,
        Some(listen) => {
            let certificate = tls::server(&listen.certificate, &listen.key).map_err(ConfigError::OwnTls)?;
            let listener = Listener::bind(listen.bind, Some(certificate));
            Some(listener.map_err(|source| not_bound(listen.bind, source))?)
        }
    };
    let mut in_order = Vec::with_capacity(config.trunks.len());
    let trunks = std::mem::take(&mut config.trunks).into_iter().map(|trunk| {
        let name = trunk.name.clone();
        match Trunk::reached_as(trunk, hexadecimal(&ids.secret()[..10])) {
            Ok(trunk) => {
                in_order.push(Arc::clone(&trunk));
                Ok((name, trunk))
            }
            Err(source) => Err(ConfigError::Tls { trunk: name, source }),
        }
    });
    let trunks: HashMap<_, _> = trunks.collect::<Result<_, _>>()?;
    let sources = Arc::new(Sources::new(in_order));
    let (calls_in, calls) = mpsc::channel(WAITING);
    let names = Names::new(config.resolver, local.ip(), ids.clone());
    let legs = Arc::new(Legs::default());
    let unreached = Arc::new(Unreached::default());
    let socket = Socket::new(socket, Arc::clone(&unreached)).map_err(|source| not_bound(local, source))?;
    let udp = udp(&config, socket, local, stop);
    let hep = config.hep.take().map(|settings| Exporter::start(settings, stop));
    let hep = hep.transpose().map_err(StartError::Hep)?;
    let tls_port = over_tls.as_ref().map(|listener| listener.local().port());
    let witness = Witness {
        ids: ids.clone(),
        local: seen_at(&config, local),
        tls_port,
    };
    let inspector = Inspector {
        hep: hep.clone(),
        legs: Arc::clone(&legs),
        witness: witness.clone(),
    };
    let pulse = Arc::new(Pulse::default());
    let gate = Gate::new(Arc::clone(&legs), Arc::clone(&sources), Arc::clone(&pulse));
    let endpoint = endpoint(&config, udp.clone(), inspector, gate, names.clone(), stop);
    let incoming = endpoint.incoming_transactions();
    let shared = Arc::new(Shared {
        endpoint: Arc::clone(&endpoint.inner),
        room: Arc::new(Semaphore::new(config.most_legs)),
        trunks,
        names,
        routes: Routes::new(local.ip()),
        connections: Connections::default(),
        udp,
        unreached,
        closing: stop.child_token(),
        keepers: TaskTracker::new(),
        sources,
        guard: Guard::new(ids.clone()),
        refusals: Seldom::default(),
        incoming: calls_in,
        calls: Mutex::new(Some(calls)),
        tls_port,
        usual_tls: OnceLock::new(),
        legs,
        media,
        ids,
        local,
        advertise: config.advertise,
        hep,
        witness,
        most_legs: config.most_legs,
        stop: stop.clone(),
    });
    let house = House {
        endpoint: Arc::clone(&endpoint.inner),
        sources: Arc::clone(&shared.sources),
        pulse,
        patience: shared.patience(),
        stop: stop.clone(),
    };
    for listener in std::iter::once(tcp).chain(over_tls) {
        tokio::spawn(listener.serve(house.clone()));
    }
    tokio::spawn(async move { endpoint.serve().await });
    if let Ok(incoming) = incoming {
        tokio::spawn(incoming::serve(incoming, Arc::clone(&shared)));
    }
    for trunk in shared.trunks.values() {
        shared.keepers.spawn(keep(Arc::clone(&shared), Arc::clone(trunk)));
    }
    Ok(shared)
}

/// How often a free port is looked for, when one of UDP turns out not to be one of TCP.
const DRAWS: usize = 20;

fn bind(bind: SocketAddr) -> Result<(tokio::net::UdpSocket, Listener, SocketAddr), StartError> {
    let mut draws = 0;
    loop {
        draws += 1;
        let (socket, local) = bind_udp(bind)?;
        match Listener::bind(local, None) {
            Ok(listener) => return Ok((socket, listener, local)),
            Err(_) if bind.port() == 0 && draws < DRAWS => {}
            Err(source) => return Err(not_bound(local, source)),
        }
    }
}

fn bind_udp(bind: SocketAddr) -> Result<(tokio::net::UdpSocket, SocketAddr), StartError> {
    let open = || {
        let socket = socket2::Socket::new(Domain::for_address(bind), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // The kernel gives what it may; less only means that a burst is repeated by its sender.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        socket.bind(&bind.into())?;
        let socket = tokio::net::UdpSocket::from_std(socket.into())?;
        let local = socket.local_addr()?;
        Ok((socket, local))
    };
    open().map_err(|source| not_bound(bind, source))
}

fn not_bound(bind: SocketAddr, source: io::Error) -> StartError {
    match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse(bind),
        _ => StartError::Bind { bind, source },
    }
}

fn endpoint(
    config: &SipConfig,
    udp: UdpConnection,
    inspector: Inspector,
    gate: Gate,
    names: Names,
    stop: &CancellationToken,
) -> Endpoint {
    let transport = TransportLayer::new_with_domain_resolver(stop.child_token(), Box::new(Resolver(names)));
    transport.add_transport(SipConnection::Udp(udp));
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
        .with_inspector(Box::new(inspector))
        .with_transport_inspector(Box::new(gate))
        .build()
}

/// The address that far sides see of us, as far as that is known.
fn seen_at(config: &SipConfig, local: SocketAddr) -> SocketAddr {
    match config.advertise {
        Some(advertised) => SocketAddr::new(advertised, local.port()),
        None => SipConnection::resolve_bind_address(local),
    }
}

fn udp(config: &SipConfig, socket: Socket, local: SocketAddr, stop: &CancellationToken) -> UdpConnection {
    let inner = UdpInner {
        conn: Arc::new(socket),
        addr: SipAddr {
            r#type: Some(Transport::Udp),
            addr: SipConnection::resolve_bind_address(local).into(),
        },
    };
    let external = config.advertise.map(|ip| SocketAddr::new(ip, local.port()));
    // The library's constructor is a future that is ready at once.
    futures_util::FutureExt::now_or_never(UdpConnection::attach(inner, external, Some(stop.child_token())))
        .expect("it awaits nothing")
}

/// Resolves names that far sides put into their messages, in the same way as those of trunks.
struct Resolver(Names);

impl DomainResolver for Resolver {
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
            let place = Place {
                host: domain.0.clone(),
                port: address.addr.port.as_ref().map(Port::value),
                transport: address.r#type.unwrap_or_default(),
            };
            let hops = self
                .0
                .hops(&place)
                .await
                .map_err(rsipstack::Error::DnsResolutionError)?;
            let first = hops
                .first()
                .ok_or_else(|| rsipstack::Error::DnsResolutionError(place.host))?;
            Ok(SipAddr {
                r#type: address.r#type,
                addr: HostWithPort::from(first.address),
            })
        })
    }
}
