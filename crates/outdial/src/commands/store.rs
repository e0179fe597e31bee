//! `outdial store`: examines the state, backs it up and brings it back.

use std::{path::Path, process::ExitCode};

use outdial_engine::verbs;
use outdial_store::{Examination, FileBlobs, PostgresStore, SqliteStore};
use secrecy::ExposeSecret;
use serde_json::json;

use super::print_json;
use crate::{
    cli::{Common, Store},
    config::Config,
    data_dir::DataDir,
    exit::Failure,
    server::{Role, Server},
};

pub(super) async fn run(common: &Common, command: Store) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    match command {
        Store::Check { json } => check(common, &config, json).await,
        Store::Backup { file } => back_up(common, &config, &file).await,
        Store::Restore { file, nothing_since } => restore(common, &config, &file, nothing_since).await,
        Store::AfterRestore => after_restore(common, &config).await,
    }
}

async fn check(common: &Common, config: &Config, json: bool) -> Result<ExitCode, Failure> {
    let found = match config.store.url()? {
        Some(url) => PostgresStore::examine(url.expose_secret()).await,
        None => {
            let database = existing(common)?;
            SqliteStore::examine(&database, &common.data.join("blobs"), &common.data.join("recordings")).await
        }
    };
    let Examination {
        calls,
        messages,
        events,
        schedules,
        webhooks,
        deliveries,
        uploads,
        faults,
    } = found.map_err(failed)?;
    if json {
        print_json(&json!({
            "calls": calls, "messages": messages, "events": events, "schedules": schedules, "webhooks": webhooks,
            "deliveries": deliveries, "uploads": uploads, "faults": faults,
        }));
    } else {
        faults.iter().for_each(|fault| crate::output::say!("WRONG {fault}"));
        let verdict = if faults.is_empty() { "all is well" } else { "see above" };
        crate::output::say!(
            "read {calls} calls and {messages} messages with {events} events, {schedules} schedules, {webhooks} webhooks with {deliveries} \
             deliveries, and {uploads} uploads: {verdict}"
        );
    }
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

async fn back_up(common: &Common, config: &Config, file: &Path) -> Result<ExitCode, Failure> {
    refuse_for_a_database(config, "pg_dump --format=custom --file=FILE")?;
    let database = existing(common)?;
    let blobs = FileBlobs::open(&common.data.join("blobs")).map_err(failed)?;
    SqliteStore::back_up(&database, &blobs, file).await.map_err(failed)?;
    crate::output::say!("{}", file.display());
    Ok(ExitCode::SUCCESS)
}

async fn restore(common: &Common, config: &Config, file: &Path, nothing_since: bool) -> Result<ExitCode, Failure> {
    refuse_for_a_database(
        config,
        "pg_restore --dbname=… FILE, and then `outdial store after-restore`",
    )?;
    {
        let data = DataDir::take(&common.data)?;
        let blobs = FileBlobs::open(&data.join("blobs")).map_err(failed)?;
        SqliteStore::restore(file, &data.database(), &blobs)
            .await
            .map_err(failed)?;
    }
    if nothing_since {
        return Ok(ExitCode::SUCCESS);
    }
    after_restore(common, config).await
}

/// What is due now may have been dialled after the backup was made.
async fn after_restore(common: &Common, config: &Config) -> Result<ExitCode, Failure> {
    let mut config = config.clone();
    config.server.bind.set_port(0);
    let server = Server::start(&config, &common.data, Role::Changing).await?;
    let ended = verbs::after_restore(&server.engine).await;
    server.stop().await;
    let ended = ended.map_err(failed)?;
    crate::output::say!("{ended} calls were due and may have been dialled since the backup: they ended as `unknown`");
    Ok(ExitCode::SUCCESS)
}

/// The file with the state, which must be there.
fn existing(common: &Common) -> Result<std::path::PathBuf, Failure> {
    let database = DataDir::database_in(&common.data);
    if database.exists() {
        return Ok(database);
    }
    Err(Failure::start(format!(
        "there is no {}: give the data directory with --data",
        database.display()
    )))
}

/// A database server has tools of its own, which know it better.
fn refuse_for_a_database(config: &Config, instead: &str) -> Result<(), Failure> {
    match config.store.url()? {
        Some(_) => Err(Failure::usage(format!(
            "the state is in a PostgreSQL database: use its own tools, {instead}"
        ))),
        None => Ok(()),
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::start(error.to_string())
}
