//! Connects to the server.

use std::time::Duration;

use outdial_engine::ports::StoreError;
use sqlx::{
    ConnectOptions, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::error::{too_slow, unavailable};

/// How many readers there may be at once; one more connection hears the news of other nodes.
const READERS: u32 = 4;

/// A server that does not take a connection within this time is away.
const CONNECTS_WITHIN: Duration = Duration::from_secs(5);

/// What is read within it is as it was at one moment.
pub(super) const MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub(super) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| StoreError::Unavailable {
        // The URL itself holds a password.
        reason: format!("`store.url` cannot be read: {error}"),
        remedy: "Write it as postgres://user:password@host:5432/database".to_owned(),
    })?;
    Ok(options.application_name("outdial").disable_statement_logging())
}

/// Connects, with all that a commit promises, whatever the server's or the database's settings are.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let connecting = async {
        let mut connection = options.connect().await?;
        // A transaction whose program is gone must not keep the others waiting.
        sqlx::raw_sql(
            "SET synchronous_commit = on; SET idle_in_transaction_session_timeout = '10s'; \
             SET client_min_messages = warning",
        )
        .execute(&mut connection)
        .await?;
        Ok(connection)
    };
    match tokio::time::timeout(CONNECTS_WITHIN, connecting).await {
        Ok(connected) => connected.map_err(|error: sqlx::Error| unavailable(&error)),
        Err(_) => Err(too_slow()),
    }
}

/// One connection for what must never wait for readers.
pub(super) fn single(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(CONNECTS_WITHIN)
        .connect_lazy_with(options.clone())
}

/// Connections for everything but saving. None is opened before it is needed.
pub(super) fn pool(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(READERS + 1)
        .acquire_timeout(CONNECTS_WITHIN)
        .connect_lazy_with(options.clone())
}
