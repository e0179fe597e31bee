//! When connections that came in last brought a whole message.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use tokio::time::Instant;

/// The connections that came in. One that sends the beginning of a message and never its end takes a
/// place that somebody else could use; the library bounds how long such a message gets, not how slowly.
#[derive(Default)]
pub(crate) struct Pulse(Mutex<HashMap<SocketAddr, Option<Instant>>>);

impl Pulse {
    pub(super) fn begins(&self, far: SocketAddr) {
        self.all().insert(far, None);
    }

    pub(super) fn ends(&self, far: SocketAddr) {
        self.all().remove(&far);
    }

    /// A message came. From whoever has no connection here it is no concern of ours.
    pub(crate) fn beats(&self, far: SocketAddr) {
        if let Some(last) = self.all().get_mut(&far) {
            *last = Some(Instant::now());
        }
    }

    /// When the last message came; nothing if there was none.
    pub(super) fn last(&self, far: SocketAddr) -> Option<Instant> {
        self.all().get(&far).copied().flatten()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<SocketAddr, Option<Instant>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
