//! Ends a call, wherever it stands.

use std::time::Duration;

use outdial_domain::{CallId, CallState, EndedBy, Ending, EventKind, Outcome};

use super::{Actor, CallError, get_call};
use crate::{
    Engine, HangUpAnswer, commands,
    live::{Control, Said, by_whom},
    ports::{Change, Job, StoreError},
};

/// How often to look again at a call whose owner has just left it, and how long to wait each time.
const TRIES: u32 = 40;
const MOMENT: Duration = Duration::from_millis(50);

/// Ends a call. Doing it again is harmless and answers `TooLate`, or `Prevented` where it was never dialled.
///
/// # Errors
///
/// [`CallError::NotFound`] when the account has no such call, [`CallError::GoesOn`] when its carrier does not end it,
/// and [`CallError::OwnerGone`] when the node that has it does not answer.
pub async fn hang_up(engine: &Engine, actor: &Actor, id: CallId) -> Result<HangUpAnswer, CallError> {
    hang_up_because(engine, actor, id, None).await
}

/// The same, with the reason of whoever asks, for the call's events and its ending.
///
/// # Errors
///
/// As those of [`hang_up`].
pub async fn hang_up_because(
    engine: &Engine,
    actor: &Actor,
    id: CallId,
    why: Option<String>,
) -> Result<HangUpAnswer, CallError> {
    let mut tries = TRIES;
    loop {
        let details = get_call(engine, actor, id).await?;
        if details.call.state == CallState::Ended {
            let canceled = details
                .call
                .ending
                .is_some_and(|ending| ending.outcome == Outcome::Canceled);
            // Whoever lost the first answer is told the same again.
            return Ok(match canceled && details.attempts.is_empty() {
                true => HangUpAnswer::Prevented,
                false => HangUpAnswer::TooLate,
            });
        }
        let control = Control::HangUp {
            by: actor.name.clone(),
            why: why.clone(),
            kind: EndedBy::Request,
        };
        match commands::tell(engine, &details, control).await? {
            Some(Said::HangUp(answer)) => return Ok(answer),
            Some(Said::Gone) if tries > 0 => {
                // It has just ended, and that is being saved.
                tries -= 1;
                tokio::time::sleep(MOMENT).await;
                continue;
            }
            Some(Said::Refused(reason)) => return Err(CallError::GoesOn(reason)),
            // The others are no answers to this.
            Some(_) => return Err(CallError::OwnerGone),
            None => {}
        }
        let mut call = details.call;
        let since = Some(call.events);
        let by = actor.name.clone();
        let reason = format!("canceled before it was dialled, by {}", by_whom(&by, why.as_deref()));
        let ending = Ending::new(Outcome::Canceled, EndedBy::Request, reason);
        let why = why.clone();
        let asked = engine.record(&mut call, EventKind::HangUpRequested { by, why });
        call.end(ending.clone(), engine.ids.now());
        let ended = engine.record(&mut call, EventKind::Ended { ending });
        let change = Change {
            call,
            since,
            flow: None,
            attempt: None,
            legs: Vec::new(),
            events: vec![asked, ended],
            traces: Vec::new(),
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
