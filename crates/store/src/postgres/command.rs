//! What nodes ask of each other. The table is the truth; a notification only says that it is worth a look.

use std::time::Duration;

use outdial_domain::CommandId;
use outdial_engine::ports::{NodeCommand, Reply};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{
    error::Failure,
    text::{given, kept},
};

/// Where nodes tell each other to look.
pub(super) const CHANNEL: &str = "outdial_commands";

pub(super) const LEAVE: &str = "WITH left_here AS \
     (INSERT INTO command (id, run, command) VALUES ($1, $2, $3) RETURNING id) \
     SELECT pg_notify('outdial_commands', '')::text FROM left_here";

pub(super) const TAKE: &str = "UPDATE command SET taken_at = clock_timestamp() WHERE run = $1 AND taken_at IS NULL \
     RETURNING id, run, command";

pub(super) const ANSWER: &str = "WITH answered AS \
     (UPDATE command SET answer = $2 WHERE id = $1 AND answer IS NULL RETURNING id) \
     SELECT pg_notify('outdial_commands', '')::text FROM answered";

/// What became of a command, and whether its run is alive.
pub(super) const ASK: &str = "SELECT answer, EXISTS (SELECT 1 FROM node \
     WHERE node.id = command.run AND node.lease_until > clock_timestamp()) FROM command WHERE id = $1";

pub(super) const FORGET: &str = "DELETE FROM command WHERE id = $1";

pub(super) const FORGET_OLD: &str =
    "DELETE FROM command WHERE left_at < clock_timestamp() - $1 * interval '1 microsecond'";

pub(super) async fn leave(connection: &mut PgConnection, command: &NodeCommand) -> Result<(), Failure> {
    sqlx::query(LEAVE)
        .bind(command.id.uuid())
        .bind(kept(&command.run))
        .bind(kept(&command.command))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn take(connection: &mut PgConnection, run: &str) -> Result<Vec<NodeCommand>, Failure> {
    let rows = sqlx::query(TAKE).bind(kept(run)).fetch_all(connection).await?;
    let command = |row: sqlx::postgres::PgRow| {
        Ok(NodeCommand {
            id: CommandId::from_uuid(row.try_get(0)?),
            run: given(row.try_get(1)?),
            command: given(row.try_get(2)?),
        })
    };
    rows.into_iter().map(command).collect()
}

pub(super) async fn answer(connection: &mut PgConnection, command: Uuid, answer: &str) -> Result<(), Failure> {
    sqlx::query(ANSWER)
        .bind(command)
        .bind(kept(answer))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn reply(connection: &mut PgConnection, command: Uuid) -> Result<Reply, Failure> {
    let asked: Option<(Option<String>, bool)> = sqlx::query_as(ASK)
        .bind(command)
        .fetch_optional(&mut *connection)
        .await?;
    let reply = match asked {
        Some((Some(answer), _)) => Reply::Answered(given(answer)),
        Some((None, true)) => return Ok(Reply::Waiting),
        Some((None, false)) | None => Reply::Nobody,
    };
    sqlx::query(FORGET).bind(command).execute(connection).await?;
    Ok(reply)
}

pub(super) async fn forget(connection: &mut PgConnection, older_than: Duration) -> Result<(), Failure> {
    let micros = i64::try_from(older_than.as_micros()).unwrap_or(i64::MAX);
    sqlx::query(FORGET_OLD).bind(micros).execute(connection).await?;
    Ok(())
}
