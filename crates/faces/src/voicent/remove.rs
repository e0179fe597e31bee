//! `callremoveHandler.jsp`: the record of a call goes, and the call with it, if it has not been dialled.

use outdial_domain::CallState;
use outdial_engine::verbs::{self, CallError};
use outdial_voicent::{Form, Removed};

use super::{
    Gateway, Refusal,
    call::failed,
    status::{self, Found},
    text,
};

/// Removes a record. A call under way goes on: only its record goes.
pub(super) async fn record(gateway: &Gateway, form: &Form) -> Result<String, Refusal> {
    let call = match status::find(gateway, form).await? {
        Found::Call(details) => details.call,
        Found::Text(message) => {
            text::remove(gateway, &message).await?;
            return Ok(Removed::Yes.print());
        }
    };
    if matches!(call.state, CallState::Scheduled | CallState::Queued) {
        match verbs::hang_up(&gateway.engine, &gateway.actor, call.id).await {
            // One that was begun meanwhile goes on.
            Ok(_) | Err(CallError::NotFound | CallError::GoesOn(_)) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    let forgotten = verbs::forget_by_face(&gateway.engine, &gateway.actor, call.id).await;
    forgotten.map_err(|error| failed(&error))?;
    Ok(Removed::Yes.print())
}
