//! Large byte strings in the database, where every node finds them.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use outdial_engine::ports::{BlobError, Blobs};
use sqlx::PgPool;

use super::error::unavailable;
use crate::blobs::{is_name, name_of};

pub(super) const PUT: &str = "INSERT INTO blob (hash, bytes) VALUES ($1, $2) \
     ON CONFLICT (hash) DO UPDATE SET bytes = excluded.bytes WHERE blob.bytes <> excluded.bytes";
pub(super) const GET: &str = "SELECT bytes FROM blob WHERE hash = $1";

/// Blobs in the database of a [`PostgresStore`](crate::PostgresStore), for several nodes. One that keeps
/// its state in a file keeps its blobs in [`FileBlobs`](crate::FileBlobs).
#[derive(Debug, Clone)]
pub struct PostgresBlobs {
    pool: PgPool,
}

impl PostgresBlobs {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

impl Blobs for PostgresBlobs {
    fn put(&self, bytes: Arc<[u8]>) -> BoxFuture<'_, Result<String, BlobError>> {
        async move {
            let hash = name_of(&bytes);
            // A damaged row is not taken for the blob: it is written again.
            let put = sqlx::query(PUT).bind(&hash).bind(&*bytes).execute(&self.pool).await;
            put.map(|_| hash).map_err(|error| failed(&error))
        }
        .boxed()
    }

    fn get<'a>(&'a self, hash: &'a str) -> BoxFuture<'a, Result<Arc<[u8]>, BlobError>> {
        async move {
            let missing = || BlobError::Missing(hash.chars().take(64).collect());
            if !is_name(hash) {
                return Err(missing());
            }
            let found: Option<Vec<u8>> = sqlx::query_scalar(GET)
                .bind(hash)
                .fetch_optional(&self.pool)
                .await
                .map_err(|error| failed(&error))?;
            let bytes = found.ok_or_else(missing)?;
            if name_of(&bytes) != hash {
                return Err(BlobError::Io(format!(
                    "the blob {hash} is damaged: restore the database from a backup, or upload the file again"
                )));
            }
            Ok(bytes.into())
        }
        .boxed()
    }
}

fn failed(error: &sqlx::Error) -> BlobError {
    BlobError::Io(unavailable(error).to_string())
}
