//! Statements for many rows at once, and the values that go into them.
//!
//! A statement costs far more than a row: it crosses to the thread of the connection and back. So a
//! whole transaction is one text of several statements with all their rows. Texts must be few, or
//! preparing them costs more than they save; so numbers of rows are rounded up, and the rows that
//! are not needed are all NULL and skipped by the statement.

use std::fmt::Write as _;

use sqlx::{Arguments as _, Encode, Sqlite, Type, sqlite::SqliteArguments};
use uuid::Uuid;

/// The values of one text, in its order.
#[derive(Default)]
pub(super) struct Arguments(SqliteArguments);

impl Arguments {
    pub(super) fn add<'v>(&mut self, value: impl Encode<'v, Sqlite> + Type<Sqlite>) {
        self.0.add(value).expect("numbers, texts and bytes always encode");
    }

    pub(super) fn id(&mut self, id: Uuid) {
        self.add(id);
    }

    /// Fills rows that the statement skips.
    pub(super) fn skip(&mut self, rows: usize, columns: usize) {
        self.0.reserve(rows * columns, 0);
        for _ in 0..rows * columns {
            self.add(None::<i64>);
        }
    }

    pub(super) fn into_inner(self) -> SqliteArguments {
        self.0
    }
}

/// Adds `INSERT` for this many rows; the first column of a row that counts is never NULL.
pub(super) fn insert(text: &mut String, table: &str, columns: &[&str], rows: usize, conflict: &str) {
    if rows == 0 {
        return;
    }
    let names = columns.join(", ");
    new_rows(text, rows, columns.len());
    let _ = writeln!(
        text,
        "INSERT INTO {table} ({names}) SELECT * FROM new WHERE column1 IS NOT NULL {conflict};"
    );
}

/// Adds an `UPDATE … FROM new` for this many rows.
pub(super) fn update(text: &mut String, update: &str, columns: &[&str], rows: usize) {
    if rows == 0 {
        return;
    }
    new_rows(text, rows, columns.len());
    let _ = writeln!(text, "{update};");
}

/// Adds `DELETE` for this many values of a column.
pub(super) fn delete(text: &mut String, table: &str, column: &str, rows: usize) {
    if rows == 0 {
        return;
    }
    let marks = vec!["?"; rows].join(",");
    let _ = writeln!(text, "DELETE FROM {table} WHERE {column} IN ({marks});");
}

fn new_rows(text: &mut String, rows: usize, columns: usize) {
    let row = format!("({})", vec!["?"; columns].join(","));
    let _ = write!(text, "WITH new AS (VALUES {}) ", vec![row; rows].join(","));
}
