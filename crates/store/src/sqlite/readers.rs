//! Connections that only read. They never wait for the writer, nor it for them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use outdial_engine::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    error::{Failure, closed},
    open,
};

/// How many readers there may be at once. They share the processor with everything else, and a read
/// takes some tens of microseconds.
const READERS: usize = 4;

/// Opens connections when they are needed, and keeps them.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Arc::default(),
            places: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// Reads, on a thread that may wait for the disk. What it reads is as it was at one moment.
    ///
    /// It waits for its place in a task of its own: whoever asked may stop polling for a while, as a stream
    /// whose listener is slow, and must not keep a place that everybody else then waits for.
    pub(super) async fn read<T, R>(&self, read: R) -> Result<T, StoreError>
    where
        T: Send + 'static,
        R: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (path, idle, places) = (self.path.clone(), Arc::clone(&self.idle), Arc::clone(&self.places));
        let reading = move |place| {
            let _place: OwnedSemaphorePermit = place;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match kept {
                Some(connection) => connection,
                None => open::reader(&path).map_err(Failure::from)?,
            };
            let moment = connection.transaction().map_err(Failure::from)?;
            let result = read(&moment);
            moment.finish().map_err(Failure::from)?;
            if !matches!(result, Err(Failure::Database(_))) {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            Ok(result?)
        };
        let placed = tokio::spawn(async move {
            let place = places.acquire_owned().await.map_err(|_| closed())?;
            let read = tokio::task::spawn_blocking(move || reading(place)).await;
            read.map_err(|_| closed())?
        });
        placed.await.map_err(|_| closed())?
    }

    /// Lets nobody read any more, and closes what is open.
    pub(super) async fn close(&self) {
        if let Ok(all) = self
            .places
            .acquire_many(u32::try_from(READERS).unwrap_or(u32::MAX))
            .await
        {
            all.forget();
        }
        self.places.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
