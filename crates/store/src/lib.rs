//! The state of Outdial on disk: SQLite or PostgreSQL behind the engine's store port, migrations, and blobs.
//!
//! [`SqliteStore`] keeps accounts, calls, events and jobs in one file, and [`PostgresStore`] in the
//! database of a server; [`FileBlobs`] keeps large byte strings in files. None of them decides anything:
//! what is legal is said in the domain, and repeated here as constraints of the schemas.

mod blobs;
mod postgres;
mod rows;
mod sqlite;

pub use blobs::FileBlobs;
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
