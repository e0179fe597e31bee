//! Whom a leg rings, by which way, and as whom.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use outdial_domain::{Address, Destination};
use rsipstack::sip::{Scheme, Uri, uri::Auth};
use secrecy::ExposeSecret;

use crate::config::SipTrunk;

/// Name servers that do not answer in this time are taken to be away.
const LOOKUP: Duration = Duration::from_secs(5);

/// Where a request goes and what stands in it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) trunk: Option<Arc<SipTrunk>>,
    /// What is asked for.
    pub(crate) uri: Uri,
    /// Where the datagrams go.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As whom we call; `None` as ourselves.
    pub(crate) from: Option<Uri>,
}

impl Target {
    /// Works out the target, or says why there can be none.
    pub(crate) fn new(trunk: Option<&Arc<SipTrunk>>, to: &Address, from: Option<&Address>) -> Result<Self, String> {
        let (uri, host, port) = match (to.destination(), trunk) {
            (
                Destination::Sip {
                    secure,
                    user,
                    host,
                    port,
                    parameters,
                },
                trunk,
            ) => {
                if *secure {
                    return Err("`sips:` needs TLS, which this version does not have yet: use `sip:`".into());
                }
                refuse_transport(parameters.as_deref())?;
                let uri = uri(decoded(user), host, *port)?;
                match trunk {
                    Some(trunk) => (uri, trunk.host.clone(), trunk.port),
                    None => (uri, host.trim_matches(['[', ']']).to_owned(), port.unwrap_or(5060)),
                }
            }
            (Destination::E164(_) | Destination::Local { .. }, Some(trunk)) => {
                let number = to.number().unwrap_or_default();
                (
                    uri(number, &trunk.host, Some(trunk.port))?,
                    trunk.host.clone(),
                    trunk.port,
                )
            }
            (Destination::E164(_) | Destination::Local { .. }, None) => {
                return Err("a number can only be rung over a trunk: name one, or give a SIP URI".into());
            }
        };
        Ok(Self {
            from: caller(trunk.map(Arc::as_ref), from)?,
            trunk: trunk.cloned(),
            uri,
            host,
            port,
        })
    }

    /// The trunk itself, for a request that is meant for nobody behind it.
    pub(crate) fn of_trunk(trunk: &SipTrunk) -> Result<Uri, String> {
        uri(String::new(), &trunk.host, Some(trunk.port))
    }

    /// What people call the way out.
    pub(crate) fn way(&self) -> String {
        match &self.trunk {
            Some(trunk) => format!("trunk `{}`", trunk.name),
            None => format!("a trunk for `{}`, and call through it", self.host),
        }
    }

    /// Whom we are to this trunk.
    pub(crate) fn credential(&self) -> Option<rsipstack::dialog::authenticate::Credential> {
        let trunk = self.trunk.as_ref()?;
        Some(rsipstack::dialog::authenticate::Credential {
            username: trunk.username.clone().or_else(|| trunk.auth_username.clone())?,
            password: trunk.password.as_ref()?.expose_secret().to_owned(),
            realm: trunk.realm.clone(),
            auth_username: trunk.auth_username.clone(),
        })
    }
}

fn caller(trunk: Option<&SipTrunk>, from: Option<&Address>) -> Result<Option<Uri>, String> {
    if let Some(Destination::Sip { user, host, port, .. }) = from.map(Address::destination) {
        return uri(decoded(user), host, *port).map(Some);
    }
    let Some(trunk) = trunk else {
        return Ok(None);
    };
    let user = from
        .and_then(Address::number)
        .or_else(|| trunk.from_user.clone())
        .or_else(|| trunk.username.clone())
        .unwrap_or_else(|| "outdial".to_owned());
    uri(user, trunk.from_domain.as_deref().unwrap_or(&trunk.host), None).map(Some)
}

fn refuse_transport(parameters: Option<&str>) -> Result<(), String> {
    let transport = parameters
        .unwrap_or_default()
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("transport"));
    match transport {
        Some((_, value)) if !value.eq_ignore_ascii_case("udp") => Err(format!(
            "SIP over {} is not in this version yet: leave `transport` out, or say `udp`",
            value.chars().take(10).collect::<String>()
        )),
        _ => Ok(()),
    }
}

fn uri(user: String, host: &str, port: Option<u16>) -> Result<Uri, String> {
    let host = host.trim_matches(['[', ']']);
    let host: rsipstack::sip::uri::Host = host.parse().map_err(|_| format!("`{host}` is no host"))?;
    Ok(Uri {
        scheme: Some(Scheme::Sip),
        auth: (!user.is_empty()).then_some(Auth { user, password: None }),
        host_with_port: rsipstack::sip::HostWithPort {
            host,
            port: port.map(Into::into),
        },
        params: Vec::new(),
        headers: Vec::new(),
    })
}

