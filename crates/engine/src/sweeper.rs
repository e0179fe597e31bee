//! What is looked after again and again, by one node for all: the eldest that is alive.
//!
//! To add something, write a [`Chore`] and put it among [`chores`]. A chore must be safe to run twice, even
//! on two nodes at once: who is the eldest may change at any moment.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until};

use crate::{
    Engine, interrupted,
    node::{LEASE, PATIENCE},
    ports::StoreError,
    verbs::forget_recording,
};

/// How often the claims of nodes that are gone are given back.
const RELEASE: Duration = Duration::from_millis(500);

/// How often to look for calls that nobody stays with, beside the times when a node was declared gone.
const THOROUGHLY: Duration = Duration::from_secs(30);

/// How often to look for attempts past their deadline.
const DEADLINES: Duration = Duration::from_secs(60);

/// How soon everything is done for the first time: a server that is often started again does it, too.
const AT_FIRST: Duration = Duration::from_secs(1);

/// How often old answers are forgotten, and how many in one transaction, so that calls need not wait for it.
const ANSWERS: Duration = Duration::from_secs(600);
const BATCH: usize = 500;

/// How long a masked pair is kept after its time was over.
const MASKS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How long a receipt or a part of a text is kept that nothing belongs to.
const ARRIVALS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 3);

/// How often recordings whose time is over are deleted.
const RECORDINGS: Duration = Duration::from_secs(60);

/// How long a command between nodes is kept at most. Whoever gave it has stopped waiting long before.
const COMMANDS: Duration = Duration::from_secs(600);

/// Something that is done again and again.
struct Chore {
    /// What it does, for the log.
    name: &'static str,
    every: Duration,
    run: for<'e> fn(&'e Engine) -> BoxFuture<'e, Result<(), StoreError>>,
}

/// All of them.
fn chores(engine: &Engine) -> Vec<Chore> {
    let mut chores = vec![
        Chore {
            name: "ends attempts past their deadline",
            every: DEADLINES,
            run: |engine| Box::pin(interrupted::end_the_overdue(engine)),
        },
        Chore {
            name: "forgets receipts and parts of texts that nothing ever belonged to",
            every: ANSWERS,
            run: |engine| Box::pin(forget_arrivals(engine)),
        },
        Chore {
            name: "forgets old answers to idempotency keys",
            every: ANSWERS,
            run: |engine| Box::pin(forget_answers(engine)),
        },
        Chore {
            name: "forgets masked pairs whose time was over long ago",
            every: ANSWERS,
            run: |engine| Box::pin(forget_masks(engine)),
        },
        Chore {
            name: "deletes recordings whose time is over",
            every: RECORDINGS,
            run: |engine| Box::pin(forget_recordings(engine)),
        },
    ];
    if engine.store.nodes().is_some() {
        chores.extend([
            Chore {
                name: "gives back what nodes that are gone had claimed",
                every: RELEASE,
                run: |engine| Box::pin(release(engine)),
            },
            Chore {
                name: "accounts for calls and messages that no node stays with",
                every: THOROUGHLY,
                run: |engine| Box::pin(interrupted::end_all_of_the_gone(engine)),
            },
            Chore {
                name: "forgets commands between nodes",
                every: COMMANDS,
                run: |engine| Box::pin(forget_commands(engine)),
            },
        ]);
    }
    chores
}

/// Runs until the engine has stopped.
pub(crate) async fn run(engine: Engine) {
    let left = engine.inner().left.clone();
    let mut chores: Vec<(Instant, Chore)> = chores(&engine)
        .into_iter()
        .map(|chore| (Instant::now() + chore.every.min(AT_FIRST), chore))
        .collect();
    loop {
        let Some((due, chore)) = chores.iter_mut().min_by_key(|(due, _)| *due) else {
            return;
        };
        tokio::select! {
            () = left.cancelled() => return,
            () = sleep_until(*due) => {}
        }
        *due = Instant::now() + chore.every;
        if engine.inner().node.is_eldest()
            && let Err(error) = (chore.run)(&engine).await
        {
            tracing::warn!(%error, chore = chore.name, "this was not done; it is tried again");
        }
    }
}

async fn release(engine: &Engine) -> Result<(), StoreError> {
    let Some(nodes) = engine.store.nodes() else {
        return Ok(());
    };
    let run = engine.inner().node.run();
    let released = nodes.release(&run.id, LEASE, PATIENCE).await?;
    if released.receivers {
        engine.inner().telling.notify_one();
    }
    if released.gone {
        interrupted::end_all_of_the_gone(engine).await?;
    }
    Ok(())
}

async fn forget_commands(engine: &Engine) -> Result<(), StoreError> {
    match engine.store.nodes() {
        Some(nodes) => nodes.forget_commands(COMMANDS).await,
        None => Ok(()),
    }
}

/// Parts of a text come within days at most, and so do the answers that receipts were faster than.
async fn forget_arrivals(engine: &Engine) -> Result<(), StoreError> {
    let before = engine.ids.now().saturating_sub(ARRIVALS_KEPT).unwrap_or(Timestamp::MIN);
    while engine.store.forget_arrivals(before, BATCH).await? >= BATCH {
        if engine.is_stopping() {
            break;
        }
    }
    Ok(())
}

async fn forget_masks(engine: &Engine) -> Result<(), StoreError> {
    let before = engine.ids.now().saturating_sub(MASKS_KEPT).unwrap_or(Timestamp::MIN);
    while engine.store.forget_masks(before, BATCH).await? == BATCH {
        if engine.is_stopping() {
            break;
        }
    }
    Ok(())
}

/// One whose file cannot be removed holds up no other for longer than until the next time.
async fn forget_recordings(engine: &Engine) -> Result<(), StoreError> {
    loop {
        let old = engine.store.old_recordings(engine.ids.now(), BATCH).await?;
        let mut left = 0;
        for recording in &old {
            match forget_recording(engine, recording).await {
                Ok(()) => {
                    tracing::info!(recording = %recording.id, "a recording was deleted, because its time was over");
                }
                Err(error) => {
                    left += 1;
                    tracing::warn!(recording = %recording.id, %error, "a recording could not be deleted; it is tried again");
                }
            }
        }
        if left > 0 || old.len() < BATCH || engine.is_stopping() {
            return Ok(());
        }
    }
}

async fn forget_answers(engine: &Engine) -> Result<(), StoreError> {
    while engine.store.forget_answers(engine.ids.now(), BATCH).await? == BATCH {
        if engine.is_stopping() {
            break;
        }
    }
    Ok(())
}
