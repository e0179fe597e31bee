//! What carriers bring in: receipts for what was sent, and texts for us.

use std::collections::HashMap;

use outdial_domain::{
    Account, Address, Message, MessageEvent, MessageId, MessagePlan, Number, NumberUse, Priority,
    message::{Keyword, OnUnknown},
    text::{Concatenation, MOST_PARTS, compose},
};
use tokio::sync::{mpsc, oneshot};

use super::{answers, saving::change};
use crate::{
    Engine,
    ports::{
        Arrival, Arrived, ArrivedText, LeftAlone, MessageBatch, MessageChange, ReceiptName, SavedMessage, StoreError,
        TrunkReceipt,
    },
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
fn said(taken: oneshot::Sender<()>) {
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
    let mut messages: HashMap<MessageId, (Message, Vec<MessageEvent>)> = HashMap::new();
    for (known, message) in receipts.iter().zip(&found) {
        let Some(message) = message else { continue };
        let (message, events) = messages
            .entry(message.id)
            .or_insert_with(|| (message.clone(), Vec::new()));
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
    let batch = MessageBatch {
        changes: changes.clone(),
        answer: None,
    };
    let saved = engine.store.commit_messages(batch).await?;
    for (change, saved) in changes.iter().zip(saved) {
        if let SavedMessage::Saved { .. } = saved {
            answers::count(&change.message);
            continue;
        }
        for (known, message) in receipts.iter().zip(&found) {
            if let Some(message) = message
                && message.id == change.message.id
                && let Some(now) = engine.store.message(message.account, message.id).await?
                && !answers::report(engine, now, &known.receipt).await
            {
                // What is not taken comes again.
                return Err(StoreError::Stale(message.id.into()));
            }
        }
    }
    Ok(())
}

/// Takes a text for us, or a part of one.
async fn take_text(engine: &Engine, trunk: String, text: ArrivedText, taken: oneshot::Sender<()>) {
    match text_is_taken(engine, trunk, text).await {
        Ok(()) => said(taken),
        Err(error) => tracing::error!(%error, "a text cannot be taken now; it comes again"),
    }
}

async fn text_is_taken(engine: &Engine, trunk: String, text: ArrivedText) -> Result<(), StoreError> {
    let Some(number) = ours(engine, &trunk, &text.to) else {
        tracing::warn!(%trunk, "a text came in for a number that no account has: give it a `[[number]]` that `receives_texts`");
        return Ok(());
    };
    let accounts = engine.store.accounts().await?;
    let Some(account) = accounts.into_iter().find(|account| account.name == number.account) else {
        tracing::warn!(%trunk, account = number.account, "a text came in for an account that is not there");
        return Ok(());
    };
    let parts = engine
        .store
        .keep_part(trunk.clone(), text.clone(), engine.ids.now())
        .await?;
    let complete = text.place.is_none_or(|place| parts.len() >= usize::from(place.total));
    if !complete {
        return Ok(());
    }
    let body: String = parts.iter().map(|part| part.text.as_str()).collect();
    received(engine, &account, number, trunk, text, body).await
}

/// The number of ours that takes texts to this one over this trunk.
fn ours<'e>(engine: &'e Engine, trunk: &str, to: &str) -> Option<&'e Number> {
    let to = Address::parse(to).ok()?;
    engine.settings.numbers.iter().find(|number| {
        number.uses.contains(&NumberUse::ReceivesTexts)
            && number.is_reached_by(&to)
            && number.trunk.as_deref().is_none_or(|home| home == trunk)
    })
}

/// Writes a whole text down, and does what its sender asks for by one word.
async fn received(
    engine: &Engine,
    account: &Account,
    number: &Number,
    trunk: String,
    text: ArrivedText,
    body: String,
) -> Result<(), StoreError> {
    let now = engine.ids.now();
    let languages: Vec<&str> = engine.settings.keyword_languages.iter().map(String::as_str).collect();
    let keyword = Keyword::of(&body, &languages);
    let sender = Address::parse(&text.from).ok();
    let sender = sender.map_or_else(|| text.from.clone(), |sender| sender.to_string());
    match keyword {
        Some(Keyword::Stop) => {
            let entry = LeftAlone {
                number: sender.clone(),
                since: now,
                because: format!("they wrote so to {}", number.address),
            };
            engine.store.leave_alone(account.id, vec![entry]).await?;
        }
        Some(Keyword::Start) => {
            engine.store.allow_again(account.id, vec![sender.clone()]).await?;
        }
        Some(Keyword::Help) | None => {}
    }
    let parts = text.place.map_or(1, |place| usize::from(place.total));
    // What a network brings may be empty, or have what no phone shows; it is kept as it came.
    let composed = compose(&body, false, Concatenation::Udh8, MOST_PARTS).unwrap_or(outdial_domain::text::Composed {
        encoding: outdial_domain::text::Encoding::Ucs2,
        parts: Vec::new(),
    });
    let plan = MessagePlan {
        to: number.address.clone(),
        from: Some(sender.clone()),
        body,
        priority: Priority::Normal,
        via: None,
        due: now,
        expires: now,
        on_unknown: OnUnknown::Leave,
        tag: None,
        reference: None,
        webhook: None,
    };
    let id = engine.ids.make(MessageId::new);
    let mut message = Message::received(id, account.id, plan, &composed, trunk.clone(), now);
    message.parts = parts;
    let received = MessageEvent::Received {
        from: sender,
        to: number.address.to_string(),
        trunk,
        keyword,
    };
    let change = MessageChange {
        joins: Some(text),
        ..change(engine, &mut message, vec![received])
    };
    engine.store.commit_messages(change.into()).await?;
    metrics::counter!("outdial_messages_received_total").increment(1);
    Ok(())
}
