//! Opens the file.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use outdial_engine::ports::StoreError;
use rusqlite::{Connection, OpenFlags};

use super::error::unavailable;

/// How long to wait for another program that holds the file locked, as a backup does for a moment.
const BUSY: Duration = Duration::from_secs(5);

/// More than there are texts of statements on the way of a call.
const PREPARED: usize = 64;

/// Creates the file, for nobody else to read, when it is not there.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let result = match made {
        Ok(file) => file.sync_all().and_then(|()| sync_parent(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    };
    result.map_err(|error| StoreError::Unavailable {
        reason: format!("{} cannot be made: {error}", path.display()),
        remedy: "Check that its directory exists and that this program may write in it".to_owned(),
    })
}

/// A new name is not on the disk before its directory is.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Opens it to write.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let connection = opened(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Nearly all of it is copied by then, beside the writer; 16 MB of log are read back in well under a second.
        connection.pragma_update(None, "wal_autocheckpoint", 4096)?;
        // A log that keeps its length is overwritten in place, which is cheaper to sync than one that
        // grows.
        connection.pragma_update(None, "journal_size_limit", 67_108_864)?;
        connection.pragma_update(None, "cache_size", -16_384)?;
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| unavailable(&error))
}

/// Opens it to copy the log into it.
pub(super) fn copier(path: &Path) -> rusqlite::Result<Connection> {
    let connection = opened(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// Opens it to read.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    opened(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// A connection is used by one thread at a time, so SQLite need not lock it.
fn opened(path: &Path, how: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}
