//! What is asked of Exotel for a call.

use outdial_domain::Address;
use outdial_engine::ports::Ask;
use outdial_exotel::{
    Request as _,
    call::{Connect, LONGEST_RING, LONGEST_TALK},
};

use super::ExotelTrunk;
use crate::{
    numbers::digits,
    plan::{Plan, Shown, app, one_ring, plan, seconds, shown, two},
};

const NAME: &str = "Exotel";

/// The request for a call, without the name of its leg; otherwise why there is none.
pub(super) fn connect(trunk: &ExotelTrunk, ask: &Ask<'_>) -> Result<Connect, String> {
    let first = digits(ask.to, NAME)?;
    let (request, talk) = match plan(ask.flow) {
        Plan::Two(dial) => {
            let (second, max) = two(dial, NAME)?;
            one_ring(ask.ring, dial, NAME)?;
            let caller_id = match shown(dial, ask.from) {
                Shown::Usual => caller_id(trunk, None)?,
                // Both parties see the same number.
                Shown::Number(number) if ask.from.is_none_or(|from| from.is_reached_as(number)) => {
                    caller_id(trunk, Some(number))?
                }
                Shown::Number(_) | Shown::Private | Shown::First => {
                    return Err(
                        "Exotel shows one number of the account to both parties: use a SIP trunk for it".to_owned(),
                    );
                }
            };
            (
                Connect::numbers(first, digits(second, NAME)?, caller_id),
                max.unwrap_or(ask.talk),
            )
        }
        Plan::App(hand_over) => {
            let address = address_of(trunk, app(hand_over, NAME)?)?;
            (Connect::flow(first, address, caller_id(trunk, ask.from)?), ask.talk)
        }
        Plan::Nothing | Plan::Room(_) | Plan::Heard(_) | Plan::More => {
            return Err(
                "Exotel connects two numbers, or a number with an app of its own, and does nothing else before or after \
                 it: use a SIP trunk for it"
                    .to_owned(),
            );
        }
    };
    let (ring, talk) = (seconds(ask.ring), seconds(talk));
    if ring > LONGEST_RING {
        return Err(format!(
            "Exotel rings a phone for at most {LONGEST_RING} s, and not for {ring} s"
        ));
    }
    if talk > LONGEST_TALK {
        return Err(format!(
            "Exotel ends calls after {LONGEST_TALK} s, and not after {talk} s"
        ));
    }
    let request = request.time_out(ring).time_limit(talk);
    request.check().map_err(|invalid| invalid.to_string())?;
    Ok(request)
}

fn caller_id(trunk: &ExotelTrunk, given: Option<&Address>) -> Result<String, String> {
    match (given, &trunk.from) {
        (Some(number), _) => digits(number, NAME),
        (None, Some(number)) => Ok(number.clone()),
        (None, None) => Err("Exotel shows a number of the account: give `from`, or set it for the trunk".to_owned()),
    }
}

/// The address of an app, by its id at the service.
fn address_of(trunk: &ExotelTrunk, app: &str) -> Result<String, String> {
    let plain = app
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !plain || app.is_empty() {
        return Err("an app of Exotel is named by its id: letters, digits, `-`, `_` and `.`".to_owned());
    }
    Ok(trunk.apps.replace("{sid}", &trunk.sid).replace("{app}", app))
}
