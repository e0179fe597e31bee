//! What the `notify_url` of a call, or of a block of a session, is told when it is over.

use std::{collections::BTreeMap, time::Duration};

use outdial_domain::{Event, EventKind, Message, message::MessageEvent};
use outdial_engine::ports::{CallDetails, Happened, Notice, NoticeWriter, Patience, Snapshot};
use outdial_hoiio::{
    Record as _,
    notify::{self, SessionState},
    time,
    voice::CallState,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::RecordingLinks;

use super::{
    HoiioConfig,
    ivr::{is_silence, name_of, session},
    kept::Kept,
    record::MONITOR,
    sms,
    status::{minutes, sides},
};

/// Writes notifications as the service did, signed with the token of the application that made the call.
#[derive(Debug, Clone)]
pub struct HoiioNotices {
    tokens: BTreeMap<String, SecretString>,
    again: bool,
    links: RecordingLinks,
}

/// The service sent none again.
const NEVER: &[Duration] = &[];

impl HoiioNotices {
    /// For the applications of the configuration.
    #[must_use]
    pub fn new(config: &HoiioConfig, links: RecordingLinks) -> Self {
        let token = |app: &super::HoiioApp| (app.app_id.clone(), app.access_token.clone());
        Self {
            tokens: config.apps.iter().map(token).collect(),
            again: config.notify_again,
            links,
        }
    }
}

impl HoiioNotices {
    /// With the signature of an application. One that is not configured any more has no token to sign with.
    fn signed(&self, url: Option<String>, body: String, app_id: &str) -> Notice {
        let token = self.tokens.get(app_id);
        let signed = token.map(|token| notify::sign(body.as_bytes(), token.expose_secret()));
        Notice {
            url,
            content_type: "application/x-www-form-urlencoded".to_owned(),
            headers: signed
                .map(|signed| (notify::SIGNATURE_HEADER, signed))
                .into_iter()
                .collect(),
            body,
        }
    }
}

impl NoticeWriter for HoiioNotices {
    fn write(&self, happened: &Happened<'_>) -> Option<Notice> {
        let event = happened.event();
        let details = match happened.snapshot {
            Snapshot::Call(details) => details,
            Snapshot::Message(message) => {
                let body = of_text(message, event)?.to_form();
                return Some(self.signed(None, body, sms::maker(message).unwrap_or_default()));
            }
        };
        let kept = Kept::of(&details.call);
        let ended = matches!(event.kind, EventKind::Ended { .. });
        let (url, body) = if !kept.blocks.is_empty() {
            let (url, told) = of_block(details, &kept, happened, &self.links)?;
            (Some(url), told.to_form())
        } else if ended {
            (None, of_call(details, &kept)?.to_form())
        } else {
            return None;
        };
        Some(self.signed(url, body, &kept.app_id))
    }

    fn patience(&self) -> Patience {
        if self.again {
            Patience::Usual
        } else {
            Patience::Pauses(NEVER)
        }
    }
}

/// The end of a call, or of the part of one participant.
fn of_call(details: &CallDetails, kept: &Kept) -> Option<notify::Call> {
    let call = &details.call;
    let sides = sides(details);
    let mut told = notify::Call::new(call.face.as_ref()?.reference.clone())
        .tag(kept.tag.clone())
        .dest1(call.plan.to.to_string())
        .call_status_dest1(sides.first)
        .date(time(call.created_at));
    if let Some(dest2) = &kept.dest2 {
        told = told.dest2(dest2).call_status_dest2(sides.second);
    }
    told.duration = minutes(details);
    Some(told)
}

/// The end of a block, or of its session, and who is told of it.
fn of_block(
    details: &CallDetails,
    kept: &Kept,
    happened: &Happened<'_>,
    links: &RecordingLinks,
) -> Option<(String, notify::Ivr)> {
    let (call, event) = (&details.call, happened.event());
    let ended = matches!(event.kind, EventKind::Ended { .. });
    let (place, url) = match &event.kind {
        // What records the rest of the call is told of apart from the block that began it.
        EventKind::RecordingFinished { name, .. } => {
            let place = (0..kept.blocks.len()).find(|place| name_of(*place) == *name)?;
            (place, kept.blocks[place].monitor_notify_url.clone()?)
        }
        kind if ended || is_silence(kind) => {
            // Blocks that were asked for later have nothing to do with it.
            let place = kept.blocks.iter().rposition(|block| block.since < event.sequence)?;
            (place, kept.blocks[place].notify_url.clone()?)
        }
        _ => return None,
    };
    let block = &kept.blocks[place];
    let name = name_of(place);
    let sides = sides(details);
    let mut told = notify::Ivr::new(session(call.id))
        .tag(block.tag.clone())
        .txn_ref(call.face.as_ref()?.reference.clone())
        .ivr_block(block.kind.clone())
        .call_state(if ended {
            SessionState::Ended
        } else {
            SessionState::Ongoing
        })
        .dest(call.plan.to.to_string())
        .date(time(call.created_at));
    match block.kind.as_str() {
        "dial" => told = told.dial_status(if ended { sides.first } else { CallState::Answered }),
        "transfer" => {
            // A room has no second leg: whoever entered it was connected.
            let since = |kind: &EventKind| matches!(kind, EventKind::RoomJoined { .. });
            let mut events = happened.history.iter().map(|stored| &stored.event);
            let joined = events.any(|event| event.sequence > block.since && since(&event.kind));
            told = told.transfer_status(if joined { CallState::Answered } else { sides.second });
        }
        "gather" => {
            let gathered = call.digits.iter().rev().find(|gathered| gathered.name == name);
            told = told.digits(gathered.map(|gathered| gathered.digits.clone()).unwrap_or_default());
        }
        "record" | MONITOR => told.record_url = links.newest(happened, Some(&name)),
        _ => {}
    }
    if ended {
        told.duration = minutes(details);
    }
    Some((url, told))
}

/// The end of a text.
fn of_text(message: &Message, event: &Event) -> Option<notify::Sms> {
    let EventKind::Message {
        event: MessageEvent::Ended { .. },
    } = event.kind
    else {
        return None;
    };
    let mut told = notify::Sms::new(sms::name(message.id), sms::state(message))
        .tag(message.plan.tag.clone().unwrap_or_default())
        .dest(message.plan.to.to_string())
        .split_count(u32::try_from(message.parts).unwrap_or(u32::MAX));
    told.date = message.sent_at.map(time);
    Some(told)
}
