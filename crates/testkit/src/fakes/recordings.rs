//! The sound of recordings in memory.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::{BoxFuture, FutureExt, ready};
use outdial_domain::RecordingId;
use outdial_engine::ports::{BlobError, RecordingFile, RecordingFiles};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// Keeps recordings in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryRecordings {
    files: Arc<Mutex<HashMap<RecordingId, Bytes>>>,
    /// How many bytes there is room for; no end to it without one.
    room: Arc<Mutex<Option<usize>>>,
}

impl MemoryRecordings {
    /// From now on files grow to this size and no further, as on a full disk; `None` mends it.
    pub fn fill_disk(&self, room: Option<usize>) {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = room;
    }

    /// The bytes of a file, if it is there.
    #[must_use]
    pub fn bytes(&self, id: RecordingId) -> Option<Vec<u8>> {
        let file = self.file(id)?;
        let bytes = file.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Some(bytes)
    }

    fn file(&self, id: RecordingId) -> Option<Bytes> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(&id).cloned()
    }

    fn growing(&self, bytes: Bytes) -> Box<dyn RecordingFile> {
        let room = Arc::clone(&self.room);
        Box::new(Growing { bytes, room })
    }
}

impl RecordingFiles for MemoryRecordings {
    fn create(&self, id: RecordingId) -> io::Result<Box<dyn RecordingFile>> {
        if self.file(id).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let bytes = Bytes::default();
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(id, Arc::clone(&bytes));
        Ok(self.growing(bytes))
    }

    fn reopen(&self, id: RecordingId) -> io::Result<Box<dyn RecordingFile>> {
        let bytes = self.file(id).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.growing(bytes))
    }

    fn read(&self, id: RecordingId, from: u64, most: usize) -> BoxFuture<'_, Result<Vec<u8>, BlobError>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let read = match self.bytes(id) {
            Some(bytes) => Ok(bytes.into_iter().skip(from).take(most).collect()),
            None => Err(BlobError::Missing(id.to_string())),
        };
        ready(read).boxed()
    }

    fn remove(&self, id: RecordingId) -> BoxFuture<'_, Result<(), BlobError>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        ready(Ok(())).boxed()
    }
}

struct Growing {
    bytes: Bytes,
    room: Arc<Mutex<Option<usize>>>,
}

impl RecordingFile for Growing {
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }

    fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        let place = usize::try_from(place).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut kept = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let end = place + bytes.len();
        let room = *self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if room.is_some_and(|room| end > room && end > kept.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if kept.len() < end {
            kept.resize(end, 0);
        }
        kept[place..end].copy_from_slice(bytes);
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .resize(length, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryRecordings;

    async fn empty() -> Option<(MemoryRecordings, ())> {
        Some((MemoryRecordings::default(), ()))
    }

    crate::recordings_suite!(empty);
}
