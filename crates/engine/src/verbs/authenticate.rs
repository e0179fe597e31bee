//! Finds out whose secret it is.

use outdial_domain::Key;

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
/// Looking a hash up in an index takes the same time whichever bytes differ, so nothing about a
/// secret can be learnt by timing.
///
/// # Errors
///
/// [`AuthenticateError`] when it opens nothing.
pub async fn authenticate(engine: &Engine, secret: &str) -> Result<Key, AuthenticateError> {
    let key = engine
        .store
        .key_by_hash(hash_secret(secret))
        .await?
        .ok_or(AuthenticateError::Unknown)?;
    if key.is_live(engine.ids.now()) {
        Ok(key)
    } else {
        Err(AuthenticateError::Expired)
    }
}
