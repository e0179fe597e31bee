//! One call: as it stands, or with its whole story.

use outdial_domain::CallId;

use super::{Actor, CallError};
use crate::{
    Engine,
    ports::{CallDetails, StoredEvent, Trace},
};

/// A call with all that is known about it.
#[derive(Debug, Clone)]
pub struct CallStory {
    /// The call, its attempts and legs.
    pub details: CallDetails,
    /// What happened, in order.
    pub events: Vec<StoredEvent>,
    /// The messages of its legs, known once a leg has ended.
    pub traces: Vec<Trace>,
}

/// A call as it stands.
///
/// # Errors
///
/// [`CallError::NotFound`] when the account has no such call.
pub async fn get_call(engine: &Engine, actor: &Actor, id: CallId) -> Result<CallDetails, CallError> {
    engine.store.call(actor.account, id).await?.ok_or(CallError::NotFound)
}

/// A call with its whole story.
///
/// # Errors
///
/// [`CallError::NotFound`] when the account has no such call.
pub async fn explain_call(engine: &Engine, actor: &Actor, id: CallId) -> Result<CallStory, CallError> {
    let details = get_call(engine, actor, id).await?;
    let events = engine.store.events_of(actor.account, id).await?;
    let traces = engine.store.traces(actor.account, id).await?;
    Ok(CallStory {
        details,
        events,
        traces,
    })
}
