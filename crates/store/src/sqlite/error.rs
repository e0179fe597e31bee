//! What goes wrong with SQLite, in words that say what to do.

use outdial_engine::ports::StoreError;
use rusqlite::{Connection, Params, Row};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// SQLite says so.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// It is a verdict already.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(error) => unavailable(&error),
            Failure::Store(error) => error,
        }
    }
}

/// SQLite's primary result codes (sqlite.org/rescode.html) that we tell apart.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READ_ONLY: i32 = 8;
    pub(super) const IO: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANNOT_OPEN: i32 = 14;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const NOT_A_DATABASE: i32 = 26;
}

/// Extended codes of rows that are there already: a primary key or a unique index.
const TAKEN: [i32; 2] = [1555, 2067];

fn extended(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

fn primary(error: &rusqlite::Error) -> Option<i32> {
    extended(error).map(|code| code & 0xff)
}

/// Whether the disk or the file fails, so that every change would fail alike. Anything else may be
/// the fault of one change.
pub(super) fn is_of_the_disk(error: &rusqlite::Error) -> bool {
    match primary(error) {
        Some(code) => matches!(
            code,
            code::BUSY
                | code::LOCKED
                | code::READ_ONLY
                | code::IO
                | code::CORRUPT
                | code::FULL
                | code::CANNOT_OPEN
                | code::NOT_A_DATABASE
        ),
        None => true,
    }
}

/// Whether a row with the same key is there already.
pub(super) fn is_taken(error: &rusqlite::Error) -> bool {
    extended(error).is_some_and(|code| TAKEN.contains(&code))
}

/// Whether a constraint of the schema forbids it.
pub(super) fn is_forbidden(error: &rusqlite::Error) -> bool {
    primary(error) == Some(code::CONSTRAINT)
}

pub(super) fn unavailable(error: &rusqlite::Error) -> StoreError {
    let remedy = match primary(error) {
        Some(code::FULL) => "Free some space on the disk of the data directory; saving goes on by itself then",
        Some(code::IO) => {
            "Look at the disk of the data directory and at the kernel's log; saving goes on by itself when it is mended"
        }
        Some(code::READ_ONLY) => "Make the data directory and the files in it writable for this program",
        Some(code::CANNOT_OPEN) => {
            "Check that the data directory exists and that this program may read and write in it"
        }
        Some(code::BUSY | code::LOCKED) => "Another program holds the database locked: end it",
        Some(code::CORRUPT | code::NOT_A_DATABASE) => "The file is damaged or not ours: restore it from a backup",
        _ => "If it happens again, report it with the log",
    };
    StoreError::Unavailable {
        reason: message(error),
        remedy: remedy.to_owned(),
    }
}

/// Nothing more is done with a store that is closed.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable {
        reason: "the store was closed".to_owned(),
        remedy: "Start the program again".to_owned(),
    }
}

/// SQLite's own words.
pub(super) fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

/// All rows of a query, as they are stored.
pub(super) fn all_of<R>(
    connection: &Connection,
    query: &str,
    values: impl Params,
    read: fn(&Row<'_>) -> rusqlite::Result<R>,
) -> rusqlite::Result<Vec<R>> {
    connection.prepare_cached(query)?.query_map(values, read)?.collect()
}
