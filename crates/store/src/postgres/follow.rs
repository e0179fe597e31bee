//! Hears what other nodes have saved.

use std::time::Duration;

use sqlx::{PgPool, postgres::PgListener};
use tokio::sync::watch;

use super::{command, event};

/// How long to wait before a server that went away is asked again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Follows the newest position, and hears of commands, until nobody wants to know any more.
pub(super) async fn follow(pool: PgPool, newest: watch::Sender<i64>, commanded: watch::Sender<u64>) {
    while !newest.is_closed() && !pool.is_closed() {
        if let Err(error) = listen(&pool, &newest, &commanded).await {
            tracing::warn!(%error, "the events of other nodes are not heard at the moment");
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }
}

/// Listens as long as the connection holds. What was said before it listened is read from the log.
async fn listen(pool: &PgPool, newest: &watch::Sender<i64>, commanded: &watch::Sender<u64>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all([event::CHANNEL, command::CHANNEL]).await?;
    loop {
        let position = sqlx::query_scalar(event::NEWEST).fetch_one(&mut listener).await?;
        advance(newest, position);
        commanded.send_modify(|count| *count += 1);
        // `None` says that the connection was lost and made again.
        while let Some(said) = listener.try_recv().await? {
            if said.channel() == command::CHANNEL {
                commanded.send_modify(|count| *count += 1);
            } else if let Ok(position) = said.payload().parse() {
                advance(newest, position);
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
