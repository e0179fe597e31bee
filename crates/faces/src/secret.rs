//! Secrets that the configuration gives to clients of other services.

use outdial_engine::verbs::hash_secret;
use secrecy::{ExposeSecret as _, SecretString};

/// Whether these are the same. The hashes are compared, so how long it takes tells nothing of the secret.
pub(crate) fn is_same(known: &SecretString, given: &str) -> bool {
    hash_secret(known.expose_secret()) == hash_secret(given)
}
