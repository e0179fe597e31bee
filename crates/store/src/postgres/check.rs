//! Whether the store works: it writes a row and reads it.

use outdial_engine::ports::StoreError;
use sqlx::PgConnection;

use super::error::Failure;

const WRITE: &str = "UPDATE probe SET writes = writes + 1 WHERE id = 1 RETURNING writes";
const READ: &str = "SELECT writes FROM probe WHERE id = 1";

pub(super) async fn check(connection: &mut PgConnection) -> Result<(), Failure> {
    let written: i64 = sqlx::query_scalar(WRITE).fetch_one(&mut *connection).await?;
    let read: i64 = sqlx::query_scalar(READ).fetch_one(connection).await?;
    // Another node may have written since.
    if read < written {
        return Err(StoreError::Unavailable {
            reason: "what was written cannot be read back".to_owned(),
            remedy: "Look at the disk of the database server, and restore the database from a backup".to_owned(),
        }
        .into());
    }
    Ok(())
}
