//! The state of Outdial on disk: SQLite or PostgreSQL behind the engine's store port, migrations, and blobs.
//!
//! [`SqliteStore`] keeps accounts, calls, events and jobs in one file, and [`PostgresStore`] in the
//! database of a server; [`FileBlobs`] and [`PostgresBlobs`] keep large byte strings, [`FileRecordings`]
//! and [`PostgresRecordings`] the sound of recordings. None of them decides anything:
//! what is legal is said in the domain, and repeated here as constraints of the schemas.

mod blobs;
mod examine;
mod postgres;
mod recordings;
mod rows;
mod sqlite;

pub use blobs::FileBlobs;
pub use examine::Examination;
pub use postgres::{PostgresBlobs, PostgresRecordings, PostgresStore};
pub use recordings::FileRecordings;
pub use sqlite::SqliteStore;
