//! Which trunk somebody is, by the address that they call from.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
};

use crate::trunk::Trunk;

/// A range of addresses, as in `198.51.100.0/24`; a single address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of addresses: give one as `198.51.100.7` or `198.51.100.0/24`")]
pub struct NetworkError(String);

impl Network {
    fn has(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                ours.to_bits() & mask == theirs.to_bits() & mask
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                ours.to_bits() & mask == theirs.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.chars().take(60).collect());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

/// Which trunk somebody is, by the address that they call from.
#[derive(Default)]
pub(crate) struct Sources {
    /// In the order of the settings.
    trunks: Vec<Arc<Trunk>>,
    /// Where the names of trunks lead.
    found: RwLock<HashMap<String, Vec<SocketAddr>>>,
}

impl Sources {
    /// All trunks.
    pub(crate) fn new(trunks: impl IntoIterator<Item = Arc<Trunk>>) -> Self {
        Self {
            trunks: trunks.into_iter().collect(),
            found: RwLock::default(),
        }
    }

    /// Notes where a trunk's name leads now.
    pub(crate) fn lead(&self, trunk: &str, addresses: Vec<SocketAddr>) {
        let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
        found.insert(trunk.to_owned(), addresses);
    }

    /// Whether a trunk is there, whether it may call us or not.
    pub(crate) fn knows(&self, from: IpAddr) -> bool {
        let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
        self.trunks.iter().any(|trunk| {
            let addresses = found.get(&trunk.settings.name).into_iter().flatten();
            let mut addresses = addresses.map(SocketAddr::ip);
            addresses.any(|address| address == from)
                || trunk.settings.accept_from.iter().any(|network| network.has(from))
        })
    }

    /// The trunk that calls from this address. Where several do, the one whose port it is, and then
    /// the first in the settings.
    pub(crate) fn trunk(&self, from: SocketAddr) -> Option<Arc<Trunk>> {
        let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
        let leads = |trunk: &Trunk, fits: &dyn Fn(&SocketAddr) -> bool| {
            found
                .get(&trunk.settings.name)
                .is_some_and(|addresses| addresses.iter().any(fits))
        };
        let exactly = |trunk: &&Arc<Trunk>| leads(trunk, &|address| *address == from);
        let nearly = |trunk: &&Arc<Trunk>| {
            let networks = &trunk.settings.accept_from;
            networks.iter().any(|network| network.has(from.ip())) || leads(trunk, &|address| address.ip() == from.ip())
        };
        let mut trunks = self.trunks.iter().filter(|trunk| trunk.settings.incoming);
        trunks.clone().find(exactly).or_else(|| trunks.find(nearly)).cloned()
    }

    /// The trunk whose name and password a caller may show.
    pub(crate) fn with_login(&self) -> impl Iterator<Item = &Arc<Trunk>> {
        self.trunks
            .iter()
            .filter(|trunk| trunk.settings.incoming && trunk.settings.incoming_login.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SipTrunk;

    #[test]
    fn ranges_have_what_they_say() {
        for (range, address, expected) in [
            ("198.51.100.0/24", "198.51.100.255", true),
            ("198.51.100.0/24", "198.51.101.0", false),
            ("198.51.100.7", "198.51.100.7", true),
            ("198.51.100.7", "198.51.100.8", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::9", true),
            ("2001:db8::/32", "2001:db9::9", false),
            ("::/0", "2001:db9::9", true),
        ] {
            let network: Network = range.parse().unwrap();
            assert_eq!(network.has(address.parse().unwrap()), expected, "{range} {address}");
        }
        for wrong in ["", "x", "1.2.3.4/33", "::1/129", "1.2.3.4/", "1.2.3/8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_port_decides_between_trunks_of_one_address() {
        let trunk = |name: &str, change: fn(&mut SipTrunk)| {
            let mut settings = SipTrunk::new(name, "far", 5060);
            change(&mut settings);
            Trunk::new(settings).unwrap()
        };
        let sources = Sources::new([
            trunk("a", |_| {}),
            trunk("b", |_| {}),
            trunk("c", |trunk| trunk.accept_from = vec!["203.0.113.0/24".parse().unwrap()]),
            trunk("off", |trunk| trunk.incoming = false),
        ]);
        sources.lead("a", vec!["192.0.2.1:5060".parse().unwrap()]);
        sources.lead("b", vec!["192.0.2.1:5070".parse().unwrap()]);
        sources.lead("off", vec!["192.0.2.9:5060".parse().unwrap()]);
        let name = |from: &str| {
            let trunk = sources.trunk(from.parse().unwrap());
            trunk.map(|trunk| trunk.settings.name.clone()).unwrap_or_default()
        };
        assert_eq!(name("192.0.2.1:5070"), "b");
        assert_eq!(name("192.0.2.1:5060"), "a");
        assert_eq!(name("192.0.2.1:40000"), "a");
        assert_eq!(name("203.0.113.200:5060"), "c");
        assert_eq!(name("192.0.2.9:5060"), "");
        assert!(sources.knows([192, 0, 2, 9].into()) && sources.knows([203, 0, 113, 7].into()));
        assert!(!sources.knows([198, 51, 100, 1].into()));
        assert_eq!(name("198.51.100.1:5060"), "");
    }
}
