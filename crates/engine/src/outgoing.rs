//! Where we connect to because somebody else said so: receivers of notifications, and later documents.
//!
//! A caller's URL must not reach what only this machine or its network can reach. Whoever connects asks
//! [`Outgoing::admits`] of the very address that it connects to, after the name was resolved and for every
//! connection, so that a name which changes its address gains nothing.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// The longest URL that is taken, in bytes.
pub const LONGEST_URL: usize = 2_000;

/// What the operator allows besides the public Internet.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    networks: Vec<IpNet>,
    hosts: Vec<String>,
}

/// Why a URL is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// It is none, or one that we do not use.
    #[error(
        "give a URL as https://example.com/path, with at most {LONGEST_URL} bytes and without a user, a password and a `#`"
    )]
    Unreadable,
    /// What is sent could be read on its way.
    #[error("only https is used, except with hosts and networks that the configuration allows under `webhooks.allow`")]
    NotProtected,
    /// Its address is private, or of this machine.
    #[error("{0} is not an address of the public Internet: the configuration can allow it under `webhooks.allow`")]
    Private(IpAddr),
}

/// A line of the configuration that names neither a network nor a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network, address or host: give one as 10.0.0.0/8, 127.0.0.1 or hooks.example.com")]
pub struct AllowedError(String);

/// Why a name leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// All its addresses are private, and whoever configured the way there has not allowed them.
    #[error("{name} has no address that may be connected to, only {address}: the configuration can allow it")]
    Private {
        /// The name.
        name: String,
        /// One of its addresses.
        address: IpAddr,
    },
    /// It has none.
    #[error("{0} has no address")]
    None(String),
}

impl Outgoing {
    /// What these lines of the configuration allow: networks, addresses, and names of hosts.
    ///
    /// # Errors
    ///
    /// [`AllowedError`] for the first line that is none of them.
    pub fn allowing<'l>(lines: impl IntoIterator<Item = &'l str>) -> Result<Self, AllowedError> {
        let mut allowed = Self::default();
        for line in lines {
            if let Ok(network) = IpNet::from_str(line) {
                allowed.networks.push(network);
            } else if let Ok(address) = IpAddr::from_str(line) {
                allowed.networks.push(address.into());
            } else if let Ok(Host::Domain(name)) = Host::parse(line) {
                allowed.hosts.push(name);
            } else {
                return Err(AllowedError(line.to_owned()));
            }
        }
        Ok(allowed)
    }

    /// Whether a connection to this address may be made.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.networks.iter().any(|network| network.contains(&address))
    }

    /// Those of the addresses of a name that may be connected to.
    ///
    /// # Errors
    ///
    /// [`NoAddress`] when there are none.
    pub fn admitted(&self, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NoAddress> {
        let Some(first) = found.first().map(SocketAddr::ip) else {
            return Err(NoAddress::None(name.to_owned()));
        };
        let trusted = self.admits_host(name);
        let admitted = |address: &SocketAddr| trusted || self.admits(address.ip());
        let admitted: Vec<SocketAddr> = found.into_iter().filter(admitted).collect();
        if admitted.is_empty() {
            return Err(NoAddress::Private {
                name: name.to_owned(),
                address: first,
            });
        }
        Ok(admitted)
    }

    /// Whether the host of this name may be connected to wherever it is.
    #[must_use]
    pub fn admits_host(&self, name: &str) -> bool {
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    }

    /// The URL, if notifications may be sent to it as far as can be told without resolving its name.
    ///
    /// # Errors
    ///
    /// [`UrlRefused`] says why not.
    pub fn check(&self, text: &str) -> Result<Url, UrlRefused> {
        let url = Url::parse(text).map_err(|_| UrlRefused::Unreadable)?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let known = matches!(url.scheme(), "http" | "https");
        if text.len() > LONGEST_URL || !plain || !known || url.port_or_known_default() == Some(0) {
            return Err(UrlRefused::Unreadable);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(UrlRefused::Unreadable),
        };
        if let Some(address) = address.filter(|address| !self.admits(*address)) {
            return Err(UrlRefused::Private(address.to_canonical()));
        }
        let trusted = match address {
            Some(address) => self
                .networks
                .iter()
                .any(|network| network.contains(&address.to_canonical())),
            None => url.host_str().is_some_and(|name| self.admits_host(name)),
        };
        if url.scheme() == "http" && !trusted {
            return Err(UrlRefused::NotProtected);
        }
        Ok(url)
    }
}

