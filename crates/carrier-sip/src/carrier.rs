//! The carrier as the engine sees it.

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use outdial_engine::ports::{Answer, Ask, Ids, IncomingLeg, LegHandle, LegOrder, RingError, VoiceCarrier};
use outdial_media_io::MediaEngine;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    ProbeError, ProbeReport, StartError,
    config::SipConfig,
    hep::{Exporter, HepCount},
    leg,
    names::Lead,
    probe,
    start::{self, Shared},
    target::Target,
    tls::TlsReport,
    trunk::{RegistrationState, Trunk, TrunkState},
    way::{self, Way},
};

/// How long a trunk that is asked after may take to let us register.
const REGISTERS_WITHIN: Duration = Duration::from_secs(10);

/// Rings legs over SIP. Dropping it ends what serves its socket and every leg under way, without telling
/// the far sides: hang the legs up first.
pub struct SipCarrier {
    shared: Arc<Shared>,
    _stop: DropGuard,
}

impl SipCarrier {
    /// Opens the SIP socket and begins to serve it. Needs a running tokio.
    ///
    /// # Errors
    ///
    /// [`StartError`] says what is wrong with the settings or the address.
    pub fn start(config: SipConfig, media: MediaEngine, ids: Ids) -> Result<Self, StartError> {
        let stop = CancellationToken::new();
        let shared = start::start(config, media, ids, &stop)?;
        Ok(Self {
            shared,
            _stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local
    }

    /// Where it listens for TLS, if it does.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        let port = self.shared.tls_port?;
        Some(SocketAddr::new(self.shared.local.ip(), port))
    }

    /// How many legs are under way.
    #[must_use]
    pub fn live(&self) -> usize {
        self.shared.legs.count()
    }

    /// How many SIP transactions are open, finished ones that still absorb repetitions not counted.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.shared.endpoint.get_stats().running_transactions
    }

    /// Asks a trunk whether it is there and lets us register, without ringing anybody.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] says what to look at.
    pub async fn probe(&self, trunk: &str) -> Result<ProbeReport, ProbeError> {
        let known = self.known(trunk)?;
        let report = probe::probe(&self.shared, known).await?;
        match tokio::time::timeout(REGISTERS_WITHIN, known.registration()).await {
            Ok(RegistrationState::Failed { reason, .. }) => Err(ProbeError::NotRegistered(reason)),
            Ok(_) => Ok(report),
            Err(_) => Err(ProbeError::NotRegistered(
                "it did not answer the REGISTER in time".into(),
            )),
        }
    }

    /// Where the name of a trunk leads, in the order in which calls try it, as
    /// `192.0.2.1:5060 over UDP (A)`, with the places that are of no use to us.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] when it leads nowhere.
    pub async fn leads_to(&self, trunk: &str) -> Result<Vec<Lead>, ProbeError> {
        let settings = &self.known(trunk)?.settings;
        let unresolved = |reason| ProbeError::Unresolved {
            host: settings.host.clone(),
            reason,
        };
        self.shared.names.leads(&settings.place()).await.map_err(unresolved)
    }

    /// By which way a place that the name of a trunk leads to is reached, and whether a connection comes
    /// about where one is needed.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] when no way leads there.
    pub async fn way_to(&self, lead: &Lead) -> Result<Way, ProbeError> {
        way::look(&self.shared, lead.hop).await
    }

    /// Agrees with a place that the name of a trunk leads to on TLS, and looks at the certificate that it
    /// shows.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] says why there is no agreement, and what to do.
    pub async fn tls_at(&self, trunk: &str, lead: &Lead) -> Result<TlsReport, ProbeError> {
        way::tls(&self.known(trunk)?.door, lead.hop).await
    }

    fn known(&self, trunk: &str) -> Result<&Arc<Trunk>, ProbeError> {
        let known = self.shared.trunks.get(trunk);
        known.ok_or_else(|| ProbeError::NoTrunk(trunk.to_owned()))
    }

    /// How the trunks are doing, by name.
    #[must_use]
    pub fn trunks(&self) -> Vec<TrunkState> {
        let mut states: Vec<_> = self.shared.trunks.values().map(|trunk| trunk.state()).collect();
        states.sort_by(|one, other| one.name.cmp(&other.name));
        states
    }

    /// How many messages the collector was told of, where there is one.
    #[must_use]
    pub fn hep(&self) -> Option<HepCount> {
        self.shared.hep.as_ref().map(Exporter::count)
    }

    /// Tells registrars that we are gone, and waits a little for them to hear it. Legs are left alone.
    pub async fn stop(&self) {
        self.shared.closing.cancel();
        self.shared.keepers.close();
        let within = 8 * self.shared.t1();
        if tokio::time::timeout(within, self.shared.keepers.wait()).await.is_err() {
            tracing::warn!("a registrar was not told in time that we are gone");
        }
    }

    fn trunk(&self, name: Option<&str>) -> Result<Option<&Arc<Trunk>>, String> {
        match name {
            None => Ok(None),
            Some(name) => match self.shared.trunks.get(name) {
                Some(trunk) => Ok(Some(trunk)),
                None => Err(format!("there is no SIP trunk named `{name}`")),
            },
        }
    }
}

impl VoiceCarrier for SipCarrier {
    fn incoming(&self) -> Option<mpsc::Receiver<IncomingLeg>> {
        let mut calls = self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.take()
    }

    fn can(&self, ask: &Ask<'_>) -> Answer {
        let trunk = match self.trunk(ask.trunk) {
            Ok(trunk) => trunk,
            Err(reason) => return Answer::No(reason),
        };
        if let Some(reason) = trunk.and_then(|trunk| trunk.refusal()) {
            return Answer::No(reason);
        }
        match Target::new(trunk, ask.to, None) {
            Ok(_) => Answer::Legs,
            Err(reason) => Answer::No(reason),
        }
    }

    fn ring(&self, order: LegOrder) -> BoxFuture<'_, Result<LegHandle, RingError>> {
        Box::pin(async move {
            if is_past(order.send_before) {
                return Err(RingError::TooLate);
            }
            let trunk = self.trunk(order.trunk.as_deref()).map_err(RingError::Refused)?;
            let target = Target::new(trunk, &order.to, order.from.as_ref()).map_err(RingError::Refused)?;
            leg::ring(&self.shared, &order, target).await
        })
    }
}

/// Whether the moment until which something may be sent has passed.
pub(crate) fn is_past(send_before: Option<Instant>) -> bool {
    send_before.is_some_and(|moment| Instant::now() >= moment)
}
