//! The nodes' port, on a connection of its own: whoever reads much must not make a node lose its lease.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use outdial_domain::{AccountId, CallId, CommandId, RoomName};
use outdial_engine::ports::{JoinError, NodeCommand, Nodes, Released, Reply, Run, StoreError};
use sqlx::{PgConnection, PgPool};
use tokio::sync::watch;

use super::{
    command,
    error::{Failure, too_slow},
    node, room,
};

/// A server that takes longer for one of these small statements is given up, and asked anew.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// How nodes that share the database know of each other.
#[derive(Debug)]
pub(super) struct PostgresNodes {
    pool: PgPool,
    commanded: watch::Receiver<u64>,
}

impl PostgresNodes {
    pub(super) fn new(pool: PgPool, commanded: watch::Receiver<u64>) -> Self {
        Self { pool, commanded }
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    fn with<'s, T, W>(&'s self, work: W) -> BoxFuture<'s, Result<T, StoreError>>
    where
        T: Send + 's,
        W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + 's,
    {
        async move {
            let asked = async {
                let mut connection = self.pool.acquire().await.map_err(Failure::from)?;
                let done = work(&mut connection).await;
                if matches!(done, Err(Failure::Database(_))) {
                    // It may be in the middle of anything.
                    drop(connection.detach());
                }
                done
            };
            match tokio::time::timeout(ANSWERS_WITHIN, asked).await {
                Ok(done) => Ok(done?),
                Err(_) => Err(too_slow()),
            }
        }
        .boxed()
    }
}

impl Nodes for PostgresNodes {
    fn join(&self, run: &Run, lease: Duration) -> BoxFuture<'_, Result<(), JoinError>> {
        let run = run.clone();
        async move {
            let joined = self.with(move |connection| async move { node::join(connection, &run, lease).await }.boxed());
            joined.await?.map_or(Ok(()), Err)
        }
        .boxed()
    }

    fn beat(&self, run: &str, lease: Duration) -> BoxFuture<'_, Result<bool, StoreError>> {
        let run = run.to_owned();
        self.with(move |connection| async move { node::beat(connection, &run, lease).await }.boxed())
    }

    fn give_back(&self, run: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        let run = run.to_owned();
        self.with(move |connection| async move { node::give_back(connection, &run).await }.boxed())
    }

    fn leave(&self, run: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        let run = run.to_owned();
        self.with(move |connection| async move { node::leave(connection, &run).await }.boxed())
    }

    fn release(&self, by: &str, lease: Duration, patience: Duration) -> BoxFuture<'_, Result<Released, StoreError>> {
        let by = by.to_owned();
        self.with(move |connection| async move { node::release(connection, &by, lease, patience).await }.boxed())
    }

    fn command(&self, command: NodeCommand) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| async move { command::leave(connection, &command).await }.boxed())
    }

    fn take_commands(&self, run: &str) -> BoxFuture<'_, Result<Vec<NodeCommand>, StoreError>> {
        let run = run.to_owned();
        self.with(move |connection| async move { command::take(connection, &run).await }.boxed())
    }

    fn answer(&self, command: CommandId, answer: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| async move { command::answer(connection, command.uuid(), &answer).await }.boxed())
    }

    fn reply(&self, command: CommandId) -> BoxFuture<'_, Result<Reply, StoreError>> {
        self.with(move |connection| command::reply(connection, command.uuid()).boxed())
    }

    fn forget_commands(&self, older_than: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| command::forget(connection, older_than).boxed())
    }

    fn own_room(&self, account: AccountId, room: &RoomName, run: &str) -> BoxFuture<'_, Result<String, StoreError>> {
        let (room, run) = (room.clone(), run.to_owned());
        self.with(move |connection| async move { room::own(connection, account, &room, &run).await }.boxed())
    }

    fn disown_room(&self, account: AccountId, room: &RoomName, run: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        let (room, run) = (room.clone(), run.to_owned());
        self.with(move |connection| async move { room::disown(connection, account, &room, &run).await }.boxed())
    }

    fn rooms(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<(RoomName, String)>, StoreError>> {
        self.with(move |connection| room::all(connection, account).boxed())
    }

    fn hand_over(&self, call: CallId, from: &str, to: &str) -> BoxFuture<'_, Result<bool, StoreError>> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.with(move |connection| async move { room::hand_over(connection, call, &from, &to).await }.boxed())
    }

    fn commanded(&self) -> watch::Receiver<u64> {
        self.commanded.clone()
    }
}
