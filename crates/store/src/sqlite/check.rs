//! Whether the store works: it writes a row, reads it, and looks at the room on the disk.

use std::path::Path;

use outdial_engine::ports::StoreError;
use rusqlite::Connection;

use super::error::Failure;

/// With less room than this, saving is about to fail.
const ROOM: u64 = 16 * 1024 * 1024;

const WRITE: &str = "UPDATE probe SET writes = writes + 1 WHERE id = 1 RETURNING writes";
const READ: &str = "SELECT writes FROM probe WHERE id = 1";

pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), Failure> {
    // First, because a full disk makes everything else fail, and is mended otherwise.
    room(path)?;
    let written: i64 = connection.query_row(WRITE, (), |row| row.get(0))?;
    let read: i64 = connection.query_row(READ, (), |row| row.get(0))?;
    if written != read {
        return Err(StoreError::Unavailable {
            reason: format!("{}: what was written cannot be read back", path.display()),
            remedy: "Look at the disk, and restore the file from a backup".to_owned(),
        }
        .into());
    }
    Ok(())
}

fn room(path: &Path) -> Result<(), Failure> {
    // The room cannot be asked for on every file system; then it is not known to be short.
    match fs4::available_space(path) {
        Ok(free) if free < ROOM => Err(StoreError::Unavailable {
            reason: format!("only {} kB are free on the disk of {}", free / 1024, path.display()),
            remedy: "Free some space before saving fails".to_owned(),
        }
        .into()),
        Ok(_) | Err(_) => Ok(()),
    }
}
