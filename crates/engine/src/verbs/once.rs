//! Does once what is asked for more than once: idempotency keys, for every face.
//!
//! A face names the request by a key and a hash of what is asked for, and gives the verb that makes
//! something a way to write the answer. The answer is saved in the same transaction as what was made, so
//! no crash can separate the two: either the request was done and its answer is known, or neither. Of two
//! requests at the same moment, on whatever nodes, the store takes one. Refusals are not kept: the same
//! request may succeed later.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use outdial_domain::AccountId;
use sha2::{Digest, Sha256};

use crate::{
    Engine,
    ports::{FirstAnswer, StoreError},
};

/// How a verb gets the answer that is saved with what it makes. It may ask for it again when what is made turns out
/// to be something else at the last moment.
pub type Once<T> = Box<dyn Fn(&T) -> FirstAnswer + Send>;

/// Names a request: the same again has the same name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestName {
    account: AccountId,
    key: [u8; 32],
    request: [u8; 32],
}

impl RequestName {
    /// The name of a request of this account. `kind` keeps keys of different kinds apart, as a header
    /// and a field of the body. `request` is the [hash](hash_request) of what is asked for.
    #[must_use]
    pub fn new(account: AccountId, kind: &str, key: &str, request: [u8; 32]) -> Self {
        Self {
            account,
            key: hash_request(&[kind.as_bytes(), key.as_bytes()]),
            request,
        }
    }

    /// What the store keeps when this request was answered.
    #[must_use]
    pub fn answered(&self, answer: Vec<u8>, now: Timestamp, kept_until: Timestamp) -> FirstAnswer {
        FirstAnswer {
            account: self.account,
            key: self.key,
            request: self.request,
            answer,
            made_at: now,
            kept_until,
        }
    }
}

/// The hash of everything that makes a request this one and no other: what is done, and with what. Parts
/// are hashed with their lengths, so that no two lists of parts are alike.
#[must_use]
pub fn hash_request(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// What is known of a request before it is done.
pub enum Known<'e> {
    /// Nothing: do it, and keep this until its answer is saved.
    Nothing(UnderWay<'e>),
    /// It was done, and answered so.
    Answered(Vec<u8>),
    /// The key was used for another request.
    AnotherRequest,
    /// The same is being done on this node at this moment.
    UnderWay,
}

/// Looks whether a request with this key was done already.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn look_up_request(engine: &Engine, name: RequestName) -> Result<Known<'_>, StoreError> {
    // First in line, so that of two on this node one sees what the other left.
    let Some(under_way) = engine.inner().requests.enter(name) else {
        return Ok(Known::UnderWay);
    };
    let found = engine
        .store
        .first_answer(name.account, name.key, engine.ids.now())
        .await?;
    Ok(match found {
        None => Known::Nothing(under_way),
        Some(first) if first.request == name.request => Known::Answered(first.answer),
        Some(_) => Known::AnotherRequest,
    })
}

/// The keys of requests that are being done on this node.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<HashSet<(AccountId, [u8; 32])>>);

impl Requests {
    fn set(&self) -> MutexGuard<'_, HashSet<(AccountId, [u8; 32])>> {
        // The set is whole after every single operation on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, name: RequestName) -> Option<UnderWay<'_>> {
        let key = (name.account, name.key);
        // Only who is first gets one: dropping it takes the key out, and takes the lock for that.
        if self.set().insert(key) {
            Some(UnderWay { requests: self, key })
        } else {
            None
        }
    }
}

/// A request that is being done, for as long as this lives.
#[derive(Debug)]
pub struct UnderWay<'e> {
    requests: &'e Requests,
    key: (AccountId, [u8; 32]),
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.requests.set().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_requests_at_once_with_one_key_one_is_let_in() {
        let requests = Requests::default();
        let account = AccountId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let name = RequestName::new(account, "header", "a", hash_request(&[b"x"]));
        let first = requests.enter(name);
        assert!(first.is_some());
        assert!(requests.enter(name).is_none());
        assert!(requests.enter(name).is_none(), "the second took nothing out");
        drop(first);
        assert!(requests.enter(name).is_some());
    }

    #[test]
    fn a_name_tells_accounts_keys_and_requests_apart() {
        let account = |byte| AccountId::new(Timestamp::UNIX_EPOCH, [byte; 10]);
        let name =
            |byte, kind, key, request: &[&[u8]]| RequestName::new(account(byte), kind, key, hash_request(request));
        let one = name(1, "header", "a", &[b"x", b"y"]);
        assert!(one == name(1, "header", "a", &[b"x", b"y"]));
        for other in [
            name(2, "header", "a", &[b"x", b"y"]),
            name(1, "field", "a", &[b"x", b"y"]),
            name(1, "header", "b", &[b"x", b"y"]),
            name(1, "header", "a", &[b"xy"]),
            name(1, "header", "a", &[b"xy", b""]),
        ] {
            assert!(one != other);
        }
    }
}