/// The library escapes users when it writes them, so they are given to it without escapes.
fn decoded(user: &str) -> String {
    let mut octets = Vec::with_capacity(user.len());
    let mut rest = user.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| {
            let text = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(text, 16).ok()
        });
        octets.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// Finds the address of a host, of the family that we are bound to.
pub(crate) async fn resolve(host: &str, port: u16, ours: IpAddr) -> Result<SocketAddr, String> {
    let found = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => tokio::time::timeout(LOOKUP, tokio::net::lookup_host((host, port)))
            .await
            .map_err(|_| format!("no name server answered within {} s", LOOKUP.as_secs()))?
            .map_err(|error| error.to_string())?
            .collect(),
    };
    found
        .into_iter()
        .find(|address| address.is_ipv4() == ours.is_ipv4())
        .ok_or_else(|| format!("`{host}` has no address of the kind that SIP is bound to ({ours})"))
}

/// The address of ours from which a destination is reached. Sends nothing.
pub(crate) fn route(bind: IpAddr, destination: SocketAddr) -> std::io::Result<IpAddr> {
    let probe = UdpSocket::bind(SocketAddr::new(bind, 0))?;
    probe.connect(destination)?;
    Ok(probe.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk() -> Arc<SipTrunk> {
        let mut trunk = SipTrunk::new("one", "pbx.example.com", 5070);
        trunk.username = Some("alice".into());
        Arc::new(trunk)
    }

    fn target(trunk: Option<&Arc<SipTrunk>>, to: &str, from: Option<&str>) -> Result<Target, String> {
        let from = from.map(|from| Address::parse(from).unwrap());
        Target::new(trunk, &Address::parse(to).unwrap(), from.as_ref())
    }

    fn shown(trunk: Option<&Arc<SipTrunk>>, to: &str, from: Option<&str>) -> (String, String) {
        let target = target(trunk, to, from).unwrap();
        (
            target.uri.to_string(),
            target.from.map(|uri| uri.to_string()).unwrap_or_default(),
        )
    }

    #[test]
    fn numbers_go_to_the_trunk_under_its_account_or_the_caller_id() {
        let trunk = trunk();
        let own = "sip:alice@pbx.example.com".to_owned();
        assert_eq!(
            shown(Some(&trunk), "+65 6123 4567", None),
            ("sip:+6561234567@pbx.example.com:5070".into(), own.clone())
        );
        assert_eq!(
            shown(Some(&trunk), "*61#", Some("+6598765432")),
            (
                "sip:*61%23@pbx.example.com:5070".into(),
                "sip:+6598765432@pbx.example.com".into()
            )
        );
        assert_eq!(
            shown(Some(&trunk), "100@from-internal", None).0,
            "sip:100@pbx.example.com:5070"
        );
    }

    #[test]
    fn a_uri_goes_where_it_says_or_through_the_trunk() {
        let direct = target(None, "sip:b%23b@192.0.2.7", None).unwrap();
        assert_eq!(direct.uri.to_string(), "sip:b%23b@192.0.2.7");
        assert_eq!((direct.host.as_str(), direct.port), ("192.0.2.7", 5060));
        let through = target(Some(&trunk()), "sip:bob@192.0.2.7:5080", None).unwrap();
        assert_eq!((through.host.as_str(), through.port), ("pbx.example.com", 5070));
        assert_eq!(through.uri.to_string(), "sip:bob@192.0.2.7:5080");
        let ipv6 = target(None, "sip:bob@[::1]:5080", None).unwrap();
        assert_eq!(ipv6.host, "::1");
    }

    #[test]
    fn what_cannot_be_rung_says_why() {
        assert!(target(None, "+6561234567", None).unwrap_err().contains("over a trunk"));
        assert!(target(None, "sips:a@b", None).unwrap_err().contains("TLS"));
        assert!(target(None, "sip:a@b;transport=tcp", None).unwrap_err().contains("tcp"));
        assert!(target(None, "sip:a@b;transport=UDP", None).is_ok());
    }

    #[tokio::test]
    async fn a_host_that_is_none_is_not_resolved() {
        let ours = IpAddr::from([127, 0, 0, 1]);
        assert!(resolve("nowhere.invalid", 5060, ours).await.is_err());
        assert!(resolve("::1", 5060, ours).await.is_err());
        assert_eq!(
            resolve("127.0.0.9", 5060, ours).await,
            Ok("127.0.0.9:5060".parse().unwrap())
        );
    }
}
