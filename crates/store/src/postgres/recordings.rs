//! The sound of recordings of several nodes: a file of the node that records, and parts in the database,
//! where every node finds them, once it is complete.

use std::{io, path::Path};

use futures_util::{FutureExt, future::BoxFuture};
use outdial_domain::RecordingId;
use outdial_engine::ports::{BlobError, RecordingFile, RecordingFiles};
use sqlx::PgPool;

use super::{PostgresStore, error::unavailable};
use crate::{
    FileRecordings,
    blobs::{at, off_the_runtime},
    recordings::read_part,
};

/// Bytes of each part but the last.
const PART: usize = 256 * 1024;

const PUT: &str = "INSERT INTO recording_part (recording_id, part, bytes) VALUES ($1, $2, $3) \
     ON CONFLICT (recording_id, part) DO UPDATE SET bytes = excluded.bytes";
const GET: &str = "SELECT substring(bytes FROM $3 FOR $4) FROM recording_part WHERE recording_id = $1 AND part = $2";
const ANY: &str = "SELECT count(*) FROM recording_part WHERE recording_id = $1 AND part = 0";
const REMOVE: &str = "DELETE FROM recording_part WHERE recording_id = $1";

/// Recordings of a node of a [`PostgresStore`].
#[derive(Debug, Clone)]
pub struct PostgresRecordings {
    growing: FileRecordings,
    pool: PgPool,
}

impl PostgresStore {
    /// The recordings of this database; those that grow are in this directory of the node.
    ///
    /// # Errors
    ///
    /// [`BlobError::Io`] when the directory cannot be made.
    pub fn recordings(&self, directory: &Path) -> Result<PostgresRecordings, BlobError> {
        Ok(PostgresRecordings {
            growing: FileRecordings::open(directory)?,
            pool: self.pool.clone(),
        })
    }
}

impl PostgresRecordings {
    /// A part of the file of this node.
    async fn local(&self, id: RecordingId, from: u64, most: usize) -> Result<Vec<u8>, BlobError> {
        self.growing.read(id, from, most).await
    }

    /// All parts in one transaction: another node finds the whole recording, or nothing.
    async fn upload(&self, id: RecordingId) -> Result<(), BlobError> {
        let mut transaction = self.pool.begin().await.map_err(|error| failed(&error))?;
        for part in 0_u32.. {
            let path = self.growing.file(id);
            let from = u64::from(part) * PART as u64;
            let read = move || read_part(&path, from, PART).map_err(|error| at(&path, &error));
            let bytes = off_the_runtime(read).await?;
            if bytes.is_empty() {
                break;
            }
            sqlx::query(PUT)
                .bind(id.uuid())
                .bind(i64::from(part))
                .bind(bytes)
                .execute(&mut *transaction)
                .await
                .map_err(|error| failed(&error))?;
        }
        transaction.commit().await.map_err(|error| failed(&error))
    }

    async fn download(&self, id: RecordingId, from: u64, most: usize) -> Result<Vec<u8>, BlobError> {
        let mut bytes = Vec::with_capacity(most.min(PART));
        while bytes.len() < most {
            let place = from + bytes.len() as u64;
            let within = usize::try_from(place % PART as u64).unwrap_or(0);
            let wanted = (most - bytes.len()).min(PART - within);
            let part: Option<Vec<u8>> = sqlx::query_scalar(GET)
                .bind(id.uuid())
                .bind(i64::try_from(place / PART as u64).unwrap_or(i64::MAX))
                // The first byte is the first, not byte 0.
                .bind(i32::try_from(within + 1).unwrap_or(i32::MAX))
                .bind(i32::try_from(wanted).unwrap_or(i32::MAX))
                .fetch_optional(&self.pool)
                .await
                .map_err(|error| failed(&error))?;
            let part = part.unwrap_or_default();
            let ended = part.len() < wanted;
            bytes.extend(part);
            if ended {
                break;
            }
        }
        if bytes.is_empty() && !self.is_there(id).await? {
            return Err(BlobError::Missing(id.to_string()));
        }
        Ok(bytes)
    }

    async fn is_there(&self, id: RecordingId) -> Result<bool, BlobError> {
        let count: i64 = sqlx::query_scalar(ANY)
            .bind(id.uuid())
            .fetch_one(&self.pool)
            .await
            .map_err(|error| failed(&error))?;
        Ok(count > 0)
    }
}

impl RecordingFiles for PostgresRecordings {
    fn create(&self, id: RecordingId) -> io::Result<Box<dyn RecordingFile>> {
        self.growing.create(id)
    }

    fn reopen(&self, id: RecordingId) -> io::Result<Box<dyn RecordingFile>> {
        self.growing.reopen(id)
    }

    fn share(&self, id: RecordingId) -> BoxFuture<'_, Result<(), BlobError>> {
        async move {
            self.upload(id).await?;
            self.growing.remove(id).await
        }
        .boxed()
    }

    fn read(&self, id: RecordingId, from: u64, most: usize) -> BoxFuture<'_, Result<Vec<u8>, BlobError>> {
        async move {
            match self.local(id, from, most).await {
                Err(BlobError::Missing(_)) => self.download(id, from, most).await,
                read => read,
            }
        }
        .boxed()
    }

    fn remove(&self, id: RecordingId) -> BoxFuture<'_, Result<(), BlobError>> {
        async move {
            self.growing.remove(id).await?;
            let removed = sqlx::query(REMOVE).bind(id.uuid()).execute(&self.pool).await;
            removed.map(drop).map_err(|error| failed(&error))
        }
        .boxed()
    }
}

fn failed(error: &sqlx::Error) -> BlobError {
    BlobError::Io(unavailable(error).to_string())
}
