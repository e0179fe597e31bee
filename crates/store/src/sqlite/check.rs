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
    // The room cannot be asked for on every file system; then it is not known to be short.
    let free = fs4::available_space(path).unwrap_or(u64::MAX);
    check_with(connection, path, free)
}

fn check_with(connection: &Connection, path: &Path, free: u64) -> Result<(), Failure> {
    // First, because a full disk makes everything else fail, and is mended otherwise.
    room(path, free)?;
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

fn room(path: &Path, free: u64) -> Result<(), Failure> {
    match free < ROOM {
        true => Err(StoreError::Unavailable {
            reason: format!("only {} kB are free on the disk of {}", free / 1024, path.display()),
            remedy: "Free some space before saving fails".to_owned(),
        }
        .into()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a store on which nothing can be written, with so much room.
    fn wrong(free: u64) -> String {
        let connection = Connection::open_in_memory().unwrap();
        match check_with(&connection, Path::new("/data/outdial.db"), free) {
            Err(failure) => StoreError::from(failure).to_string(),
            Ok(()) => panic!("it has no tables"),
        }
    }

    #[test]
    fn a_full_disk_is_named_before_what_it_makes_fail() {
        let full = wrong(100 * 1024);
        assert!(
            full.contains("only 100 kB are free") && full.contains("Free some space"),
            "{full}"
        );
        let roomy = wrong(ROOM);
        assert!(!roomy.contains("free") && roomy.contains("probe"), "{roomy}");
    }
}
