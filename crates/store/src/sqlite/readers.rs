//! Connections that only read. They never wait for the writer, nor it for them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use outdial_engine::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

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
    pub(super) async fn read<T, R>(&self, read: R) -> Result<T, StoreError>
    where
        T: Send + 'static,
        R: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| closed())?;
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        let reading = tokio::task::spawn_blocking(move || {
            let _place = place;
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
        });
        reading.await.map_err(|_| closed())?
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
