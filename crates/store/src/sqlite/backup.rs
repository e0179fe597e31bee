//! Backups: the whole state, uploads included, as one file; and the way back.

use std::{
    fs::{self, File},
    path::Path,
};

use outdial_engine::ports::{BlobError, StoreError};
use rusqlite::{Connection, OpenFlags, params};

use super::{error::Failure, migrate, open};
use crate::blobs::FileBlobs;

/// Where a backup keeps what lies in files otherwise.
const BLOBS: &str =
    "CREATE TABLE backup_blob (hash TEXT NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID";
const ADD_BLOB: &str = "INSERT INTO backup_blob (hash, bytes) VALUES (?, ?)";
const ALL_BLOBS: &str = "SELECT hash, bytes FROM backup_blob";
const DROP_BLOBS: &str = "DROP TABLE backup_blob";

/// Copies the state as it is at one moment, and then the uploads, of which no one is ever changed. The
/// server may go on meanwhile. The target appears when it is complete and on the disk.
pub(super) fn back_up(path: &Path, blobs: &FileBlobs, target: &Path) -> Result<(), StoreError> {
    if target.exists() {
        return Err(refused(target, "is there already", "Name a file that is not"));
    }
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let beside = tempfile::Builder::new()
        .prefix(".backup-")
        .tempdir_in(folder)
        .map_err(|error| {
            refused(
                target,
                &format!("cannot be made: {error}"),
                "Name a folder that can be written",
            )
        })?;
    let copy = beside.path().join("backup.db");
    copy_to(path, blobs, &copy)?;
    let done = File::open(&copy)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&copy, target))
        .and_then(|()| open::sync_parent(target));
    done.map_err(|error| refused(target, &format!("cannot be written: {error}"), "Look at the disk"))
}

fn copy_to(path: &Path, blobs: &FileBlobs, copy: &Path) -> Result<(), Failure> {
    let source = open::reader(path)?;
    migrate::is_current(&source)?;
    // Made before, so that it is nobody else's to read.
    open::create(copy)?;
    source.execute("VACUUM INTO ?", [copy.to_string_lossy()])?;
    let target = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    target.execute_batch("PRAGMA synchronous = FULL; BEGIN")?;
    target.execute_batch(BLOBS)?;
    {
        let mut add = target.prepare(ADD_BLOB)?;
        for hash in blobs.names().map_err(|error| of_blobs(&error))? {
            let bytes = blobs.get_now(&hash).map_err(|error| of_blobs(&error))?;
            add.execute(params![hash, &*bytes])?;
        }
    }
    target.execute_batch("COMMIT")?;
    target.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// Brings a backup back to where there is no state.
pub(super) fn restore(backup: &Path, path: &Path, blobs: &FileBlobs) -> Result<(), StoreError> {
    if path.exists() {
        return Err(refused(path, "is there already", "Move it away first"));
    }
    let copy = path.with_extension("restoring");
    let copied = fs::copy(backup, &copy).map(|_| ());
    copied.map_err(|error| {
        refused(
            backup,
            &format!("cannot be copied: {error}"),
            "Name a backup, and look at the disk",
        )
    })?;
    let restored = unpack(&copy, blobs).map_err(StoreError::from).and_then(|()| {
        File::open(&copy)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&copy, path))
            .and_then(|()| open::sync_parent(path))
            .map_err(|error| refused(path, &format!("cannot be written: {error}"), "Look at the disk"))
    });
    if restored.is_err() {
        // What is half done must not be taken for the state.
        let _ = fs::remove_file(&copy);
    }
    restored
}

fn unpack(copy: &Path, blobs: &FileBlobs) -> Result<(), Failure> {
    let connection = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    migrate::is_current(&connection)?;
    let sound: String = connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))?;
    if sound != "ok" {
        return Err(refused(copy, &format!("is damaged: {sound}"), "Use another backup").into());
    }
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    {
        let mut all = connection.prepare(ALL_BLOBS)?;
        let mut rows = all.query(())?;
        while let Some(row) = rows.next()? {
            let (hash, bytes): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            if blobs.put_now(&bytes).map_err(|error| of_blobs(&error))? != hash {
                return Err(refused(copy, &format!("has a damaged upload, {hash}"), "Use another backup").into());
            }
        }
    }
    connection.execute_batch(DROP_BLOBS)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn refused(path: &Path, why: &str, remedy: &str) -> StoreError {
    StoreError::Unavailable {
        reason: format!("{} {why}", path.display()),
        remedy: remedy.to_owned(),
    }
}

fn of_blobs(error: &BlobError) -> StoreError {
    StoreError::Unavailable {
        reason: error.to_string(),
        remedy: "Look at the uploads in the data directory".to_owned(),
    }
}
