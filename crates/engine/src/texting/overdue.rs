//! Ends messages whose time is over and of which the network has said nothing: it is asked first.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use outdial_domain::{
    Message,
    message::{Receipt, ReceiptState, SubmissionState},
};

use super::{
    answers,
    saving::{Saved, change, save},
};
use crate::{
    Engine,
    ports::{StoreError, TextCarrier, TextQuestion},
};

/// How often it is looked for such messages.
const EVERY: Duration = Duration::from_secs(2);

/// How long a network may take to say what became of a part.
const LOOK_UP: Duration = Duration::from_secs(10);

/// How many are read at a time.
const BATCH: usize = 500;

/// How many are asked about and ended at one time.
const AT_ONCE: usize = 16;

/// The trunks that have left a question without an answer. They are asked no more until the next look, so that one
/// that does not know questions holds up nothing.
type Silent = Mutex<BTreeSet<String>>;

/// Looks again and again until the engine stops. Where several nodes share a store, one does it for all.
pub(super) async fn run(engine: Engine) {
    let stopping = engine.inner().stopping.clone();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if !engine.inner().node.is_eldest() {
            continue;
        }
        let ended = tokio::select! {
            () = stopping.cancelled() => return,
            ended = end_all(&engine) => ended,
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "texts whose time is over were not ended; it is tried again");
        }
    }
}

async fn end_all(engine: &Engine) -> Result<(), StoreError> {
    let silent = Silent::default();
    loop {
        let overdue = engine.store.overdue_messages(engine.ids.now(), BATCH).await?;
        let many = overdue.len();
        let ended = stream::iter(overdue)
            .map(|message| end(engine, message, &silent))
            .buffer_unordered(AT_ONCE)
            .try_fold(0, async |ended, done| Ok(ended + usize::from(done)));
        // What cannot be ended now is found again at the next look.
        if ended.await? == 0 || many < BATCH {
            return Ok(());
        }
    }
}

/// Says whether it has ended.
async fn end(engine: &Engine, message: Message, silent: &Silent) -> Result<bool, StoreError> {
    ask(engine, &message, silent).await?;
    let Some(mut message) = engine.store.message(message.account, message.id).await? else {
        return Ok(true);
    };
    let Some(over) = message.overdue(engine.ids.now()) else {
        return Ok(true);
    };
    let change = change(engine, &mut message, vec![over]);
    let done = matches!(save(engine, change).await, Saved::Done(_));
    if done {
        answers::count(&message);
    }
    Ok(done)
}

/// Asks the network for every part that it has said nothing of, and writes its answers down.
async fn ask(engine: &Engine, message: &Message, silent: &Silent) -> Result<(), StoreError> {
    let Some((trunk, carrier)) = way_back(engine, message) else {
        return Ok(());
    };
    for submission in &message.submissions {
        let (SubmissionState::Submitted, Some(id)) = (submission.state, &submission.id) else {
            continue;
        };
        if silent.lock().unwrap_or_else(PoisonError::into_inner).contains(trunk) {
            return Ok(());
        }
        let question = TextQuestion {
            trunk: trunk.to_owned(),
            id: id.clone(),
            from: message.plan.from.clone(),
        };
        let state = match tokio::time::timeout(LOOK_UP, carrier.look_up(question)).await {
            Ok(Some(state)) => state,
            Ok(None) => continue,
            Err(_) => {
                tracing::info!(trunk, "it does not say what became of texts");
                silent
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(trunk.to_owned());
                return Ok(());
            }
        };
        // That it does not know says no more than that no receipt came.
        if state == ReceiptState::Unknown {
            continue;
        }
        let receipt = Receipt {
            id: id.clone(),
            state,
            error: None,
        };
        if let Some(now) = engine.store.message(message.account, message.id).await? {
            answers::report(engine, now, &receipt).await;
        }
    }
    Ok(())
}

/// The trunk that has the message, and its carrier.
fn way_back<'e>(engine: &'e Engine, message: &'e Message) -> Option<(&'e str, &'e dyn TextCarrier)> {
    let trunk = message.trunk.as_deref()?;
    let known = engine.settings.sms_trunks.iter().find(|known| known.name == trunk)?;
    let carrier = engine.text_carriers.get(&known.carrier)?;
    Some((trunk, carrier.as_ref()))
}
