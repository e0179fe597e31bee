//! Lists, page by page.

use outdial_engine::ports::Page;
use rusqlite::{Connection, Row, params_from_iter, types::Value};

use super::error::Failure;

/// How many rows are read to know whether there are more behind a page of so many.
pub(super) fn one_more(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1)
}

/// Reads one page by a query for [`one_more`] rows than it holds.
pub(super) fn read<R, T>(
    connection: &Connection,
    (text, values): (String, Vec<Value>),
    most: usize,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<R>,
) -> Result<Page<T>, Failure>
where
    T: TryFrom<R>,
    Failure: From<T::Error>,
{
    let rows: Vec<R> = connection
        .prepare_cached(&text)?
        .query_map(params_from_iter(values), row)?
        .collect::<rusqlite::Result<_>>()?;
    let more = rows.len() > most;
    let items = rows.into_iter().take(most).map(T::try_from);
    Ok(Page {
        items: items.collect::<Result<_, _>>()?,
        more,
    })
}
