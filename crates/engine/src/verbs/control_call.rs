//! Has a live call do something else: be muted, hear something, talk to somebody else, last longer.

use std::time::Duration;

use outdial_domain::{Call, CallId, CallState, Direction, Plan};
use outdial_flow::{Flow, Problem};

use super::{Actor, CallError, PlaceCallError, get_call, place_call::check_flow};
use crate::{
    Engine, Order, commands,
    live::{Control, Said},
    routing,
};

/// How often to look again at a call whose owner has just left it, and how long to wait each time.
const TRIES: u32 = 40;
const MOMENT: Duration = Duration::from_millis(50);

/// The most bytes that a reason may have.
pub const LONGEST_REASON: usize = 256;

/// Why a live call was not told to do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// There is no such call, or whoever has it does not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It is not under way.
    #[error("this call is {0}: only one that is under way can be told to do something")]
    NotLive(CallState),
    /// Its owner says why it cannot be done now.
    #[error("the call goes on as it was: {0}")]
    NotNow(String),
    /// What it would do cannot be accepted.
    #[error(transparent)]
    Refused(#[from] PlaceCallError),
}

/// Has a live call do something, on whichever node it is. Gives what came of it, in words.
///
/// # Errors
///
/// [`ControlError`] says why it does not.
pub async fn control_call(
    engine: &Engine,
    actor: &Actor,
    id: CallId,
    order: Order,
    why: Option<String>,
) -> Result<String, ControlError> {
    let mut tries = TRIES;
    loop {
        let details = get_call(engine, actor, id).await?;
        let state = details.call.state;
        if state != CallState::Active {
            return Err(ControlError::NotLive(state));
        }
        check(engine, actor, &seen_by_others(&details.call), &order).await?;
        let control = Control::Do {
            by: actor.name.clone(),
            why: why.clone(),
            order: order.clone(),
        };
        match commands::tell(engine, &details, control).await? {
            Some(Said::Obeyed(result)) => return Ok(result),
            Some(Said::Refused(reason)) => return Err(ControlError::NotNow(reason)),
            // It is being ended, or is between two owners: that is being saved.
            Some(Said::Gone | Said::HangUp(_)) | None if tries > 0 => {
                tries -= 1;
                tokio::time::sleep(MOMENT).await;
            }
            // The others are no answers to this.
            Some(_) | None => return Err(CallError::OwnerGone.into()),
        }
    }
}

/// The plan as it would be had we called: whoever calls us is who the call is with, and what they called is
/// what others are shown.
fn seen_by_others(call: &Call) -> Plan {
    let plan = call.plan.clone();
    match call.direction {
        Direction::Outgoing => plan,
        Direction::Incoming => Plan {
            to: plan.from.clone().unwrap_or_else(|| plan.to.clone()),
            from: Some(plan.to.clone()),
            via: None,
            ..plan
        },
    }
}

/// Whether the call may do it: what it will play is there, whom it will ring may be rung.
async fn check(engine: &Engine, actor: &Actor, plan: &Plan, order: &Order) -> Result<(), PlaceCallError> {
    match order {
        Order::Redirect(flow) => {
            check_flow(engine, actor, plan, flow).await?;
            if flow.hands_over() {
                return Err(invalid("flow", "a call under way cannot be handed over to a switch"));
            }
            Ok(())
        }
        Order::Play(prompts) => {
            let steps = prompts.iter().cloned().map(Into::into).collect();
            check_flow(engine, actor, plan, &Flow { steps }).await
        }
        Order::Transfer(to) => {
            if to.is_same_party(&plan.to) {
                return Err(invalid("transfer", "it is the number that the call is with"));
            }
            let plan = Plan {
                to: to.clone(),
                ..plan.clone()
            };
            routing::route_leg(&plan, &engine.settings, &engine.carriers)
                .map_err(|reason| PlaceCallError::no_route_to("transfer", "transfer", reason))?;
            Ok(())
        }
        Order::Limit(length) => {
            let longest = engine.settings.limits.longest_talk;
            if length.is_zero() || *length > longest {
                return Err(invalid(
                    "limit",
                    &format!("give more than 0 and at most {} s", longest.as_secs()),
                ));
            }
            Ok(())
        }
        Order::Mute(_) | Order::Hold(_) | Order::SendDigits(_) | Order::StopPlaying => Ok(()),
    }
}

fn invalid(field: &str, message: &str) -> PlaceCallError {
    PlaceCallError::Invalid(vec![Problem {
        field: field.to_owned(),
        code: "invalid",
        message: message.to_owned(),
    }])
}
