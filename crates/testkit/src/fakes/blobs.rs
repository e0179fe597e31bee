//! Blobs in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::{BoxFuture, FutureExt, ready};
use outdial_engine::ports::{BlobError, Blobs};
use sha2::{Digest, Sha256};

/// Keeps blobs in memory.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    kept: Mutex<HashMap<String, Arc<[u8]>>>,
    failure: Mutex<Option<BlobError>>,
}

impl MemoryBlobs {
    /// From now on every operation fails like this; `None` mends it.
    pub fn fail(&self, with: Option<BlobError>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = with;
    }

    fn working(&self) -> Result<(), BlobError> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone().map_or(Ok(()), Err)
    }
}

impl Blobs for MemoryBlobs {
    fn put(&self, bytes: Arc<[u8]>) -> BoxFuture<'_, Result<String, BlobError>> {
        let put = self.working().map(|()| {
            let hash: String = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            self.kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(hash.clone(), bytes);
            hash
        });
        ready(put).boxed()
    }

    fn get<'a>(&'a self, hash: &'a str) -> BoxFuture<'a, Result<Arc<[u8]>, BlobError>> {
        let got = self.working().and_then(|()| {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get(hash)
                .cloned()
                .ok_or_else(|| BlobError::Missing(hash.to_owned()))
        });
        ready(got).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryBlobs;

    async fn empty() -> Option<(MemoryBlobs, ())> {
        Some((MemoryBlobs::default(), ()))
    }

    crate::blobs_suite!(empty);
}
