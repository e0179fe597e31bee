//! Accounts for what may have been dialled after a backup was made that is now restored.

use outdial_domain::{EndedBy, Ending, EventKind, Outcome};

use crate::{
    Engine,
    ports::{Change, Job, StoreError, Wanted},
};

/// How many calls are taken at once.
const BATCH: usize = 500;

/// Ends, as `unknown`, every call that is due: between the backup and now it may have been dialled, and
/// nobody knows. Calls that are due later stay. Says how many it ended.
///
/// Nothing may dial from this store meanwhile.
///
/// # Errors
///
/// [`StoreError`]; then it may have ended some, and can be done again.
pub async fn after_restore(engine: &Engine) -> Result<u64, StoreError> {
    // What somebody had taken when the backup was made is not different from what nobody had.
    engine.store.recover().await?;
    let run = engine.inner().node.run().id;
    let mut ended = 0;
    loop {
        let claimed = engine
            .store
            .claim_due(engine.ids.now(), &run, Wanted::any(BATCH))
            .await?;
        let claimed = claimed.calls;
        if claimed.is_empty() {
            return Ok(ended);
        }
        for mut call in claimed.into_iter().map(|claimed| claimed.call) {
            let since = Some(call.events);
            let reason = "it was due between the backup and its restoration: it may or may not have been dialled then";
            let ending = Ending::new(Outcome::Unknown, EndedBy::System, reason);
            call.end(ending.clone(), engine.ids.now());
            let events = vec![engine.record(&mut call, EventKind::Ended { ending })];
            engine
                .store
                .commit(Change {
                    call,
                    since,
                    flow: None,
                    attempt: None,
                    legs: Vec::new(),
                    events,
                    traces: Vec::new(),
                    job: Job::Remove,
                    answer: None,
                })
                .await?;
            ended += 1;
        }
    }
}
