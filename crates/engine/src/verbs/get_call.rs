//! One call: as it stands, or with its whole story.

use outdial_domain::{CallId, Scope};

use super::{Actor, CallError, PlaceInQueue, place_in_queue};
use crate::{
    Engine,
    ports::{CallDetails, StoredEvent, Trace},
};

/// A call with all that is known about it.
#[derive(Debug, Clone)]
pub struct CallStory {
    /// The call, its attempts and legs.
    pub details: CallDetails,
    /// Where it stands in the queue, if it waits there.
    pub queue: Option<PlaceInQueue>,
    /// What happened, in order.
    pub events: Vec<StoredEvent>,
    /// The messages of its legs, known once a leg has ended.
    pub traces: Vec<Trace>,
}

/// How much is shown of the people that a story is about: see [`outdial_domain::masking`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// Their numbers and names are masked.
    Masked,
    /// Everything, as it went over the wire.
    Whole,
}

/// Somebody asked to see people whole who may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this shows numbers and names whole, which needs a key with the scope `{}`",
    Scope::Unmasked
)]
pub struct NotDisclosed;

/// How much this actor is shown: what was asked for, or what the operator set where nothing was.
///
/// # Errors
///
/// [`NotDisclosed`] when more was asked for than the actor may see.
pub fn disclosure(engine: &Engine, actor: &Actor, unmasked: Option<bool>) -> Result<Disclosure, NotDisclosed> {
    let by_default = engine.settings.unmasked;
    match unmasked.unwrap_or(by_default) {
        false => Ok(Disclosure::Masked),
        true if by_default || Scope::Unmasked.is_allowed_by(&actor.scopes) => Ok(Disclosure::Whole),
        true => Err(NotDisclosed),
    }
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
    let events = engine.store.events_of(actor.account, id.into()).await?;
    let traces = engine.store.traces(actor.account, id).await?;
    Ok(CallStory {
        queue: place_in_queue(engine, &details).await?,
        details,
        events,
        traces,
    })
}
