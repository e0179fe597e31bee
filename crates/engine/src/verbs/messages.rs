//! Messages as they stand, with their story, and taking one back.

use outdial_domain::{Message, MessageId, MessageState};

use super::Actor;
use crate::{
    Engine,
    ports::{MessageChange, MessageFilter, Page, SavedMessage, StoreError, StoredEvent},
    texting::event,
};

/// Why something about one message was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The account has no such message.
    #[error("there is no message with this id in this account")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A message with all that is known about it.
#[derive(Debug, Clone)]
pub struct MessageStory {
    /// The message.
    pub message: Message,
    /// What happened, in order.
    pub events: Vec<StoredEvent>,
}

/// What became of a wish to take a message back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canceled {
    /// It is not sent.
    Prevented(Box<Message>),
    /// Some of it may have left, or it is over: it stands so.
    TooLate(Box<Message>),
}

/// A message as it stands.
///
/// # Errors
///
/// [`MessageError::NotFound`] when the account has no such message.
pub async fn get_message(engine: &Engine, actor: &Actor, id: MessageId) -> Result<Message, MessageError> {
    engine
        .store
        .message(actor.account, id)
        .await?
        .ok_or(MessageError::NotFound)
}

/// A message with its whole story.
///
/// # Errors
///
/// [`MessageError::NotFound`] when the account has no such message.
pub async fn explain_message(engine: &Engine, actor: &Actor, id: MessageId) -> Result<MessageStory, MessageError> {
    let message = get_message(engine, actor, id).await?;
    let events = engine.store.events_of(actor.account, id.into()).await?;
    Ok(MessageStory { message, events })
}

/// Messages of the account, newest first.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn list_messages(engine: &Engine, actor: &Actor, filter: MessageFilter) -> Result<Page<Message>, StoreError> {
    engine.store.messages(actor.account, filter).await
}

/// Takes a message back, if none of it has left. When this says so, it is on disk that it is not sent. Doing it again
/// is answered as the first time.
///
/// # Errors
///
/// [`MessageError::NotFound`] when the account has no such message.
pub async fn cancel_message(engine: &Engine, actor: &Actor, id: MessageId) -> Result<Canceled, MessageError> {
    loop {
        let mut message = get_message(engine, actor, id).await?;
        if message.state == MessageState::Canceled {
            return Ok(Canceled::Prevented(Box::new(message)));
        }
        let Ok(canceled) = message.cancel(engine.ids.now()) else {
            return Ok(Canceled::TooLate(Box::new(message)));
        };
        let happened = event(engine, &mut message, canceled);
        let change = MessageChange::new(message.clone(), vec![happened]);
        let saved = engine.store.commit_messages(change.into()).await?;
        if let Some(SavedMessage::Saved { .. }) = saved.first() {
            metrics::counter!("outdial_messages_ended_total", "state" => MessageState::Canceled.as_str()).increment(1);
            return Ok(Canceled::Prevented(Box::new(message)));
        }
        // It was sent or ended in this very moment: look again.
        tokio::task::yield_now().await;
    }
}
