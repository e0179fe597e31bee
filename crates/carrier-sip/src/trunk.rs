//! A trunk as it is while the carrier runs.

use std::sync::Arc;

use crate::{
    config::{SipTransport, SipTrunk},
    flow::Door,
    tls::{self, TlsError},
};

/// A trunk as it is while the carrier runs.
pub(crate) struct Trunk {
    pub(crate) settings: SipTrunk,
    /// How it is met.
    pub(crate) door: Door,
}

impl Trunk {
    /// A trunk with these settings, about which nothing is known yet.
    pub(crate) fn new(settings: SipTrunk) -> Result<Arc<Self>, TlsError> {
        let tls = match settings.transport {
            SipTransport::Tls => Some(tls::client(&settings.tls)?),
            SipTransport::Udp | SipTransport::Tcp => None,
        };
        let door = Door {
            trunk: Some(settings.name.clone()),
            name: settings.host.clone(),
            tls,
            secure: false,
        };
        Ok(Arc::new(Self { settings, door }))
    }
}
