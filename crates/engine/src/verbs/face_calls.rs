//! Calls by the names that the face of the actor has for them.

use outdial_domain::CallId;

use super::{Actor, CallError, get_call};
use crate::{
    Engine,
    ports::{CallDetails, CallFilter, StoreError},
};

/// The call that the actor's face calls so.
///
/// # Errors
///
/// [`CallError::NotFound`] when the account has no call that was made by this face and is called so.
pub async fn find_by_reference(engine: &Engine, actor: &Actor, reference: &str) -> Result<CallDetails, CallError> {
    let filter = CallFilter {
        face: Some(actor.face.to_owned()),
        face_reference: Some(reference.to_owned()),
        most: 1,
        ..CallFilter::default()
    };
    let found = engine.store.calls(actor.account, filter).await?;
    let call = found.items.first().ok_or(CallError::NotFound)?;
    get_call(engine, actor, call.id).await
}

/// Writes the note that the actor's face keeps of a call, in place of the one before; also while the call is under
/// way.
///
/// # Errors
///
/// [`CallError::NotFound`] when the face knows no such call.
pub async fn keep_by_face(engine: &Engine, actor: &Actor, id: CallId, kept: String) -> Result<(), CallError> {
    if engine.store.keep_by_face(actor.account, id, kept).await? {
        Ok(())
    } else {
        Err(CallError::NotFound)
    }
}

/// Has the actor's face know the call no more; the call itself stays as it is, also while it is under way. Doing
/// it again is harmless.
///
/// # Errors
///
/// [`StoreError`]; then the face knows it still.
pub async fn forget_by_face(engine: &Engine, actor: &Actor, id: CallId) -> Result<(), StoreError> {
    engine.store.forget_face(actor.account, id).await?;
    Ok(())
}
