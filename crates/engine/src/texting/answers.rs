//! Writes down what the network said: when a message was handed to it, and afterwards.

use outdial_domain::{
    Message, MessageEvent, MessageState,
    message::{PartFate, Receipt},
};

use super::saving::{Saved, change, early, may_try_again, save};
use crate::{
    Engine,
    ports::{Job, MessageChange, ReceiptName},
};

/// Writes down what became of the submissions of a message that was being sent, over a trunk that is asked for
/// receipts or not. Receipts for those that an earlier try had made may change it meanwhile.
pub(super) async fn write_down(engine: &Engine, mut message: Message, fates: Vec<PartFate>, receipts: bool) {
    let names: Vec<String> = fates.iter().filter_map(name).collect();
    let tries = message.tries;
    loop {
        let Ok(mut events) = message.answered(&fates, engine.ids.now()) else {
            tracing::warn!(message = %message.id, state = %message.state, "an answer came when nobody waited for it");
            return;
        };
        if !receipts {
            events.extend(message.expect_no_receipts(engine.ids.now()));
        }
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
            Saved::Stale | Saved::Unwanted(_) => match reload(engine, &message).await {
                // A receipt for what an earlier try has sent was faster.
                Some(now) if now.state == MessageState::Sending && now.tries == tries => message = now,
                // It was saved, although nobody said so: what this try came to is no answer to another one.
                Some(now) => {
                    let early = early(engine, message.trunk.as_deref(), &names).await;
                    return apply(engine, now, early).await;
                }
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
            Saved::Stale | Saved::Unwanted(_) => match reload(engine, &message).await {
                Some(now) => message = now,
                None => return false,
            },
            Saved::Stopping => return false,
        }
    }
}

/// The change that saves what a receipt said. A message that is still in the journal stays there, and one of which
/// the rest is to be sent again stays in line as it is: its task may be at it already.
pub(super) fn reported(engine: &Engine, message: &mut Message, events: Vec<MessageEvent>) -> MessageChange {
    let reported = change(engine, message, events);
    match reported.job {
        Job::Add => MessageChange {
            job: Job::Keep,
            ..reported
        },
        Job::Remove | Job::Keep => reported,
    }
}

/// The message as it is on disk; `None` when that cannot be read before the engine stops. Then the next start accounts
/// for it.
pub(super) async fn reload(engine: &Engine, message: &Message) -> Option<Message> {
    loop {
        let error = match engine.store.message(message.account, message.id).await {
            Ok(found) => return found,
            Err(error) => error,
        };
        if !may_try_again(engine, message.id, &error).await {
            return None;
        }
    }
}

/// Counts a message that is over.
pub(super) fn count(message: &Message) {
    if message.state.is_final() {
        metrics::counter!("outdial_messages_ended_total", "state" => message.state.as_str()).increment(1);
    }
}
