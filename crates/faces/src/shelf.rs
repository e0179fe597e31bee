//! Files that requests of others name, in one directory. They become uploads at their first use.

use std::{
    collections::HashMap,
    path::{Component, Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use outdial_domain::AudioId;
use outdial_engine::{
    Actor, Engine,
    verbs::{self, LARGEST_UPLOAD, UploadError},
};

/// The directory, and which uploads its files are.
pub(crate) struct Shelf {
    directory: PathBuf,
    uploads: Mutex<HashMap<PathBuf, (Version, AudioId)>>,
}

/// What tells a file from one that has taken its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    bytes: u64,
    changed: Option<SystemTime>,
}

/// Why a file is not played.
#[derive(Debug)]
pub(crate) enum NotPlayed {
    /// There is none of this name.
    Missing,
    /// Something is wrong with it, in words.
    Wrong(String),
    /// Something failed here, in words for the log.
    Failed(String),
}

impl Shelf {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            uploads: Mutex::default(),
        }
    }

    /// The upload that a file is, which it becomes at its first use. A name leads to the directory or below it, and
    /// nowhere else.
    pub(crate) async fn find(&self, engine: &Engine, actor: &Actor, name: &Path) -> Result<AudioId, NotPlayed> {
        let leads_down = |part: Component<'_>| matches!(part, Component::Normal(_));
        if name.as_os_str().is_empty() || !name.components().all(leads_down) {
            return Err(NotPlayed::Missing);
        }
        let path = self.directory.join(name);
        // A link could lead out of the directory.
        let found = tokio::fs::symlink_metadata(&path).await;
        let found = found.map_err(|_| NotPlayed::Missing)?;
        if !found.is_file() {
            return Err(NotPlayed::Missing);
        }
        let version = Version {
            bytes: found.len(),
            changed: found.modified().ok(),
        };
        if version.bytes > LARGEST_UPLOAD as u64 {
            let bytes = version.bytes;
            return Err(NotPlayed::Wrong(format!(
                "the file has {bytes} bytes, and at most {LARGEST_UPLOAD} are taken"
            )));
        }
        if let Some(id) = self.known(&path, version) {
            return Ok(id);
        }
        let bytes = tokio::fs::read(&path).await.map_err(|error| {
            tracing::warn!(file = %path.display(), %error, "a file that a request names cannot be read");
            NotPlayed::Wrong("the file cannot be read".to_owned())
        })?;
        let title = name.to_string_lossy();
        let upload = verbs::upload_audio(engine, actor, &title, bytes, None).await;
        let upload = upload.map_err(|error| match error {
            UploadError::Unreadable(_) | UploadError::TooLarge(_) => NotPlayed::Wrong(error.to_string()),
            UploadError::Blob(_) | UploadError::Store(_) => NotPlayed::Failed(error.to_string()),
        })?;
        self.keep(path, version, upload.id);
        Ok(upload.id)
    }

    fn known(&self, path: &Path, version: Version) -> Option<AudioId> {
        let uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, id) = uploads.get(path)?;
        (*known == version).then_some(*id)
    }

    fn keep(&self, path: PathBuf, version: Version, id: AudioId) {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.insert(path, (version, id));
    }
}
