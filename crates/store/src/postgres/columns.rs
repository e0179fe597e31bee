//! Many rows as a few arrays, one of each column: what `unnest` makes rows of again. One statement then
//! writes any number of rows, and stays prepared.

/// Makes a type of a row, and one of its columns with `push`, `is_empty` and `bind`, which binds them in
/// the order they are named.
macro_rules! columns {
    ($(#[$doc:meta])* $row:ident, $columns:ident { $($column:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        pub(super) struct $row {
            $(pub(super) $column: $type,)*
        }

        #[derive(Default)]
        pub(super) struct $columns {
            $($column: Vec<$type>,)*
            rows: usize,
        }

        impl $columns {
            pub(super) fn push(&mut self, row: $row) {
                $(self.$column.push(row.$column);)*
                self.rows += 1;
            }

            pub(super) fn is_empty(&self) -> bool {
                self.rows == 0
            }

            pub(super) fn bind(
                self,
                statement: &'static str,
            ) -> sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments> {
                sqlx::query(statement)$(.bind(self.$column))*
            }
        }
    };
}

pub(super) use columns;
