//! Writes down what the network said: when a message was handed to it, and afterwards.

use outdial_domain::{
    Message, MessageEvent, MessageState,
    message::{PartFate, Receipt},
};

use super::saving::{Saved, change, save};
use crate::{
    Engine,
    ports::{MessageChange, ReceiptName},
};

/// Writes down what became of the submissions of a message that was being sent. Receipts for those that an earlier
/// try had made may change it meanwhile.
pub(super) async fn write_down(engine: &Engine, mut message: Message, fates: Vec<PartFate>) {
    let names: Vec<String> = fates.iter().filter_map(name).collect();
    loop {
        let Ok(events) = message.answered(&fates, engine.ids.now()) else {
            tracing::warn!(message = %message.id, state = %message.state, "an answer came when nobody waited for it");
            return;
        };
        let answered = MessageChange {
            names: names.clone(),
            ..change(engine, &mut message, events)
        };
        match save(engine, answered).await {
            Saved::Done(early) => {
                count(&message);
                if matches!(message.state, MessageState::Scheduled | MessageState::Queued) {
                    engine.inner().messages_due.notify_one();
                }
                return apply(engine, message, early).await;
            }
            Saved::Stale => match reload(engine, &message).await {
                Some(now) => message = now,
                None => return,
            },
            // The next start finds it in the journal.
            Saved::Stopping => return,
        }
    }
}

/// Writes down what receipts say that came before the answer, and then forgets them.
async fn apply(engine: &Engine, mut message: Message, early: Vec<Receipt>) {
    let Some(trunk) = message.trunk.clone() else { return };
    let mut names = Vec::with_capacity(early.len());
    for receipt in early {
        if !report(engine, message.clone(), &receipt).await {
            return;
        }
        let Some(now) = reload(engine, &message).await else {
            return;
        };
        message = now;
        names.push(ReceiptName {
            trunk: trunk.clone(),
            id: receipt.id,
        });
    }
    forget(engine, names).await;
}

/// Forgets receipts that are on disk. What cannot be forgotten now is found at the next start, and says nothing new.
pub(super) async fn forget(engine: &Engine, names: Vec<ReceiptName>) {
    if !names.is_empty()
        && let Err(error) = engine.store.forget_receipts(names).await
    {
        tracing::warn!(%error, "receipts that were taken are kept for longer");
    }
}

fn name(fate: &PartFate) -> Option<String> {
    match fate {
        PartFate::Accepted { id } => id.clone(),
        PartFate::Refused { .. } | PartFate::NotSent { .. } | PartFate::Unknown { .. } | PartFate::Had => None,
    }
}

/// Takes a receipt for this message, however often somebody else changes it in between. Says whether all that it
/// says is on disk.
pub(super) async fn report(engine: &Engine, mut message: Message, receipt: &Receipt) -> bool {
    loop {
        let events = message.report(receipt, engine.ids.now());
        if events.is_empty() {
            return true;
        }
        match save(engine, reported(engine, &mut message, events)).await {
            Saved::Done(_) => {
                count(&message);
                return true;
            }
            Saved::Stale => match reload(engine, &message).await {
                Some(now) => message = now,
                None => return false,
            },
            Saved::Stopping => return false,
        }
    }
}

/// The change that saves what a receipt said. A message that is still in the journal stays there.
pub(super) fn reported(engine: &Engine, message: &mut Message, events: Vec<MessageEvent>) -> MessageChange {
    change(engine, message, events)
}

/// The message as it is on disk; `None` when that cannot be read, and then it is accounted for later.
async fn reload(engine: &Engine, message: &Message) -> Option<Message> {
    let read = engine.store.message(message.account, message.id).await;
    read.inspect_err(|error| tracing::error!(message = %message.id, %error, "cannot read what became of a message"))
        .ok()
        .flatten()
}

/// Counts a message that is over.
pub(super) fn count(message: &Message) {
    if message.state.is_final() {
        metrics::counter!("outdial_messages_ended_total", "state" => message.state.as_str()).increment(1);
    }
}
