//! The sound of recordings as files that grow.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use futures_util::future::BoxFuture;
use outdial_domain::RecordingId;
use outdial_engine::ports::{BlobError, RecordingFile, RecordingFiles};

use crate::{
    blobs::{at, make_directory, off_the_runtime},
    sqlite::open::sync_parent,
};

/// Recordings as files `rec_….wav` in one directory, readable by their owner only. The names are ids, so
/// no name leads out of it.
#[derive(Debug, Clone)]
pub struct FileRecordings {
    directory: PathBuf,
}

impl FileRecordings {
    /// Keeps recordings in this directory, and makes it when it is not there.
    ///
    /// # Errors
    ///
    /// [`BlobError::Io`] when the directory cannot be made.
    pub fn open(directory: &Path) -> Result<Self, BlobError> {
        make_directory(directory).map_err(|error| at(directory, &error))?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    pub(crate) fn file(&self, id: RecordingId) -> PathBuf {
        file_of(&self.directory, id)
    }
}

/// Where the sound of a recording is.
pub(crate) fn file_of(directory: &Path, id: RecordingId) -> PathBuf {
    directory.join(format!("{id}.wav"))
}

impl RecordingFiles for FileRecordings {
    fn create(&self, id: RecordingId) -> io::Result<Box<dyn RecordingFile>> {
        let path = self.file(id);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        // A name that a power failure takes back would leave a recording without sound.
        sync_parent(&path)?;
        Ok(Box::new(Growing(file)))
    }

    fn reopen(&self, id: RecordingId) -> io::Result<Box<dyn RecordingFile>> {
        let file = OpenOptions::new().write(true).open(self.file(id))?;
        Ok(Box::new(Growing(file)))
    }

    fn read(&self, id: RecordingId, from: u64, most: usize) -> BoxFuture<'_, Result<Vec<u8>, BlobError>> {
        let path = self.file(id);
        Box::pin(off_the_runtime(move || {
            read_part(&path, from, most).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => BlobError::Missing(id.to_string()),
                _ => at(&path, &error),
            })
        }))
    }

    fn remove(&self, id: RecordingId) -> BoxFuture<'_, Result<(), BlobError>> {
        let path = self.file(id);
        Box::pin(off_the_runtime(move || match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&path, &error)),
            _ => Ok(()),
        }))
    }
}

pub(crate) fn read_part(path: &Path, from: u64, most: usize) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let left = file.metadata()?.len().saturating_sub(from);
    let mut bytes = vec![0; usize::try_from(left).unwrap_or(most).min(most)];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// A file that is written by one thread.
struct Growing(File);

impl RecordingFile for Growing {
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, place)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}
