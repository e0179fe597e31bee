//! What the `StatusCallback` of a call or a text is told.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{Event, EventKind, LegId, Message, message::MessageEvent};
use outdial_engine::ports::{CallDetails, Happened, Notice, NoticeWriter, Patience, Snapshot};
use outdial_exotel::{
    Record as _,
    call::{CallEvent, CallStatus, CallbackType, Direction},
    callback::{AnsweredBy, CallCallback, CallNotice, LegNotice, SmsCallback},
    time,
};

use crate::RecordingLinks;

use super::{
    kept::Kept,
    show::{conversation, of_side, of_side_seconds, sides, status, updated},
    sms::detailed,
};

/// Writes callbacks as the service did, in the encoding that the request asked for.
#[derive(Debug, Clone)]
pub struct ExotelNotices {
    links: RecordingLinks,
}

impl ExotelNotices {
    /// Callbacks that tell of recordings by these links.
    #[must_use]
    pub fn new(links: RecordingLinks) -> Self {
        Self { links }
    }
}

/// The service tried twice more.
const AGAIN: &[Duration] = &[Duration::from_secs(30), Duration::from_secs(300)];

impl NoticeWriter for ExotelNotices {
    fn write(&self, happened: &Happened<'_>) -> Option<Notice> {
        let event = happened.event();
        let details = match happened.snapshot {
            Snapshot::Call(details) => details,
            Snapshot::Message(message) => return of_text(message, event),
        };
        let what = match event.kind {
            EventKind::Ended { .. } => CallEvent::Terminal,
            EventKind::Answered { leg, .. } if is_first(details, leg) => CallEvent::Answered,
            _ => return None,
        };
        let kept = Kept::of(&details.call);
        let kind = if kept.json {
            CallbackType::Json
        } else {
            CallbackType::Multipart
        };
        let mut told = told(details, &kept, what, event.at)?;
        if what == CallEvent::Terminal && kept.record {
            told.call.recording_url = self.links.newest(happened, None);
        }
        let (content_type, body) = told.print(kind);
        Some(Notice {
            url: None,
            content_type,
            headers: Vec::new(),
            body: String::from_utf8(body).ok()?,
        })
    }

    fn patience(&self) -> Patience {
        Patience::Pauses(AGAIN)
    }
}

/// Whether a leg is the first of its attempt.
fn is_first(details: &CallDetails, leg: LegId) -> bool {
    let of = details.legs.iter().find(|there| there.id == leg);
    let first = of.and_then(|of| details.legs.iter().find(|there| there.attempt == of.attempt));
    first.is_some_and(|first| first.id == leg)
}

fn told(details: &CallDetails, kept: &Kept, happened: CallEvent, at: Timestamp) -> Option<CallCallback> {
    let call = &details.call;
    let sid = call.face.as_ref()?.reference.clone();
    let over = happened == CallEvent::Terminal;
    let mut notice = CallNotice::new(sid)
        .status(if over { status(call) } else { CallStatus::InProgress })
        .date_updated(time(if over { updated(call) } else { at }));
    if !kept.events {
        return Some(CallCallback {
            call: notice,
            legs: Vec::new(),
        });
    }
    notice = notice
        .event_type(happened)
        .date_created(time(call.created_at))
        .to(&kept.to)
        .from(&kept.from)
        .phone_number_sid(&kept.caller_id)
        .start_time(time(call.created_at))
        .direction(Direction::OutboundApi);
    notice.custom_field.clone_from(&kept.custom_field);
    if over {
        notice.end_time = call.ended_at.map(time);
        notice.conversation_duration = conversation(details);
    }
    let [first, second] = sides(details);
    let both = if kept.two { vec![first, second] } else { vec![first] };
    let legs = both.into_iter().map(|leg| {
        let mut told = LegNotice::new().answered_by(AnsweredBy::NotApplicable);
        told.on_call_duration = of_side_seconds(leg).filter(|_| over);
        told.status = of_side(leg).filter(|_| over);
        told
    });
    Some(CallCallback {
        call: notice,
        legs: legs.collect(),
    })
}

/// The end of a text: a form of the usual kind, and only when nothing follows any more.
fn of_text(message: &Message, event: &Event) -> Option<Notice> {
    let EventKind::Message {
        event: MessageEvent::Ended { .. },
    } = event.kind
    else {
        return None;
    };
    let code = detailed(message);
    let mut told = SmsCallback::new(message.id.uuid().simple().to_string())
        .to(message.plan.to.given())
        .sms_units(u32::try_from(message.parts).unwrap_or(u32::MAX))
        .detailed_status(code.name().unwrap_or_default())
        .detailed_status_code(code);
    told.status = code.status();
    told.date_sent = message.sent_at.map(time);
    told.custom_field.clone_from(&message.plan.tag);
    Some(Notice {
        url: None,
        content_type: "application/x-www-form-urlencoded".to_owned(),
        headers: Vec::new(),
        body: told.to_fields().to_form(),
    })
}
