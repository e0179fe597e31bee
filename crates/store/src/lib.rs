//! The state of Outdial on disk: SQLite behind the engine's store port, migrations, and blobs.
