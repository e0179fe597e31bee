//! The state of Outdial on disk: SQLite behind the engine's store port, migrations, and blobs.
//!
//! [`SqliteStore`] keeps accounts, calls, events and jobs in one file; [`FileBlobs`] keeps large byte
//! strings beside it. Neither decides anything: what is legal is said in the domain, and repeated here
//! as constraints of the schema.

mod blobs;
mod rows;
mod sqlite;

pub use blobs::FileBlobs;
pub use sqlite::SqliteStore;
