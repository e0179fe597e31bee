//! Large byte strings as files, named by what they contain.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{FutureExt, future::BoxFuture};
use outdial_engine::ports::{BlobError, Blobs};
use sha2::{Digest, Sha256};

use crate::sqlite::open::sync_parent;

/// Blobs as files `ab/cdef…` under one directory, readable by their owner only.
#[derive(Debug, Clone)]
pub struct FileBlobs {
    directory: PathBuf,
}

impl FileBlobs {
    /// Keeps blobs under this directory, and makes it when it is not there.
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

    /// The blobs under this directory, which need not be there: for reading only.
    pub(crate) fn found_at(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// The file of a hash; none for a text that is no hash, so that no text leads out of the directory.
    fn file(&self, hash: &str) -> Option<PathBuf> {
        let (folder, name) = is_name(hash).then(|| hash.split_at(2))?;
        Some(self.directory.join(folder).join(name))
    }

    /// The names of all blobs.
    pub(crate) fn names(&self) -> Result<Vec<String>, BlobError> {
        let read = |folder: &Path| fs::read_dir(folder).map_err(|error| at(folder, &error));
        let mut names = Vec::new();
        if !self.directory.exists() {
            return Ok(names);
        }
        for folder in read(&self.directory)?.flatten() {
            if !folder.path().is_dir() {
                continue;
            }
            for file in read(&folder.path())?.flatten() {
                let name = [folder.file_name(), file.file_name()].map(|part| part.to_string_lossy().into_owned());
                names.extend(Some(name.concat()).filter(|name| is_name(name)));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) fn put_now(&self, bytes: &[u8]) -> Result<String, BlobError> {
        let hash = name_of(bytes);
        let file = self.file(&hash).expect("a SHA-256 in hexadecimal is a hash");
        // A damaged file is not taken for the blob: it is written again.
        if fs::read(&file).is_ok_and(|there| there == bytes) {
            return Ok(hash);
        }
        self.write(&file, bytes).map_err(|error| at(&file, &error))?;
        Ok(hash)
    }

    /// Writes beside the target and renames, so that a name never stands for half of a blob. The
    /// temporary file removes itself when anything fails.
    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = file.parent().unwrap_or(&self.directory);
        make_directory(folder)?;
        let mut temporary = tempfile::Builder::new()
            .prefix(".blob-")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        temporary.persist(file)?;
        sync_parent(file)
    }

    pub(crate) fn get_now(&self, hash: &str) -> Result<Arc<[u8]>, BlobError> {
        let missing = || BlobError::Missing(hash.chars().take(64).collect());
        let file = self.file(hash).ok_or_else(missing)?;
        let bytes = fs::read(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(),
            _ => at(&file, &error),
        })?;
        if name_of(&bytes) != hash {
            return Err(BlobError::Io(format!(
                "{} is damaged: restore it from a backup, or upload the file again",
                file.display()
            )));
        }
        Ok(bytes.into())
    }
}

impl Blobs for FileBlobs {
    fn put(&self, bytes: Arc<[u8]>) -> BoxFuture<'_, Result<String, BlobError>> {
        let blobs = self.clone();
        off_the_runtime(move || blobs.put_now(&bytes))
    }

    fn get<'a>(&'a self, hash: &'a str) -> BoxFuture<'a, Result<Arc<[u8]>, BlobError>> {
        let (blobs, hash) = (self.clone(), hash.to_owned());
        off_the_runtime(move || blobs.get_now(&hash))
    }
}

pub(crate) fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> BoxFuture<'static, Result<T, BlobError>> {
    async {
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) => Err(BlobError::Io(format!("the work on a blob was broken off: {error}"))),
        }
    }
    .boxed()
}

/// Whether a text may be the name of a blob.
pub(crate) fn is_name(hash: &str) -> bool {
    hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The name of these bytes: their SHA-256 in hexadecimal.
pub(crate) fn name_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Makes a directory for its owner only. One whose name is new is not on the disk before its parent is.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    sync_parent(directory)
}

pub(crate) fn at(path: &Path, error: &io::Error) -> BlobError {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ". Free some space on that disk",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ". Make the data directory writable for this program"
        }
        _ => "",
    };
    BlobError::Io(format!("{}: {error}{remedy}", path.display()))
}
