//! Clears away old entries of the log of deliveries.

use std::{sync::Arc, time::Duration};

use crate::Shared;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(3_600);
/// How many entries go in one transaction.
const BATCH: usize = 500;

/// Runs until it is to stop.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let before = shared.engine.ids.now() - shared.config.log_kept;
        loop {
            match shared.engine.store.forget_deliveries(before, BATCH).await {
                Ok(BATCH) if !shared.stopping.is_cancelled() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "the log of deliveries was not cleared");
                    break;
                }
            }
        }
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
