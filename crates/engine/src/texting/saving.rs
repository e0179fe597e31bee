//! Saves changes of messages that must not be lost, trying until the disk takes them.

use std::time::Duration;

use outdial_domain::{Event, Message, MessageEvent, MessageId, message::Receipt};

use crate::{
    Engine,
    ports::{MessageBatch, MessageChange, SavedMessage, StoreError},
};

/// How long to wait before a failed save is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What became of a change.
pub(super) enum Saved {
    /// It is on disk. These receipts came before it.
    Done(Vec<Receipt>),
    /// Somebody else changed the message in between, or others send it now; nothing was saved.
    Stale,
    /// It was to be taken into the journal, and its receiver wants no texts, because of this; nothing was saved.
    Unwanted(String),
    /// The engine stops while the disk still fails; nothing was saved.
    Stopping,
}

/// Writes down that something happened to a message.
pub(crate) fn event(engine: &Engine, message: &mut Message, event: MessageEvent) -> Event {
    message.record(engine.event_id(), event, engine.ids.now())
}

/// A change that saves these events with their message.
pub(super) fn change(engine: &Engine, message: &mut Message, events: Vec<MessageEvent>) -> MessageChange {
    let events = events.into_iter().map(|happened| event(engine, message, happened));
    let events = events.collect();
    MessageChange::new(message.clone(), events)
}

/// Saves new messages, which are made now and then found by the scheduler.
///
/// # Errors
///
/// As the store says.
pub(crate) async fn save_new(engine: &Engine, batch: MessageBatch) -> Result<Vec<SavedMessage>, StoreError> {
    let saved = engine.store.commit_messages(batch);
    // The batch has its place in line before the scheduler looks, so the messages are found even when whoever
    // asked goes away while they are saved.
    engine.inner().messages_due.notify_one();
    saved.await
}

/// Saves a change, trying until the disk takes it, the change turns out to be stale, or the engine stops.
pub(super) async fn save(engine: &Engine, change: MessageChange) -> Saved {
    let mut failed_before = false;
    loop {
        let saved = engine.store.commit_messages(change.clone().into()).await;
        match saved.map(|mut saved| saved.pop()) {
            Ok(Some(SavedMessage::Saved { early })) => return Saved::Done(early),
            Ok(Some(SavedMessage::Unwanted { because })) => return Saved::Unwanted(because),
            Ok(_) if failed_before => match is_there(engine, &change).await {
                Ok(true) => {
                    let early = early(engine, change.message.trunk.as_deref(), &change.names).await;
                    return Saved::Done(early);
                }
                Ok(false) => return Saved::Stale,
                Err(error) if !may_try_again(engine, change.message.id, &error).await => return Saved::Stopping,
                Err(_) => {}
            },
            Ok(_) => return Saved::Stale,
            Err(error @ StoreError::Fenced(_)) => {
                tracing::warn!(message = %change.message.id, %error, "this message is sent by others, if at all");
                return Saved::Stale;
            }
            Err(error) => {
                failed_before = true;
                if !may_try_again(engine, change.message.id, &error).await {
                    return Saved::Stopping;
                }
            }
        }
    }
}

/// Waits for a while after the disk has failed; false when the engine stops.
pub(super) async fn may_try_again(engine: &Engine, id: MessageId, error: &StoreError) -> bool {
    tracing::error!(%id, %error, "the store fails; trying again");
    tokio::select! {
        () = tokio::time::sleep(AFTER_FAILURE) => true,
        () = engine.inner().stopping.cancelled() => false,
    }
}

/// Whether a save that was said to have failed had reached the disk all the same, and is still the newest.
async fn is_there(engine: &Engine, change: &MessageChange) -> Result<bool, StoreError> {
    let (account, subject) = (change.message.account, change.message.id.into());
    let events = engine.store.events_of(account, subject).await?;
    let last = change.events.last().map(|event| event.id);
    Ok(events.last().map(|stored| stored.event.id) == last)
}

/// The receipts over a trunk that came before a change which gave these names, and was saved without our hearing so.
pub(super) async fn early(engine: &Engine, trunk: Option<&str>, names: &[String]) -> Vec<Receipt> {
    if names.is_empty() {
        return Vec::new();
    }
    let trunk = trunk.unwrap_or_default();
    // What cannot be read now is found at the next start.
    let known = engine.store.known_receipts(usize::MAX).await.unwrap_or_default();
    let ours = known
        .into_iter()
        .filter(|known| known.trunk == trunk && names.contains(&known.receipt.id));
    ours.map(|known| known.receipt).collect()
}
