//! What is asked of Hoiio for a call.

use outdial_domain::{AccountId, Address};
use outdial_engine::ports::Ask;
use outdial_flow::Conference;
use outdial_hoiio::{
    Request as _,
    voice::{self, MOST_IN_A_ROOM, is_room},
};

use super::HoiioTrunk;
use crate::{
    bells::fingerprint,
    numbers::international,
    plan::{Plan, Shown, plan, seconds, shown, two},
};

const NAME: &str = "Hoiio";

/// What withholds a caller id.
const PRIVATE: &str = "private";

/// A request for a call.
#[derive(Debug, Clone)]
pub enum Request {
    /// Two numbers are connected.
    Call(voice::Call),
    /// A number is rung into a room.
    Room(voice::Conference),
}

impl Request {
    /// What it is found again by.
    pub(super) fn tag(&self) -> Option<&String> {
        match self {
            Self::Call(call) => call.tag.as_ref(),
            Self::Room(room) => room.tag.as_ref(),
        }
    }

    /// The same for this leg of this account, whose rooms are not those of others.
    pub(super) fn named(self, leg: &str, account: AccountId, callback: Option<String>) -> Self {
        match self {
            Self::Call(call) => {
                let mut call = call.tag(leg);
                call.notify_url = callback;
                Self::Call(call)
            }
            Self::Room(room) => {
                let wanted = room.room.clone().unwrap_or_default();
                let mut room = room.tag(leg).room(room_of(account, &wanted));
                room.notify_url = callback;
                Self::Room(room)
            }
        }
    }
}

/// The name of a room of an account. One that does not fit is named by what it comes to.
fn room_of(account: AccountId, name: &str) -> String {
    let account = account.to_string();
    let whose = &account[account.len().saturating_sub(12)..];
    let plain = format!("{whose}.{name}");
    match is_room(&plain) {
        true => plain,
        false => fingerprint(&plain),
    }
}

/// The request for a call, without the name of its leg; otherwise why there is none.
pub(super) fn request(trunk: &HoiioTrunk, ask: &Ask<'_>) -> Result<Request, String> {
    let first = international(ask.to, NAME)?;
    let request = match plan(ask.flow) {
        Plan::Two(dial) => {
            let (second, max) = two(dial, NAME)?;
            let caller_id = match shown(dial, ask.from) {
                Shown::Usual => trunk.from.clone(),
                Shown::Number(number) => Some(caller_id(number)?),
                Shown::Private => Some(PRIVATE.to_owned()),
                // Without a word about it, each party sees the other.
                Shown::First => None,
            };
            let mut call = voice::Call::new(international(second, NAME)?)
                .dest1(first)
                .max_duration(seconds(max.unwrap_or(ask.talk)));
            call.caller_id = caller_id;
            Request::Call(call)
        }
        Plan::Room(conference) => {
            unfit(conference)?;
            let mut room = voice::Conference::new(vec![first]);
            room.room = Some(conference.room.to_string());
            room.caller_id = match ask.from {
                Some(number) => Some(caller_id(number)?),
                None => trunk.from.clone(),
            };
            Request::Room(room)
        }
        Plan::Nothing | Plan::App(_) | Plan::Heard(_) | Plan::More => {
            return Err(
                "Hoiio connects two numbers, or rings a number into a room, and does nothing else before or after it: use \
                 a SIP trunk for it"
                    .to_owned(),
            );
        }
    };
    let checked = match &request {
        Request::Call(call) => call.check(),
        // Its name is made to fit.
        Request::Room(room) => room.clone().room("room").check(),
    };
    checked.map_err(|invalid| invalid.to_string())?;
    Ok(request)
}

fn caller_id(number: &Address) -> Result<String, String> {
    international(number, NAME)
}

/// What a room at Hoiio does not do.
fn unfit(conference: &Conference) -> Result<(), String> {
    let reason = if conference.muted || conference.moderator || conference.wait || conference.end {
        "lets everybody into a room alike, and nobody begins or ends it"
    } else if !conference.tones {
        "decides by itself what a room hears when somebody enters"
    } else if conference.record {
        "records no rooms for us"
    } else if !conference.waiting.is_empty() {
        "plays nothing of ours in a room"
    } else if usize::from(conference.most) < MOST_IN_A_ROOM {
        "lets eight into a room, and not fewer"
    } else {
        return Ok(());
    };
    Err(format!("{NAME} {reason}: use a SIP trunk for it"))
}
