//! The columns that attempts and legs share.

use sqlx::{Row, postgres::PgRow};

use crate::rows::progress::ProgressRow;

/// Reads the seven columns that begin at this one.
pub(super) fn read(row: &PgRow, first: usize) -> Result<ProgressRow, sqlx::Error> {
    Ok(ProgressRow {
        state: row.try_get(first)?,
        journalled_at: row.try_get(first + 1)?,
        dialing_at: row.try_get(first + 2)?,
        ringing_at: row.try_get(first + 3)?,
        answered_at: row.try_get(first + 4)?,
        ended_at: row.try_get(first + 5)?,
        ending: row.try_get(first + 6)?,
    })
}
