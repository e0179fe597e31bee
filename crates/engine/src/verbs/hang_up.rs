//! Ends a call, wherever it stands.

use outdial_domain::{CallId, CallState, EndedBy, Ending, EventKind, Outcome};
use tokio::sync::oneshot;

use super::{Actor, CallError, get_call};
use crate::{
    Engine, HangUpAnswer,
    live::Control,
    ports::{Change, Job, StoreError},
};

/// Ends a call. Doing it again is harmless and answers `TooLate`.
///
/// # Errors
///
/// [`CallError::NotFound`] when the account has no such call.
pub async fn hang_up(engine: &Engine, actor: &Actor, id: CallId) -> Result<HangUpAnswer, CallError> {
    loop {
        let details = get_call(engine, actor, id).await?;
        if details.call.state == CallState::Ended {
            return Ok(HangUpAnswer::TooLate);
        }
        if let Some(owner) = engine.inner().live.owner(id) {
            let (answer, answered) = oneshot::channel();
            let control = Control::HangUp {
                by: actor.name.clone(),
                kind: EndedBy::Request,
                answer,
            };
            if owner.send(control).await.is_ok()
                && let Ok(answer) = answered.await
            {
                return Ok(answer);
            }
            // Its owner went away without an answer: its attempt is over. The call has ended, or it waits
            // for its next attempt, which is then prevented.
            tokio::task::yield_now().await;
            continue;
        }
        let mut call = details.call;
        let since = Some(call.events);
        let reason = format!("canceled before it was dialled, by {}", actor.name);
        let ending = Ending::new(Outcome::Canceled, EndedBy::Request, reason);
        let asked = engine.record(&mut call, EventKind::HangUpRequested { by: actor.name.clone() });
        call.end(ending.clone(), engine.ids.now());
        let ended = engine.record(&mut call, EventKind::Ended { ending });
        let change = Change {
            call,
            since,
            flow: None,
            attempt: None,
            leg: None,
            events: vec![asked, ended],
            trace: Vec::new(),
            job: Job::Remove,
            answer: None,
        };
        match engine.store.commit(change).await {
            Ok(()) => {
                metrics::counter!("outdial_calls_ended_total", "outcome" => Outcome::Canceled.as_str()).increment(1);
                return Ok(HangUpAnswer::Prevented);
            }
            // It was claimed or ended in this very moment: look again.
            Err(StoreError::Stale(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
}
