//! The port to whatever keeps large byte strings: uploads and recordings.

use std::sync::Arc;

use futures_util::future::BoxFuture;

/// Keeps byte strings under the SHA-256 of what they contain, in hexadecimal.
pub trait Blobs: Send + Sync {
    /// Keeps the bytes, durably, and gives their hash. Keeping the same bytes twice is one blob.
    ///
    /// # Errors
    ///
    /// [`BlobError`] when they could not be kept; nothing half-written remains.
    fn put(&self, bytes: Arc<[u8]>) -> BoxFuture<'_, Result<String, BlobError>>;

    /// The bytes with this hash.
    ///
    /// # Errors
    ///
    /// [`BlobError::Missing`] when there are none.
    fn get<'a>(&'a self, hash: &'a str) -> BoxFuture<'a, Result<Arc<[u8]>, BlobError>>;
}

/// Why a blob cannot be kept or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// There is none of this name.
    #[error("no stored bytes have the hash {0}")]
    Missing(String),
    /// The disk did not do it.
    #[error("{0}")]
    Io(String),
}
