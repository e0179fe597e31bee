//! Files that requests name. They are looked up by the last part of what was named, in one directory, and never
//! by a path.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use outdial_domain::AudioId;
use outdial_engine::verbs::{self, LARGEST_UPLOAD, UploadError};
use outdial_voicent::base_name;

use super::{Gateway, Refusal};

/// The directory, and which uploads its files are.
pub(super) struct Shelf {
    directory: PathBuf,
    uploads: Mutex<HashMap<PathBuf, (Version, AudioId)>>,
}

/// What tells a file from one that has taken its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Shelf {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            uploads: Mutex::default(),
        }
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

/// The upload that a file is, which it becomes at its first use.
pub(super) async fn find(gateway: &Gateway, named: &str) -> Result<AudioId, Refusal> {
    let Some(shelf) = &gateway.audio else {
        return Err(Refusal::told(
            "audiofile: there is no directory of files here: set `faces.voicent.audio`",
        ));
    };
    let missing = || Refusal::told("audiofile: there is no file of this name in the directory of this gateway");
    let name = base_name(named).ok_or_else(missing)?;
    let path = shelf.directory.join(&name);
    // A link could lead out of the directory.
    let found = tokio::fs::symlink_metadata(&path).await.map_err(|_| missing())?;
    if !found.is_file() {
        return Err(missing());
    }
    let version = Version {
        bytes: found.len(),
        changed: found.modified().ok(),
    };
    if version.bytes > LARGEST_UPLOAD as u64 {
        return Err(Refusal::told(format!(
            "audiofile: the file has {} bytes, and at most {LARGEST_UPLOAD} are taken",
            version.bytes
        )));
    }
    if let Some(id) = shelf.known(&path, version) {
        return Ok(id);
    }
    let bytes = tokio::fs::read(&path).await.map_err(|error| {
        tracing::warn!(file = %path.display(), %error, "a file of the gateway cannot be read");
        Refusal::told("audiofile: the file cannot be read")
    })?;
    let upload = verbs::upload_audio(&gateway.engine, &gateway.actor, &name, bytes, None).await;
    let upload = upload.map_err(|error| match error {
        UploadError::Unreadable(_) | UploadError::TooLarge(_) => Refusal::told(format!("audiofile: {error}")),
        UploadError::Blob(_) | UploadError::Store(_) => super::call::failed(&error),
    })?;
    shelf.keep(path, version, upload.id);
    Ok(upload.id)
}
