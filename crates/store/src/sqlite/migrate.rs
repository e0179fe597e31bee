//! Brings the file to the schema of this program.

use outdial_engine::ports::StoreError;
use rusqlite::Connection;

use super::error::Failure;

/// All migrations, in order. One that was published is never changed: add another.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/sqlite/0001_first.sql")];

/// Marks the file as ours, in the header where `file(1)` and others look ("Odal" in ASCII).
const APPLICATION: i32 = 0x4f64_616c;

/// Whether the file is ours and has the schema of this program.
pub(super) fn is_current(connection: &Connection) -> Result<(), Failure> {
    let number = |query| connection.query_row(query, (), |row| row.get::<_, i64>(0));
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    if application != i64::from(APPLICATION) {
        return Err(StoreError::Unavailable {
            reason: "the file is not a database of this program".to_owned(),
            remedy: "Name one that is".to_owned(),
        }
        .into());
    }
    if usize::try_from(version) != Ok(MIGRATIONS.len()) {
        return Err(StoreError::Unavailable {
            reason: format!(
                "the database has schema {version}, and this program has {}",
                MIGRATIONS.len()
            ),
            remedy: "Use the version of the program that it belongs to, or start this one on it first".to_owned(),
        }
        .into());
    }
    Ok(())
}

/// Runs the migrations that the file lacks. Each is one transaction together with its number, which
/// SQLite keeps in the header of the file.
pub(super) fn migrate(connection: &Connection) -> Result<(), Failure> {
    let number = |query| connection.query_row(query, (), |row| row.get::<_, i64>(0));
    let version = number("PRAGMA user_version")?;
    let application = number("PRAGMA application_id")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if application != i64::from(APPLICATION) && (version != 0 || tables != 0) {
        return Err(StoreError::Unavailable {
            reason: "the file is the database of another program".to_owned(),
            remedy: "Name another data directory".to_owned(),
        }
        .into());
    }
    let known = MIGRATIONS.len();
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > known {
        return Err(StoreError::Unavailable {
            reason: format!(
                "the database has schema {version}, and this program knows schemas up to {known}: a newer version has used it"
            ),
            remedy: "Start that newer version, or restore the backup made before it".to_owned(),
        }
        .into());
    }
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let number = index + 1;
        let text = format!(
            "BEGIN IMMEDIATE; {migration}; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {number}; COMMIT;"
        );
        if let Err(error) = connection.execute_batch(&text) {
            let _ = connection.execute_batch("ROLLBACK");
            return Err(error.into());
        }
        tracing::info!(schema = number, "the database was brought to a new schema");
    }
    Ok(())
}
