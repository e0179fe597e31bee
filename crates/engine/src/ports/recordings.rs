//! The ports to whatever remembers recordings, and to whatever keeps their sound.

use std::io;

use futures_util::future::{BoxFuture, ready};
use jiff::Timestamp;
use outdial_domain::{AccountId, CallId, Recording, RecordingId};

use super::{BlobError, Page, StoreError};

/// The part of a store that remembers recordings. Their sound is among [`RecordingFiles`].
pub trait RecordingStore: Send + Sync {
    /// Writes a recording as it is now, whether it is new or not.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then nothing was written.
    fn save_recording(&self, recording: Recording) -> BoxFuture<'_, Result<(), StoreError>>;

    /// A recording of this account.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn recording(&self, account: AccountId, id: RecordingId) -> BoxFuture<'_, Result<Option<Recording>, StoreError>>;

    /// Recordings of this account, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn recordings(
        &self,
        account: AccountId,
        filter: RecordingFilter,
    ) -> BoxFuture<'_, Result<Page<Recording>, StoreError>>;

    /// Takes a recording away. Says whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it is still there.
    fn remove_recording(&self, account: AccountId, id: RecordingId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Recordings of all accounts that this node began and nobody finished.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn open_recordings(&self, node: &str) -> BoxFuture<'_, Result<Vec<Recording>, StoreError>>;

    /// Finished recordings of all accounts whose time is over, the longest over first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn old_recordings(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Recording>, StoreError>>;

    /// The secret of this name, which all nodes share: the one that was kept first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be used.
    fn server_secret(&self, name: &str, fresh: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StoreError>>;
}

/// Which recordings to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordingFilter {
    /// Only those of this call.
    pub call: Option<CallId>,
    /// Only those made before this one: the cursor.
    pub before: Option<RecordingId>,
    /// How many at most.
    pub most: usize,
}

/// Keeps the sound of recordings, as files that grow.
///
/// What writes them is a thread that may wait for the disk; what reads them is not.
pub trait RecordingFiles: Send + Sync {
    /// A new, empty file on this node.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn create(&self, id: RecordingId) -> io::Result<Box<dyn RecordingFile>>;

    /// The file of an earlier run of this node, to be mended.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] where there is none, and those of the disk.
    fn reopen(&self, id: RecordingId) -> io::Result<Box<dyn RecordingFile>>;

    /// Brings a file that is complete to where every node finds it, where that is another place.
    ///
    /// # Errors
    ///
    /// [`BlobError`]; then it stays where it is.
    fn share(&self, id: RecordingId) -> BoxFuture<'_, Result<(), BlobError>> {
        let _ = id;
        Box::pin(ready(Ok(())))
    }

    /// At most so many bytes of a file from this place on; fewer only at its end.
    ///
    /// # Errors
    ///
    /// [`BlobError::Missing`] where there is no file.
    fn read(&self, id: RecordingId, from: u64, most: usize) -> BoxFuture<'_, Result<Vec<u8>, BlobError>>;

    /// Takes a file away. One that is not there is no error.
    ///
    /// # Errors
    ///
    /// [`BlobError`]; then it may still be there.
    fn remove(&self, id: RecordingId) -> BoxFuture<'_, Result<(), BlobError>>;
}

/// A file that is written.
pub trait RecordingFile: Send {
    /// Its size.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn length(&mut self) -> io::Result<u64>;

    /// Writes all of these bytes at this place.
    ///
    /// # Errors
    ///
    /// Those of the disk; some of the bytes may have been written.
    fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts it off at this length.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Waits until all of it is on the disk.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn sync(&mut self) -> io::Result<()>;
}
