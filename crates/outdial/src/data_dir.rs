//! The data directory: who runs with it, and what lies in it.
//!
//! ```text
//! DATA/lock        held by whoever runs; holds the URL of its API
//! DATA/key         a key with all scopes for the default account, for the command line (mode 0600)
//! DATA/outdial.db  the state
//! DATA/blobs/      uploads
//! DATA/recordings/ recordings; with a database those that are not complete
//! DATA/prompts/    rendered speech
//! DATA/heard/      what the built-in handsets heard
//! ```

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use fs4::fs_std::FileExt;

/// The file with the key of the command line.
const KEY: &str = "key";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process runs with it.
    #[error("the data directory {path} is in use by {server}, or give another with --data", path = path.display(), server = server_at(url))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Where the other process serves its API; may be empty while it starts.
        url: String,
    },
    /// There is none.
    #[error("nothing is kept in {path} yet: start `outdial serve`, or give another directory with --data", path = path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The disk does not allow it.
    #[error("the data directory {path} cannot be used: {source}. Make it writable for this user, or give another with --data", path = path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A data directory that this process holds.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing, and takes it for this process.
    ///
    /// # Errors
    ///
    /// [`DataDirError::InUse`] when another process has it.
    pub fn take(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io {
            path: path.to_owned(),
            source,
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        let mut lock = private(OpenOptions::new().read(true).write(true).create(true))
            .open(path.join("lock"))
            .map_err(failed)?;
        if !FileExt::try_lock_exclusive(&lock).map_err(failed)? {
            let mut url = String::new();
            lock.read_to_string(&mut url).map_err(failed)?;
            return Err(DataDirError::InUse {
                path: path.to_owned(),
                url: url.trim().to_owned(),
            });
        }
        lock.set_len(0).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            lock,
        })
    }

    /// Takes a directory that an earlier run has made, and makes none.
    ///
    /// # Errors
    ///
    /// [`DataDirError::Missing`] when there is none, and those of [`DataDir::take`].
    pub fn take_existing(path: &Path) -> Result<Self, DataDirError> {
        // Every run that opened its state has left a key.
        if !path.join(KEY).exists() {
            return Err(DataDirError::Missing { path: path.to_owned() });
        }
        Self::take(path)
    }

    /// The file that holds the state, where no database does.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        Self::database_in(&self.path)
    }

    /// The same of a directory that this process need not hold.
    #[must_use]
    pub fn database_in(path: &Path) -> PathBuf {
        path.join("outdial.db")
    }

    /// The URL of the server that runs with this directory, if one does.
    #[must_use]
    pub fn running(path: &Path) -> Option<String> {
        let mut lock = File::open(path.join("lock")).ok()?;
        if FileExt::try_lock_shared(&lock).ok()? {
            return None;
        }
        let mut url = String::new();
        lock.read_to_string(&mut url).ok()?;
        let url = url.trim().to_owned();
        (!url.is_empty()).then_some(url)
    }

    /// The key that the command line uses with this directory.
    #[must_use]
    pub fn key_of(path: &Path) -> Option<String> {
        let key = std::fs::read_to_string(path.join(KEY)).ok()?;
        Some(key.trim().to_owned())
    }

    /// Tells other processes where our API is.
    ///
    /// # Errors
    ///
    /// [`DataDirError::Io`] when it cannot be written.
    pub fn announce(&mut self, url: &str) -> Result<(), DataDirError> {
        let written = self.lock.rewind().and_then(|()| self.lock.write_all(url.as_bytes()));
        written.map_err(|source| self.failed(source))
    }

    /// Keeps the key for the command line.
    ///
    /// # Errors
    ///
    /// [`DataDirError::Io`] when it cannot be written.
    pub fn keep_key(&self, secret: &str) -> Result<(), DataDirError> {
        let file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(self.path.join(KEY));
        let written = file.and_then(|mut file| writeln!(file, "{secret}"));
        written.map_err(|source| self.failed(source))
    }

    /// A file or directory in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, source: std::io::Error) -> DataDirError {
        DataDirError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// The server that has a data directory, and what to do about it.
fn server_at(url: &str) -> String {
    if url.is_empty() {
        "another run of this program, which serves no API, or not yet: if it is a server, try again in a moment"
            .to_owned()
    } else {
        format!("the server at {url}: use that one")
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_one_process() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        assert_eq!(DataDir::running(&path), None);
        let mut held = DataDir::take(&path).unwrap();
        let starting = DataDir::take(&path).unwrap_err().to_string();
        assert!(starting.contains("try again in a moment"), "{starting}");
        held.announce("http://127.0.0.1:7575").unwrap();
        assert_eq!(DataDir::running(&path).as_deref(), Some("http://127.0.0.1:7575"));
        assert!(matches!(DataDir::take(&path), Err(DataDirError::InUse { url, .. }) if url.ends_with("7575")));
        drop(held);
        assert_eq!(DataDir::running(&path), None);
        DataDir::take(&path).unwrap();
    }

    #[test]
    fn reading_makes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        assert!(matches!(
            DataDir::take_existing(&path),
            Err(DataDirError::Missing { .. })
        ));
        assert!(!path.exists());
        DataDir::take(&path).unwrap().keep_key("secret").unwrap();
        DataDir::take_existing(&path).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_says_why() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = DataDir::take(&file.path().join("data")).unwrap_err();
        assert!(error.to_string().contains("--data"), "{error}");
    }
}
