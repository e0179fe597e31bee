//! Names, and where they lead (RFC 3263).

mod srv;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{op::ResponseCode, rr::RData},
};
use outdial_engine::ports::Ids;
use rsipstack::sip::Transport;

use self::srv::Service;

/// Name servers that do not answer in this time are taken to be away.
const LOOKUP: Duration = Duration::from_secs(5);

/// The longest that an answer is kept, whatever it says.
const KEPT: Duration = Duration::from_secs(3600);

/// The most places that a name is taken to lead to.
const MOST: usize = 16;

/// A far side by name: a trunk's, or the one in a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    /// Without one, services of the name are looked for, and then the usual port is taken.
    pub(crate) port: Option<u16>,
    pub(crate) transport: Transport,
}

/// A far side by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
}

impl std::fmt::Display for Hop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} over {}", self.address, self.transport)
    }
}

/// A place that a name leads to, and by which record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    pub(crate) hop: Hop,
    by: By,
    /// Whether its address is of the kind that SIP is bound to; calls pass over the others.
    pub usable: bool,
}

/// How an address was come by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    /// It was given.
    Itself,
    /// It is that of a host (A or AAAA).
    Host,
    /// It is that of a server of a service (SRV).
    Service(Service),
}

impl Lead {
    /// Where it leads.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.hop.address
    }
}

impl std::fmt::Display for Lead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let record = if self.hop.address.is_ipv4() { "A" } else { "AAAA" };
        write!(f, "{}", self.hop)?;
        match &self.by {
            By::Itself => Ok(()),
            By::Host => write!(f, " ({record})"),
            By::Service(service) => write!(
                f,
                " (SRV priority {}, weight {}, port {}, {record} of {})",
                service.priority, service.weight, service.port, service.host
            ),
        }
    }
}

/// Asks name servers, and keeps what they said for as long as they said it holds.
#[derive(Clone)]
pub(crate) struct Names {
    /// Nothing where the system has no settings that can be read; then the system is asked itself,
    /// which knows hosts but no services.
    resolver: Option<TokioResolver>,
    ours: IpAddr,
    ids: Ids,
}

impl Names {
    /// Asks this server, or those of the system's settings. `ours` is the address that SIP is bound to;
    /// only addresses of its kind are of use.
    pub(crate) fn new(server: Option<SocketAddr>, ours: IpAddr, ids: Ids) -> Self {
        let resolver = match server {
            Some(server) => of_server(server),
            None => of_system(),
        };
        let resolver = resolver
            .inspect_err(|error| tracing::warn!(error, "the settings of name servers cannot be used"))
            .ok();
        Self { resolver, ours, ids }
    }

    /// Where a place leads to, first the one to be tried first. Never empty.
    pub(crate) async fn hops(&self, place: &Place) -> Result<Vec<Hop>, String> {
        let leads = self.leads(place).await?;
        let hops: Vec<Hop> = leads.iter().filter(|lead| lead.usable).map(|lead| lead.hop).collect();
        if hops.is_empty() {
            let (host, ours) = (&place.host, self.ours);
            return Err(format!(
                "`{host}` has no address of the kind that SIP is bound to ({ours})"
            ));
        }
        Ok(hops)
    }

    /// The same with the records behind it, and with places that are of no use to us.
    pub(crate) async fn leads(&self, place: &Place) -> Result<Vec<Lead>, String> {
        let Place { host, port, transport } = place;
        let lead = |ip: IpAddr, port, by: &By| Lead {
            hop: Hop {
                transport: *transport,
                address: SocketAddr::new(ip, port),
            },
            by: by.clone(),
            usable: ip.is_ipv4() == self.ours.is_ipv4(),
        };
        if let Ok(ip) = host.parse::<IpAddr>() {
            let port = port.unwrap_or(usual_port(*transport));
            return Ok(vec![lead(ip, port, &By::Itself)]);
        }
        let services = match port {
            None => self.services(host, *transport).await,
            Some(_) => Vec::new(),
        };
        if services.is_empty() {
            let port = port.unwrap_or(usual_port(*transport));
            let found = self.addresses(host).await?;
            return Ok(bounded(found.into_iter().map(|ip| lead(ip, port, &By::Host))));
        }
        let mut leads = Vec::new();
        let mut reasons = Vec::new();
        for service in srv::ordered(services, &mut self.dice()) {
            match self.addresses(&service.host).await {
                Ok(found) => {
                    let (port, by) = (service.port, By::Service(service));
                    leads.extend(found.into_iter().map(|ip| lead(ip, port, &by)));
                }
                Err(reason) => reasons.push(format!("{}: {reason}", service.host)),
            }
        }
        if leads.is_empty() {
            return Err(reasons.join("; "));
        }
        Ok(bounded(leads))
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        if let Ok(ip) = host.parse() {
            return Ok(vec![ip]);
        }
        let lookup = async {
            match &self.resolver {
                Some(resolver) => match resolver.lookup_ip(host).await {
                    Ok(found) => Ok(found.iter().collect()),
                    Err(error) => Err(in_words(&error)),
                },
                None => match tokio::net::lookup_host((host, 0)).await {
                    Ok(found) => Ok(found.map(|address| address.ip()).collect()),
                    Err(error) => Err(error.to_string()),
                },
            }
        };
        tokio::time::timeout(LOOKUP, lookup)
            .await
            .unwrap_or_else(|_| Err(format!("no name server answered within {} s", LOOKUP.as_secs())))
    }

