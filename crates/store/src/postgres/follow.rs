//! Hears what other nodes have saved.

use std::time::Duration;

use sqlx::{PgPool, postgres::PgListener};
use tokio::sync::watch;

use super::{account, command, event};

/// How long to wait before a server that went away is asked again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What is heard of.
pub(super) struct Ears {
    /// The newest position.
    pub(super) newest: watch::Sender<i64>,
    /// Commands and answers to them.
    pub(super) commanded: watch::Sender<u64>,
    /// What accounts are allowed.
    pub(super) accounts: watch::Sender<u64>,
}

/// Follows the newest position, and hears of the rest, until nobody wants to know any more.
pub(super) async fn follow(pool: PgPool, ears: Ears) {
    while !ears.newest.is_closed() && !pool.is_closed() {
        if let Err(error) = listen(&pool, &ears).await {
            tracing::warn!(%error, "the events of other nodes are not heard at the moment");
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }
}

/// Listens as long as the connection holds. What was said before it listened is read from the log.
async fn listen(pool: &PgPool, ears: &Ears) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    let channels = [event::CHANNEL, command::CHANNEL, account::CHANNEL];
    listener.listen_all(channels).await?;
    loop {
        let position = sqlx::query_scalar(event::NEWEST).fetch_one(&mut listener).await?;
        advance(&ears.newest, position);
        ears.commanded.send_modify(|count| *count += 1);
        ears.accounts.send_modify(|count| *count += 1);
        // `None` says that the connection was lost and made again.
        while let Some(said) = listener.try_recv().await? {
            match said.channel() {
                command::CHANNEL => ears.commanded.send_modify(|count| *count += 1),
                account::CHANNEL => ears.accounts.send_modify(|count| *count += 1),
                _ => {
                    if let Ok(position) = said.payload().parse() {
                        advance(&ears.newest, position);
                    }
                }
            }
        }
    }
}

/// Positions come from two sides, each in its own order: only the greater one counts.
pub(super) fn advance(newest: &watch::Sender<i64>, position: i64) {
    newest.send_if_modified(|known| {
        let newer = position > *known;
        if newer {
            *known = position;
        }
        newer
    });
}