/// Networks of version 4 that are not the public Internet (IANA's registry of special addresses, RFC 6890).
const SPECIAL_V4: &[Ipv4Net] = &[
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 3),
];

/// Networks within 2000::/3, which is all of version 6 that is public, that are not: tunnels could lead to
/// any address of version 4.
const SPECIAL_V6: &[Ipv6Net] = &[
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(std::net::Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            PUBLIC_V6.contains(&address) && !SPECIAL_V6.iter().any(|network| network.contains(&address))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_admitted() {
        let outgoing = Outgoing::default();
        for private in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.2.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "100::1",
        ] {
            assert!(!outgoing.admits(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "8.8.8.8",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(outgoing.admits(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn urls_are_checked_as_far_as_they_can_be() {
        let outgoing = Outgoing::default();
        let private = |text: &str| Err(UrlRefused::Private(text.parse().unwrap()));
        let table = [
            ("https://example.com/hooks?a=b", Ok(())),
            ("https://1.1.1.1:8443/", Ok(())),
            ("http://example.com/", Err(UrlRefused::NotProtected)),
            ("https://127.0.0.1/", private("127.0.0.1")),
            // Other ways to write the same address.
            ("https://2130706433/", private("127.0.0.1")),
            ("https://0x7f.1/", private("127.0.0.1")),
            ("https://0177.0.0.1/", private("127.0.0.1")),
            ("https://[::ffff:127.0.0.1]/", private("127.0.0.1")),
            ("https://[fd00::1]/", private("fd00::1")),
            ("https://user:secret@example.com/", Err(UrlRefused::Unreadable)),
            ("https://example.com/#part", Err(UrlRefused::Unreadable)),
            ("https://example.com:0/", Err(UrlRefused::Unreadable)),
            ("ftp://example.com/", Err(UrlRefused::Unreadable)),
            ("file:///etc/passwd", Err(UrlRefused::Unreadable)),
            ("example.com", Err(UrlRefused::Unreadable)),
            ("", Err(UrlRefused::Unreadable)),
        ];
        for (text, expected) in table {
            assert_eq!(outgoing.check(text).map(|_| ()), expected, "{text}");
        }
        let long = format!("https://example.com/{}", "a".repeat(LONGEST_URL));
        assert_eq!(outgoing.check(&long).unwrap_err(), UrlRefused::Unreadable);
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        let address = |text: &&str| SocketAddr::new(text.parse().unwrap(), 0);
        texts.iter().map(address).collect()
    }

    #[test]
    fn private_addresses_of_a_name_are_left_out() {
        let outgoing = Outgoing::default();
        let found = addresses(&["10.0.0.1", "1.1.1.1", "::1"]);
        assert_eq!(outgoing.admitted("a.example", found), Ok(addresses(&["1.1.1.1"])));
        for private in ["10.0.0.1", "::ffff:127.0.0.1", "fd00::1"] {
            let refused = outgoing.admitted("a.example", addresses(&[private])).unwrap_err();
            assert!(matches!(refused, NoAddress::Private { .. }), "{private}: {refused}");
        }
        assert!(outgoing.admitted("a.example", Vec::new()).is_err());
        let allowing = Outgoing::allowing(["a.example"]).unwrap();
        assert!(allowing.admitted("a.example", addresses(&["10.0.0.1"])).is_ok());
    }

    #[test]
    fn the_operator_can_allow_more() {
        let outgoing = Outgoing::allowing(["127.0.0.0/8", "fd00::1", "Hooks.internal"]).unwrap();
        for text in [
            "http://127.0.0.1:9000/",
            "https://[fd00::1]/",
            "http://hooks.internal/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            outgoing.check(text).unwrap();
        }
        assert!(outgoing.check("http://10.0.0.1/").is_err());
        assert!(outgoing.admits_host("HOOKS.internal") && !outgoing.admits_host("internal"));
        assert!(Outgoing::allowing(["10.0.0.0/33"]).is_err());
        assert!(Outgoing::allowing(["a b"]).is_err());
    }
}
