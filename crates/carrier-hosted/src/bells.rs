//! Callbacks: a service says that something has happened to a call or a text.
//!
//! What it says of that is not believed, because some services sign nothing: it is asked at once, by the way that its
//! credentials protect. So a callback that is forged, old or out of order makes one question more, and nothing else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    routing::post,
};
use ring::{digest, hmac};
use tokio::sync::Notify;

/// How much a callback may say.
const LONGEST_BODY: usize = 64 * 1024;

/// The bells of what is followed, by the names of legs and messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bells(Arc<Mutex<HashMap<String, Arc<Notify>>>>);

/// A bell that hangs until it is dropped.
#[derive(Debug)]
pub(crate) struct Bell {
    bells: Bells,
    name: String,
    rung: Arc<Notify>,
}

impl Bells {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        // A map is whole after every single operation on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hang(&self, name: &str) -> Bell {
        let rung = Arc::clone(self.all().entry(name.to_owned()).or_default());
        Bell {
            bells: self.clone(),
            name: name.to_owned(),
            rung,
        }
    }

    /// Says whether there is such a bell.
    fn ring(&self, name: &str) -> bool {
        let bell = self.all().get(name).cloned();
        bell.inspect(|bell| bell.notify_one()).is_some()
    }
}

impl Bell {
    /// Waits until it is rung. One that is rung while nobody waits is heard by the next who does.
    pub(crate) async fn rung(&self) {
        self.rung.notified().await;
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.bells.all().remove(&self.name);
    }
}

/// Where the services ring: the last part of a path that nobody can guess who does not know the trunk's secret.
pub(crate) fn path(service: &str, trunk: &str, secret: &str, subject: &str) -> String {
    format!("/callbacks/{service}/{}/{subject}", door(trunk, secret))
}

/// A name for a trunk that says nothing of its secret.
pub(crate) fn door(trunk: &str, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("callbacks of {trunk}").as_bytes());
    hex(&tag.as_ref()[..16])
}

/// The first letters of what a text comes to, for names that must be short.
pub(crate) fn fingerprint(text: &str) -> String {
    hex(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a callback is handed to that rings no bell, with its trunk: it may be for a text of an earlier run.
pub(crate) type Unheard = Arc<dyn Fn(&str, &[u8]) + Send + Sync>;

struct Doors {
    /// The trunk of each.
    doors: HashMap<String, String>,
    bells: Bells,
    unheard: Unheard,
}

/// Serves the callbacks of a service. The doors are those of its trunks.
pub(crate) fn router(service: &str, doors: HashMap<String, String>, bells: Bells, unheard: Unheard) -> Router {
    let doors = Arc::new(Doors { doors, bells, unheard });
    Router::new()
        .route(&format!("/callbacks/{service}/{{door}}/{{subject}}"), post(called))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(doors)
}

async fn called(
    State(doors): State<Arc<Doors>>,
    Path((door, subject)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let Some(trunk) = doors.doors.get(&door) else {
        return StatusCode::NOT_FOUND;
    };
    if !doors.bells.ring(&subject) {
        (doors.unheard)(trunk, &body);
    }
    StatusCode::OK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bells_are_heard_once_and_taken_down() {
        let bells = Bells::default();
        assert!(!bells.ring("leg_1"));
        let bell = bells.hang("leg_1");
        assert!(bells.ring("leg_1") && bells.ring("leg_1"));
        bell.rung().await;
        assert!(futures_util::poll!(std::pin::pin!(bell.rung())).is_pending());
        drop(bell);
        assert!(!bells.ring("leg_1"));
    }

    #[test]
    fn doors_differ_by_trunk_and_secret() {
        let one = door("a", "secret");
        assert_eq!(one, door("a", "secret"));
        assert!(one != door("b", "secret") && one != door("a", "other"));
        assert!(!path("exotel", "a", "secret", "leg_1").contains("secret"));
    }
}
