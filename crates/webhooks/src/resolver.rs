//! Resolves names of receivers, and gives only addresses that we may connect to.
//!
//! What it gives is what is connected to, and a new connection asks again: a name that pointed elsewhere
//! when its URL was checked leads nowhere now. Addresses in URLs do not come by here; they are checked
//! before each request.

use std::{error::Error, net::SocketAddr, sync::Arc};

use outdial_engine::outgoing::Outgoing;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAddress {
    /// All its addresses are private.
    #[error(
        "{name} has no address that may be connected to, only {address}: the configuration can allow it under `webhooks.allow`"
    )]
    Private {
        /// The name.
        name: String,
        /// One of its addresses.
        address: std::net::IpAddr,
    },
    /// It has none.
    #[error("{0} has no address")]
    None(String),
}

/// A resolver that keeps to what the operator allows.
#[derive(Debug)]
pub(crate) struct GuardedResolver {
    outgoing: Arc<Outgoing>,
}

impl GuardedResolver {
    pub(crate) fn new(outgoing: Arc<Outgoing>) -> Self {
        Self { outgoing }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (outgoing, name) = (Arc::clone(&self.outgoing), name.as_str().to_owned());
        Box::pin(async move {
            // The port is put in by the caller.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            admitted(&outgoing, &name, found)
        })
    }
}

/// Those of the addresses that may be connected to.
fn admitted(outgoing: &Outgoing, name: &str, found: Vec<SocketAddr>) -> Result<Addrs, Box<dyn Error + Send + Sync>> {
    let Some(first) = found.first().map(SocketAddr::ip) else {
        return Err(NoAddress::None(name.to_owned()).into());
    };
    let trusted = outgoing.admits_host(name);
    let admitted: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| trusted || outgoing.admits(address.ip()))
        .collect();
    if admitted.is_empty() {
        let name = name.to_owned();
        return Err(NoAddress::Private { name, address: first }.into());
    }
    Ok(Box::new(admitted.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts
            .iter()
            .map(|text| SocketAddr::new(text.parse().unwrap(), 0))
            .collect()
    }

    #[test]
    fn private_addresses_are_left_out() {
        let outgoing = Outgoing::default();
        let found = addresses(&["10.0.0.1", "1.1.1.1", "::1"]);
        let kept: Vec<SocketAddr> = admitted(&outgoing, "a.example", found).unwrap().collect();
        assert_eq!(kept, addresses(&["1.1.1.1"]));
        for private in ["10.0.0.1", "::ffff:127.0.0.1", "fd00::1"] {
            let Err(refused) = admitted(&outgoing, "a.example", addresses(&[private])) else {
                panic!("{private} was admitted")
            };
            assert!(refused.to_string().contains("webhooks.allow"), "{refused}");
        }
        assert!(admitted(&outgoing, "a.example", Vec::new()).is_err());
        let allowing = Outgoing::allowing(["a.example"]).unwrap();
        assert!(admitted(&allowing, "a.example", addresses(&["10.0.0.1"])).is_ok());
    }
}
