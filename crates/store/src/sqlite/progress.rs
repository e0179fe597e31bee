//! The columns that attempts and legs share.

use rusqlite::Row;

use crate::rows::progress::ProgressRow;

/// Reads the seven columns that begin at this one.
pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<ProgressRow> {
    Ok(ProgressRow {
        state: row.get(first)?,
        journalled_at: row.get(first + 1)?,
        dialing_at: row.get(first + 2)?,
        ringing_at: row.get(first + 3)?,
        answered_at: row.get(first + 4)?,
        ended_at: row.get(first + 5)?,
        ending: row.get(first + 6)?,
    })
}
