//! A trunk as it is while the carrier runs.

mod keeper;
mod pace;
mod register;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rsipstack::sip::{Header, Uri};
use tokio::sync::Notify;

use crate::{
    bucket::Bucket,
    challenge::Challenges,
    config::{SipTransport, SipTrunk},
    flow::Door,
    tls::{self, TlsError},
};

pub(crate) use self::keeper::keep;
use self::state::Health;
pub use self::state::{HealthState, RegistrationState, TrunkState};

/// A trunk as it is while the carrier runs.
pub(crate) struct Trunk {
    pub(crate) settings: SipTrunk,
    /// How it is met.
    pub(crate) door: Door,
    /// The user that we register as reachable under. Nobody else knows it, so whoever calls it got it
    /// from the registrar.
    pub(crate) contact: String,
    /// The requests of it outside of calls that are looked at per second.
    pub(crate) asking: Mutex<Bucket>,
    standing: Mutex<Standing>,
    /// Tells when the registration changed.
    changed: Notify,
}

/// Requests of one trunk outside of calls that are looked at per second: new calls, mostly.
const PER_SECOND: f64 = 1000.0;

/// What is known of a trunk.
struct Standing {
    registration: RegistrationState,
    health: Health,
    /// The way that the registrar wants calls to take.
    routes: Vec<Header>,
}

impl Trunk {
    /// A trunk with these settings, about which nothing is known yet.
    #[cfg(test)]
    pub(crate) fn new(settings: SipTrunk) -> Result<Arc<Self>, TlsError> {
        Self::reached_as(settings, String::new())
    }

    /// The same, with the user that we register as reachable under.
    pub(crate) fn reached_as(settings: SipTrunk, contact: String) -> Result<Arc<Self>, TlsError> {
        let tls = match settings.transport {
            SipTransport::Tls => Some(tls::Client::new(&settings.tls)?),
            SipTransport::Udp | SipTransport::Tcp => None,
        };
        let door = Door {
            trunk: Some(settings.name.clone()),
            name: settings.place().host,
            tls,
            secure: false,
        };
        let standing = Standing {
            registration: match settings.register {
                Some(_) => RegistrationState::Pending,
                None => RegistrationState::NotWanted,
            },
            health: Health::new(settings.keep_alive.is_some()),
            routes: Vec::new(),
        };
        Ok(Arc::new(Self {
            settings,
            door,
            contact,
            asking: Mutex::new(Bucket::new(PER_SECOND, Instant::now())),
            standing: Mutex::new(standing),
            changed: Notify::new(),
        }))
    }

    /// Whether a URI is the one that we registered.
    pub(crate) fn is_registered_as(&self, uri: &Uri) -> bool {
        let user = uri.auth.as_ref().map_or("", |auth| auth.user.as_str());
        !self.contact.is_empty() && user == self.contact
    }

    /// Whom we are to whoever asks on this trunk.
    pub(crate) fn challenges(&self) -> Challenges {
        Challenges::new(self.settings.login(), format!("trunk `{}`", self.settings.name))
    }

    /// The `Route` to the outbound proxy, where there is one.
    pub(crate) fn proxy(&self) -> Option<Header> {
        let (host, port) = self.settings.proxy.as_ref()?;
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let transport = match self.settings.transport {
            SipTransport::Udp => "",
            SipTransport::Tcp => ";transport=tcp",
            SipTransport::Tls => ";transport=tls",
        };
        Some(Header::Route(format!("<sip:{host}{port}{transport};lr>").into()))
    }

    /// The way that calls are to take.
    pub(crate) fn routes(&self) -> Vec<Header> {
        self.proxy().into_iter().chain(self.standing().routes.clone()).collect()
    }

    /// Why no call can go out over it now, if none can.
    pub(crate) fn refusal(&self) -> Option<String> {
        match &self.standing().health.state {
            HealthState::Down { since, reason } => {
                let name = &self.settings.name;
                Some(format!("trunk `{name}` is down since {since:.0}: {reason}"))
            }
            HealthState::Unwatched | HealthState::Unknown | HealthState::Up { .. } => None,
        }
    }

    /// How it is doing.
    pub(crate) fn state(&self) -> TrunkState {
        let standing = self.standing();
        TrunkState {
            name: self.settings.name.clone(),
            registration: standing.registration.clone(),
            health: standing.health.state.clone(),
        }
    }

    fn is_registered(&self) -> bool {
        matches!(self.standing().registration, RegistrationState::Registered { .. })
    }

    fn heard(&self, answer: Result<Duration, String>, now: Timestamp) {
        self.standing().health.heard(answer, self.settings.down_after, now);
    }

    fn set_registration(&self, registration: RegistrationState) {
        self.standing().registration = registration;
        self.changed.notify_waiters();
    }

    /// The registration, once the trunk was told for the first time.
    pub(crate) async fn registration(&self) -> RegistrationState {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            let registration = self.standing().registration.clone();
            if registration != RegistrationState::Pending {
                return registration;
            }
            changed.await;
        }
    }

    fn not_registered(&self, reason: String, now: Timestamp) {
        let mut standing = self.standing();
        let since = match &standing.registration {
            RegistrationState::Failed { since, .. } => *since,
            _ => now,
        };
        standing.registration = RegistrationState::Failed { since, reason };
        drop(standing);
        self.changed.notify_waiters();
    }

    fn set_routes(&self, routes: Vec<Header>) {
        self.standing().routes = routes;
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
