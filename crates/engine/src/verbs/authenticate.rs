//! Finds out whose secret it is.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use outdial_domain::Key;
use tokio::time::Instant;

use super::hash_secret;
use crate::{Engine, ports::StoreError};

/// Why a secret opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticateError {
    /// No key has this secret.
    #[error("no key has this secret")]
    Unknown,
    /// The key's time is over.
    #[error("this key has expired")]
    Expired,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The key of a secret.
///
/// Looking a hash up takes the same time whichever bytes of the secret differ, so nothing about it
/// can be learnt by timing.
///
/// # Errors
///
/// [`AuthenticateError`] when it opens nothing.
pub async fn authenticate(engine: &Engine, secret: &str) -> Result<Key, AuthenticateError> {
    let hash = hash_secret(secret);
    let known = &engine.inner().keys;
    let key = match known.find(&hash) {
        Some(key) => key,
        None => {
            let found = engine
                .store
                .key_by_hash(hash)
                .await?
                .ok_or(AuthenticateError::Unknown)?;
            known.keep(hash, found.clone());
            found
        }
    };
    if key.is_live(engine.ids.now()) {
        Ok(key)
    } else {
        Err(AuthenticateError::Expired)
    }
}

/// Keys that were used a moment ago, so that a busy client costs one look into the store in a while.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys(Mutex<HashMap<[u8; 32], (Key, Instant)>>);

impl KnownKeys {
    /// How long a key that another node has removed may still open something here.
    const FRESH: Duration = Duration::from_secs(2);
    /// More keys than these are not remembered.
    const MOST: usize = 10_000;

    fn map(&self) -> MutexGuard<'_, HashMap<[u8; 32], (Key, Instant)>> {
        // The map is whole after every single operation on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, hash: &[u8; 32]) -> Option<Key> {
        let map = self.map();
        let (key, since) = map.get(hash)?;
        (since.elapsed() < Self::FRESH).then(|| key.clone())
    }

    fn keep(&self, hash: [u8; 32], key: Key) {
        let mut map = self.map();
        if map.len() >= Self::MOST {
            map.clear();
        }
        map.insert(hash, (key, Instant::now()));
    }

    /// Forgets all of them, after one was removed.
    pub(crate) fn forget(&self) {
        self.map().clear();
    }
}
