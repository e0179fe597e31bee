//! Clears away what is kept for a time only.

use std::time::Duration;

use crate::{Engine, ports::StoreError};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(600);
/// How many rows go in one transaction, so that calls need not wait for it.
const BATCH: usize = 500;

/// Runs until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let stopping = engine.inner().stopping.clone();
    loop {
        if let Err(error) = sweep(&engine).await {
            tracing::warn!(%error, "old answers to idempotency keys were not cleared away");
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn sweep(engine: &Engine) -> Result<(), StoreError> {
    while engine.store.forget_answers(engine.ids.now(), BATCH).await? == BATCH {
        if engine.inner().stopping.is_cancelled() {
            break;
        }
    }
    Ok(())
}
