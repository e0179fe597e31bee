//! Whose rooms are.

use outdial_domain::{AccountId, CallId, RoomName, RoomNameError};
use outdial_engine::ports::StoreError;
use sqlx::PgConnection;

use super::{
    error::Failure,
    text::{given, kept},
};

/// Takes a room that is nobody's, or that of a run that is gone.
pub(super) const OWN: &str = "INSERT INTO room (account_id, name, run) VALUES ($1, $2, $3) \
     ON CONFLICT (account_id, name) DO UPDATE SET run = excluded.run \
     WHERE room.run = excluded.run OR NOT EXISTS (SELECT 1 FROM node WHERE node.id = room.run) \
     RETURNING run";

pub(super) const ALL: &str = "SELECT room.name, room.run FROM room JOIN node ON node.id = room.run \
     WHERE room.account_id = $1 ORDER BY room.name";
pub(super) const OWNER: &str = "SELECT run FROM room WHERE account_id = $1 AND name = $2";
pub(super) const DISOWN: &str = "DELETE FROM room WHERE account_id = $1 AND name = $2 AND run = $3";
pub(super) const HAND_OVER: &str = "UPDATE job SET claimed_by = $3 WHERE subject = $1 AND claimed_by = $2";

pub(super) async fn own(
    connection: &mut PgConnection,
    account: AccountId,
    room: &RoomName,
    run: &str,
) -> Result<String, Failure> {
    loop {
        let owned: Option<String> = sqlx::query_scalar(OWN)
            .bind(account.uuid())
            .bind(room.as_str())
            .bind(kept(run))
            .fetch_optional(&mut *connection)
            .await?;
        let owner = match owned {
            Some(owner) => Some(owner),
            None => {
                sqlx::query_scalar(OWNER)
                    .bind(account.uuid())
                    .bind(room.as_str())
                    .fetch_optional(&mut *connection)
                    .await?
            }
        };
        // Between the two statements its owner may have let go of it.
        if let Some(owner) = owner {
            return Ok(given(owner));
        }
    }
}

pub(super) async fn all(connection: &mut PgConnection, account: AccountId) -> Result<Vec<(RoomName, String)>, Failure> {
    let rows: Vec<(String, String)> = sqlx::query_as(ALL).bind(account.uuid()).fetch_all(connection).await?;
    let room = |(name, run): (String, String)| {
        let name = name.parse().map_err(|error: RoomNameError| StoreError::BadRow {
            table: "room",
            column: "name",
            id: name.clone(),
            reason: error.to_string(),
        })?;
        Ok((name, given(run)))
    };
    rows.into_iter().map(room).collect()
}

pub(super) async fn disown(
    connection: &mut PgConnection,
    account: AccountId,
    room: &RoomName,
    run: &str,
) -> Result<(), Failure> {
    sqlx::query(DISOWN)
        .bind(account.uuid())
        .bind(room.as_str())
        .bind(kept(run))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn hand_over(
    connection: &mut PgConnection,
    call: CallId,
    from: &str,
    to: &str,
) -> Result<bool, Failure> {
    let given = sqlx::query(HAND_OVER)
        .bind(call.uuid())
        .bind(kept(from))
        .bind(kept(to))
        .execute(connection)
        .await?;
    Ok(given.rows_affected() == 1)
}
