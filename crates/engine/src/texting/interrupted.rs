//! Accounts for messages that nobody stays with any more.

use std::time::Duration;

use outdial_domain::{
    Message, MessageState,
    message::{Receipt, ReceiptState, SubmissionState},
};

use super::{
    answers, arrivals,
    saving::{Saved, change, save},
};
use crate::{
    Engine,
    ports::{StoreError, TextQuestion},
};

/// How long a network may take to say what became of a part.
const LOOK_UP: Duration = Duration::from_secs(10);

/// How many are read at a time.
const BATCH: usize = 500;

/// Accounts for what runs that are gone had in the journal: it may have left, so it is sent again only where its
/// plan says so.
pub(crate) async fn end_those_of_the_gone(engine: &Engine) -> Result<(), StoreError> {
    for mut message in engine.store.interrupted_messages().await? {
        let id = message.id;
        let Ok(events) = message.interrupted(engine.ids.now()) else {
            continue;
        };
        let change = change(engine, &mut message, events);
        // Somebody who was faster is right.
        engine.store.commit_messages(change.into()).await?;
        answers::count(&message);
        match message.state {
            MessageState::Scheduled | MessageState::Queued => {
                tracing::warn!(%id, due = %message.plan.due, "nobody stayed with this message from its journal to its answer; it is sent again by its plan");
                engine.inner().messages_due.notify_one();
            }
            state => {
                tracing::warn!(%id, %state, "nobody stayed with this message from its journal to its answer; it is not sent again");
            }
        }
    }
    arrivals::take_known(engine).await
}

/// Asks the networks what became of messages that no receipt came for in time, and ends those of which they do not
/// know either.
pub(crate) async fn end_the_overdue(engine: &Engine) -> Result<(), StoreError> {
    loop {
        let overdue = engine.store.overdue_messages(engine.ids.now(), BATCH).await?;
        let many = overdue.len();
        for message in overdue {
            ask(engine, &message).await;
            let Some(mut message) = engine.store.message(message.account, message.id).await? else {
                continue;
            };
            if let Some(over) = message.overdue(engine.ids.now()) {
                let change = change(engine, &mut message, vec![over]);
                if let Saved::Done(_) = save(engine, change).await {
                    answers::count(&message);
                }
            }
        }
        if many < BATCH || engine.is_stopping() {
            return Ok(());
        }
    }
}

/// Asks the network for every part that it has said nothing of.
async fn ask(engine: &Engine, message: &Message) {
    let Some(trunk) = &message.trunk else { return };
    let known = engine.settings.sms_trunks.iter().find(|known| known.name == *trunk);
    let Some(carrier) = known.and_then(|known| engine.text_carriers.get(&known.carrier)) else {
        return;
    };
    for submission in &message.submissions {
        let (SubmissionState::Submitted, Some(id)) = (submission.state, &submission.id) else {
            continue;
        };
        let question = TextQuestion {
            trunk: trunk.clone(),
            id: id.clone(),
            from: message.plan.from.clone(),
        };
        let asked = tokio::time::timeout(LOOK_UP, carrier.look_up(question)).await;
        let Ok(Some(state)) = asked else { return };
        // That it does not know says no more than that no receipt came.
        if state == ReceiptState::Unknown {
            continue;
        }
        let receipt = Receipt {
            id: id.clone(),
            state,
            error: None,
        };
        let now = engine.store.message(message.account, message.id).await;
        if let Ok(Some(now)) = now {
            answers::report(engine, now, &receipt).await;
        }
    }
}
