//! What carriers bring in: receipts for what was sent, and texts for us, which `received` takes.

use std::{collections::HashMap, sync::Arc};

use outdial_domain::{Message, MessageEvent, MessageId};
use tokio::sync::{mpsc, oneshot};

use super::{answers, received::take_text};
use crate::{
    Engine,
    ports::{Arrival, Arrived, MessageBatch, MessageChange, ReceiptName, SavedMessage, StoreError, TrunkReceipt},
};

/// How many are taken at a time.
const BATCH: usize = 256;

/// Takes what comes in until the engine stops or the carrier is gone. What is not taken comes again.
pub(super) async fn take_all(engine: Engine, mut arriving: mpsc::Receiver<Arrival>) {
    let stopping = engine.inner().stopping.clone();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let taken = tokio::select! {
            () = stopping.cancelled() => return,
            taken = arriving.recv_many(&mut batch, BATCH) => taken,
        };
        if taken == 0 {
            return;
        }
        let (mut receipts, mut tell) = (Vec::new(), Vec::new());
        for Arrival { trunk, what, taken } in batch.drain(..) {
            match what {
                Arrived::Receipt(receipt) => {
                    receipts.push(TrunkReceipt { trunk, receipt });
                    tell.push(taken);
                }
                Arrived::Text(text) => take_text(&engine, trunk, text, taken).await,
            }
        }
        if receipts.is_empty() {
            continue;
        }
        match take_receipts(&engine, receipts).await {
            Ok(()) => tell.into_iter().for_each(said),
            Err(error) => tracing::error!(%error, "receipts cannot be taken now; they come again"),
        }
    }
}

/// The far side hears that we have it. It may have gone away meanwhile, and then brings it again.
pub(super) fn said(taken: oneshot::Sender<()>) {
    let _ = taken.send(());
}

/// Takes the receipts that an earlier run had kept and not written down.
pub(super) async fn take_known(engine: &Engine) -> Result<(), StoreError> {
    loop {
        let known = engine.store.known_receipts(BATCH).await?;
        if known.is_empty() {
            return Ok(());
        }
        let names = known.iter().map(|known| ReceiptName {
            trunk: known.trunk.clone(),
            id: known.receipt.id.clone(),
        });
        let names: Vec<ReceiptName> = names.collect();
        take_receipts(engine, known).await?;
        engine.store.forget_receipts(names).await?;
    }
}

/// Writes down what receipts say: all of a batch in one transaction, and those that somebody else was faster with
/// one by one.
async fn take_receipts(engine: &Engine, receipts: Vec<TrunkReceipt>) -> Result<(), StoreError> {
    let now = engine.ids.now();
    let found = engine.store.take_receipts(receipts.clone(), now).await?;
    let owners: Vec<Option<MessageId>> = found.iter().map(|found| found.as_ref().map(|found| found.id)).collect();
    let mut messages: HashMap<MessageId, (Message, Vec<MessageEvent>)> = HashMap::new();
    for (known, message) in receipts.iter().zip(found) {
        let Some(message) = message else { continue };
        let (message, events) = messages.entry(message.id).or_insert_with(|| (message, Vec::new()));
        events.append(&mut message.report(&known.receipt, now));
    }
    messages.retain(|_, (_, events)| !events.is_empty());
    if messages.is_empty() {
        return Ok(());
    }
    let changes: Vec<MessageChange> = messages
        .into_values()
        .map(|(mut message, events)| answers::reported(engine, &mut message, events))
        .collect();
    let messages: Vec<Arc<Message>> = changes.iter().map(|change| Arc::clone(&change.message)).collect();
    let saved = engine
        .store
        .commit_messages(MessageBatch { changes, answer: None })
        .await?;
    for (message, saved) in messages.iter().zip(saved) {
        if let SavedMessage::Saved { .. } = saved {
            answers::count(message);
            continue;
        }
        let of_it = receipts.iter().zip(&owners);
        for (known, _) in of_it.filter(|(_, owner)| **owner == Some(message.id)) {
            if let Some(now) = engine.store.message(message.account, message.id).await?
                && !answers::report(engine, now, &known.receipt).await
            {
                // What is not taken comes again.
                return Err(StoreError::Stale(message.id.into()));
            }
        }
    }
    Ok(())
}