    /// The services of a name; nothing if it has none, or nobody tells.
    async fn services(&self, host: &str, transport: Transport) -> Vec<Service> {
        let Some(resolver) = &self.resolver else {
            return Vec::new();
        };
        let name = format!("{}.{host}.", service_name(transport));
        let lookup = resolver.srv_lookup(name.as_str());
        let Ok(Ok(found)) = tokio::time::timeout(LOOKUP, lookup).await else {
            return Vec::new();
        };
        found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(service) => Some(Service {
                    priority: service.priority,
                    weight: service.weight,
                    port: service.port,
                    host: service.target.to_string().trim_end_matches('.').to_owned(),
                }),
                _ => None,
            })
            // A lone dot says that there is no such service here.
            .filter(|service| !service.host.is_empty())
            .take(MOST)
            .collect()
    }

    /// Random numbers below the given one.
    fn dice(&self) -> impl FnMut(u32) -> u32 + '_ {
        move |below| {
            let random = self.ids.secret();
            u32::from_be_bytes([random[0], random[1], random[2], random[3]]) % below.max(1)
        }
    }
}

/// Why nobody says where a host is.
fn in_words(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NXDomain => {
            "there is no such name".into()
        }
        NetError::Dns(DnsError::NoRecordsFound(_)) => "the name has no address".into(),
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => "the name server refuses to answer us".into(),
        NetError::Dns(DnsError::ResponseCode(_)) => "the name server fails at it".into(),
        NetError::Timeout | NetError::NoConnections | NetError::Busy => "no name server answers".into(),
        NetError::Io(error) => format!("no name server can be asked: {error}"),
        NetError::Proto(_) | NetError::Msg(_) | NetError::Message(_) => {
            tracing::debug!(%error, "a name cannot be looked up");
            "it is no name that can be looked up, or the answer of the name server cannot be read".into()
        }
        error => {
            tracing::debug!(%error, "a name cannot be looked up");
            "the name server gives no answer that can be read".into()
        }
    }
}

/// Each place once, and no more than there may be; those that calls can use are never crowded out.
fn bounded(leads: impl IntoIterator<Item = Lead>) -> Vec<Lead> {
    let mut kept: Vec<Lead> = Vec::new();
    for lead in leads {
        let alike = kept.iter().filter(|other| other.usable == lead.usable).count();
        if alike < MOST && !kept.iter().any(|other| other.hop == lead.hop) {
            kept.push(lead);
        }
    }
    kept
}

fn of_system() -> Result<TokioResolver, String> {
    let mut builder = TokioResolver::builder_tokio().map_err(|error| error.to_string())?;
    set(builder.options_mut());
    builder.build().map_err(|error| error.to_string())
}

fn of_server(server: SocketAddr) -> Result<TokioResolver, String> {
    let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = server.port();
    }
    let server = NameServerConfig::new(server.ip(), true, connections.to_vec());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    set(builder.options_mut());
    builder.build().map_err(|error| error.to_string())
}

fn set(options: &mut hickory_resolver::config::ResolverOpts) {
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = LOOKUP / 3;
    options.positive_max_ttl = Some(KEPT);
}

const fn usual_port(transport: Transport) -> u16 {
    match transport {
        Transport::Tls | Transport::TlsSctp | Transport::Wss => 5061,
        Transport::Udp | Transport::Tcp | Transport::Sctp | Transport::Ws => 5060,
    }
}

/// RFC 3263, section 4.1.
const fn service_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Tls | Transport::TlsSctp | Transport::Wss => "_sips._tcp",
        Transport::Tcp | Transport::Ws => "_sip._tcp",
        Transport::Udp | Transport::Sctp => "_sip._udp",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outdial_engine::ports::{SystemClock, SystemEntropy};

    use super::*;

    fn names() -> Names {
        let ids = Ids::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
        Names::new(None, [127, 0, 0, 1].into(), ids)
    }

    async fn hops(host: &str, port: Option<u16>, transport: Transport) -> Result<Vec<Hop>, String> {
        let host = host.to_owned();
        names().hops(&Place { host, port, transport }).await
    }

    #[tokio::test]
    async fn an_address_leads_to_itself_at_the_usual_port() {
        for (port, transport, expected) in [
            (Some(5070), Transport::Udp, "127.0.0.9:5070"),
            (None, Transport::Tcp, "127.0.0.9:5060"),
            (None, Transport::Tls, "127.0.0.9:5061"),
        ] {
            let address = expected.parse().unwrap();
            let expected = vec![Hop { transport, address }];
            assert_eq!(hops("127.0.0.9", port, transport).await, Ok(expected));
        }
    }

    #[tokio::test]
    async fn addresses_of_another_kind_and_names_of_nothing_lead_nowhere() {
        assert!(
            hops("::1", None, Transport::Udp)
                .await
                .unwrap_err()
                .contains("no address of the kind")
        );
        assert!(hops("nowhere.invalid", Some(5060), Transport::Udp).await.is_err());
        let here = hops("localhost", Some(5070), Transport::Udp).await.unwrap();
        assert_eq!(here[0].address, "127.0.0.1:5070".parse().unwrap());
    }
}
