//! Resolves names of receivers, and gives only addresses that we may connect to.
//!
//! What it gives is what is connected to, and a new connection asks again: a name that pointed elsewhere
//! when its URL was checked leads nowhere now. Addresses in URLs do not come by here; they are checked
//! before each request.

use std::{net::SocketAddr, sync::Arc};

use outdial_engine::outgoing::Outgoing;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

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
            let admitted: Addrs = Box::new(outgoing.admitted(&name, found)?.into_iter());
            Ok(admitted)
        })
    }
}
