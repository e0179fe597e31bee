//! Databases with as many pending calls as are wanted: one is made by the API, and the others are copies of it.
//!
//! The copies have no events of their own, which would only fill the disk: nothing reads them until their call is
//! dialled, a year from now.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use outdial_testkit::peers::Postgres;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    machine,
    programs::{Outdial, folder},
};

/// What keeps the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A database of a server, which goes with this value.
pub(super) struct Database {
    home: TempDir,
    postgres: Option<(Postgres, String)>,
    /// How many calls are pending by filling.
    filled: u64,
}

const NAME: &str = "test_0";

impl Database {
    /// An empty one, with the one call that is copied.
    pub(super) async fn new(kind: Kind) -> Result<Self> {
        let postgres = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => {
                let server = Postgres::durable().await?;
                let url = server.database()?;
                Some((server, url))
            }
        };
        let mut database = Self {
            home: folder()?,
            postgres,
            filled: 0,
        };
        let server = database.serve()?;
        let body = json!({ "to": "sip:nobody@127.0.0.1:9", "flow": [{ "hang_up": {} }], "in": "8760h" });
        let call = server.client.place(&body).await?.call;
        database.filled = 1;
        database.remember(&call).await?;
        Ok(database)
    }

    pub(super) fn serve(&self) -> Result<Outdial> {
        let store = match &self.postgres {
            Some((_, url)) => format!("[store]\nurl = \"{url}\"\n"),
            None => String::new(),
        };
        Outdial::roomy_in(self.home.path(), &store)
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("data/outdial.db")
    }

    /// Processor seconds of a server of its own, so far.
    pub(super) fn processor(&self) -> Result<f64> {
        match &self.postgres {
            Some((server, _)) => machine::processor_of_family(server.pid().context("PostgreSQL runs")?),
            None => Ok(0.0),
        }
    }

    /// How many bytes it has on the disk.
    pub(super) fn size(&self) -> Result<u64> {
        match &self.postgres {
            Some((server, _)) => {
                let size = server.psql(NAME, &format!("SELECT pg_database_size('{NAME}')"))?;
                size.parse().context("read the size of the database")
            }
            None => Ok(std::fs::metadata(self.path()).context("look at the database")?.len()),
        }
    }

    /// Writes down which call is to be copied.
    async fn remember(&self, call: &str) -> Result<()> {
        let id = call.strip_prefix("call_").context("an id of a call")?.replace('-', "");
        if !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            bail!("{call} is no id");
        }
        self.run(
            &format!("CREATE TABLE filler AS SELECT * FROM call WHERE id = unhex('{id}')"),
            &format!("CREATE TABLE filler AS SELECT * FROM call WHERE id = '{id}'"),
        )
        .await
    }

    /// Makes copies until so many calls are pending. Says how long it took. No server may run.
    pub(super) async fn fill(&mut self, pending: u64) -> Result<Duration> {
        let started = Instant::now();
        let first = self.filled;
        let columns = |id: &str| {
            format!(
                "account_id, {id}, direction, state, outcome, to_address, tag, reference, face, \
                 face_reference, face_kept, due + i * 1000, attempts, \
                 events, created_at, answered_at, ended_at, ending, digits, plan, flow"
            )
        };
        let job = |id: &str| format!("account_id, {id}, 1, due + i * 1000");
        let (sqlite, postgres) = ("unhex(format('%032x', i))", "lpad(to_hex(i), 32, '0')::uuid");
        let numbers = format!(
            "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {pending}) INSERT INTO"
        );
        self.run(
            &format!(
                "PRAGMA foreign_keys = OFF; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
                 PRAGMA cache_size = -262144;
                 {numbers} call SELECT {} FROM filler, n;
                 {numbers} job (account_id, subject, priority, due) SELECT {} FROM filler, n;",
                columns(sqlite),
                job(sqlite)
            ),
            &format!(
                "SET session_replication_role = replica; SET synchronous_commit = off;
                 INSERT INTO call SELECT {} FROM filler, generate_series({first}::bigint, {}) AS i;
                 INSERT INTO job (account_id, subject, priority, due) SELECT {}
                    FROM filler, generate_series({first}::bigint, {}) AS i;",
                columns(postgres),
                pending - 1,
                job(postgres),
                pending - 1,
            ),
        )
        .await?;
        // As the server does by itself, but for the waiting.
        self.run("SELECT 1", "VACUUM ANALYZE call").await?;
        self.run("SELECT 1", "VACUUM ANALYZE job").await?;
        self.run("PRAGMA journal_mode = WAL", "CHECKPOINT").await?;
        self.filled = pending;
        Ok(started.elapsed())
    }

    async fn run(&self, sqlite: &str, postgres: &str) -> Result<()> {
        let (path, sqlite, postgres) = (self.path(), sqlite.to_owned(), postgres.to_owned());
        if let Some((server, _)) = &self.postgres {
            return server.psql(NAME, &postgres).map(|_| ());
        }
        tokio::task::spawn_blocking(move || {
            let connection = rusqlite::Connection::open(path).context("open the database")?;
            connection.execute_batch(&sqlite).context("fill the database")
        })
        .await
        .context("fill the database")?
    }
}
