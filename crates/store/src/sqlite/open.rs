//! Opens the file.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use outdial_engine::ports::StoreError;
use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::error::unavailable;

/// How many readers there may be at once. They share the processor with everything else, and a read
/// takes some tens of microseconds.
const READERS: u32 = 4;

/// How long to wait for another program that holds the file locked, as a backup does for a moment.
const BUSY: Duration = Duration::from_secs(5);

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

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .disable_statement_logging()
}

/// How the writer opens it.
pub(super) fn for_writing(path: &Path) -> SqliteConnectOptions {
    options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .statement_cache_capacity(256)
        // Pages that change often are copied into the main file once per checkpoint, so rare
        // checkpoints save writes; 16 MB of log are read back in well under a second.
        .pragma("wal_autocheckpoint", "4096")
        .pragma("journal_size_limit", "67108864")
        .pragma("cache_size", "-16384")
}

pub(super) async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    options.connect().await.map_err(|error| unavailable(&error))
}

/// Connections that only read. None is opened before it is needed.
pub(super) fn readers(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options(path).read_only(true))
}
