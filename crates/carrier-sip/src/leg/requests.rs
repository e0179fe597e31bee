//! Requests of the far side within its leg.

use std::time::{Duration, Instant};

use outdial_domain::{Digit, EndedBy, Ending, Outcome};
use outdial_engine::ports::{DigitWay, LegEvent};
use outdial_media::sip_info::{self, InfoError};
use rsipstack::{
    sip::{Header, HeadersExt, Method, StatusCode},
    transaction::Transaction,
};

use crate::{
    headers,
    incoming::{ALLOW, capabilities},
    reason,
    session_timer::{SessionTimer, allows},
};

use super::{
    Leg,
    inbox::Inbox,
    talk::{Talk, Unacknowledged},
    transfer,
};

/// How a request was taken.
pub(super) enum Asked {
    Done,
    /// A re-INVITE was answered and waits for its ACK.
    Unacknowledged(Unacknowledged),
    /// The far side hung up.
    Over(Ending),
}

impl Leg {
    /// Answers a request within an answered leg. `busy` says that a change of the session is under way.
    pub(super) async fn asked(&mut self, mut request: Box<Transaction>, talk: &mut Talk, busy: bool) -> Asked {
        if !talk.dialog.has_sent(&request.original) {
            unknown(request).await;
            return Asked::Done;
        }
        let number = headers::sequence(&request.original).unwrap_or(0);
        if number < talk.sequence {
            // An old one that was overtaken (RFC 3261, section 12.2.2).
            reply(&mut request, StatusCode::ServerInternalError, Vec::new(), None).await;
            return Asked::Done;
        }
        talk.sequence = number;
        match request.original.method {
            Method::Bye => {
                reply(&mut request, StatusCode::OK, Vec::new(), None).await;
                Asked::Over(hung_up(&request))
            }
            Method::Info => {
                self.info(&mut request).await;
                Asked::Done
            }
            Method::Options => {
                reply(&mut request, StatusCode::OK, capabilities(), None).await;
                Asked::Done
            }
            // One without a description changes nothing of the session, so it hurts no other change.
            Method::Update if busy && request.original.body.is_empty() => {
                self.renegotiate(&mut request, talk).await;
                Asked::Done
            }
            Method::Invite | Method::Update if busy => {
                reply(&mut request, StatusCode::RequestPending, Vec::new(), None).await;
                Asked::Done
            }
            Method::Invite => {
                let late = request.original.body.is_empty();
                match self.renegotiate(&mut request, talk).await {
                    true => Asked::Unacknowledged(Unacknowledged {
                        inbox: Inbox::new(request),
                        late,
                    }),
                    false => Asked::Done,
                }
            }
            Method::Update => {
                self.renegotiate(&mut request, talk).await;
                Asked::Done
            }
            Method::PRack => {
                unknown(request).await;
                Asked::Done
            }
            Method::Notify => {
                self.notified(request, talk).await;
                Asked::Done
            }
            _ => {
                not_allowed(&mut request).await;
                Asked::Done
            }
        }
    }

    /// Answers a request before the answer; an ending if the far side is gone.
    pub(super) async fn asked_early(&mut self, mut request: Box<Transaction>) -> Option<Ending> {
        match request.original.method {
            Method::Bye => {
                // Its answer was lost, and it lost patience with our silence.
                reply(&mut request, StatusCode::OK, Vec::new(), None).await;
                return Some(Ending {
                    q850: reason::q850(&request.original.headers),
                    ..Ending::new(
                        Outcome::NoAnswer,
                        EndedBy::Callee,
                        "the far side hung up before its answer reached us",
                    )
                });
            }
            Method::Options => reply(&mut request, StatusCode::OK, capabilities(), None).await,
            // The offer is ours until it is answered (RFC 3311, section 5.2).
            Method::Update => reply(&mut request, StatusCode::RequestPending, Vec::new(), None).await,
            _ => unknown(request).await,
        }
        None
    }

    /// Answers a request while our BYE is under way.
    pub(super) async fn answer_parting(&mut self, mut request: Box<Transaction>) {
        match request.original.method {
            Method::Bye => reply(&mut request, StatusCode::OK, Vec::new(), None).await,
            _ => unknown(request).await,
        }
    }

    /// Takes what the far side says of a transfer. Of anything else we want to know nothing.
    async fn notified(&mut self, mut request: Box<Transaction>, talk: &mut Talk) {
        if talk.transfer.is_none() || !transfer::is_about_transfer(&request.original) {
            return unknown(request).await;
        }
        reply(&mut request, StatusCode::OK, Vec::new(), None).await;
        if let Some(result) = transfer::result(&request.original) {
            talk.transfer = None;
            self.events.tell(LegEvent::Transferred(result));
        }
    }

    async fn info(&mut self, request: &mut Transaction) {
        let content_type = request.original.header_value("Content-Type").unwrap_or_default();
        let status = match sip_info::parse(&content_type, &request.original.body) {
            Ok(pressed) => {
                let held = pressed.duration.unwrap_or(Duration::ZERO);
                if let Some(digit) = Digit::from_char(pressed.digit.as_char())
                    && let Some(event) = self.sound.pressed(digit, DigitWay::SipInfo, held)
                {
                    self.events.tell(event);
                }
                StatusCode::OK
            }
            // Some far sides ask in this way whether we are still there.
            Err(InfoError::OtherType) if request.original.body.is_empty() => StatusCode::OK,
            Err(InfoError::OtherType) => StatusCode::UnsupportedMediaType,
            Err(InfoError::NoSignal | InfoError::NotAKey(_)) => StatusCode::BadRequest,
        };
        let headers = match status {
            StatusCode::UnsupportedMediaType => vec![Header::Accept("application/dtmf-relay, application/dtmf".into())],
            _ => Vec::new(),
        };
        reply(request, status, headers, None).await;
    }

    /// Answers a change of the session or a refresh of it; `true` if it was accepted.
    async fn renegotiate(&mut self, request: &mut Transaction, talk: &mut Talk) -> bool {
        let timer = match SessionTimer::of_request(&request.original.headers, talk.wish, Instant::now()) {
            Ok(timer) => timer,
            Err(least) => {
                let least = Header::MinSE(least.as_secs().to_string().into());
                reply(request, StatusCode::SessionIntervalTooSmall, vec![least], None).await;
                return false;
            }
        };
        let body = std::mem::take(&mut request.original.body);
        let answer = match (body.is_empty(), request.original.method) {
            (false, _) => self.sound.offered(&body).map(Some),
            // A late offer: ours goes into the answer, and its answer into the ACK.
            (true, Method::Invite) => Ok(Some(self.sound.offer())),
            (true, _) => Ok(None),
        };
        match answer {
            Ok(description) => {
                talk.dialog.retarget(&request.original);
                talk.takes_update |= allows(&request.original, "UPDATE");
                let mut headers = vec![talk.dialog.contact_header(), Header::Allow(ALLOW.into())];
                headers.push(Header::Supported("timer".into()));
                match timer {
                    Some((timer, granted)) => {
                        headers.extend(granted);
                        talk.timer = Some(timer);
                    }
                    // A session that is changed without a word about timers has none any more.
                    None if request.original.method == Method::Invite => talk.timer = None,
                    None => {}
                }
                if description.is_some() {
                    headers.push(Header::ContentType("application/sdp".into()));
                }
                reply(request, StatusCode::OK, headers, description.map(String::into_bytes)).await;
                true
            }
            Err(error) => {
                let warning = Header::Warning(format!("399 outdial \"{}\"", quotable(&error.to_string())).into());
                reply(request, StatusCode::NotAcceptableHere, vec![warning], None).await;
                false
            }
        }
    }
}

/// A request that belongs to no dialog of ours.
pub(super) async fn unknown(mut request: Box<Transaction>) {
    reply(&mut request, StatusCode::CallTransactionDoesNotExist, Vec::new(), None).await;
}

async fn not_allowed(request: &mut Transaction) {
    let status = match request.original.method {
        Method::Refer | Method::Message | Method::Subscribe | Method::Register => StatusCode::MethodNotAllowed,
        _ => StatusCode::NotImplemented,
    };
    reply(request, status, vec![Header::Allow(ALLOW.into())], None).await;
}

pub(super) async fn reply(request: &mut Transaction, status: StatusCode, headers: Vec<Header>, body: Option<Vec<u8>>) {
    if let Err(error) = request.reply_with(status, headers, body).await {
        tracing::debug!(%error, "a request could not be answered");
    }
}

pub(super) fn hung_up(bye: &Transaction) -> Ending {
    Ending {
        q850: reason::q850(&bye.original.headers),
        ..Ending::new(Outcome::Completed, EndedBy::Callee, "the far side hung up")
    }
}

/// A text that may stand between quotes in a header.
pub(super) fn quotable(text: &str) -> String {
    text.chars()
        .filter(|character| character.is_ascii() && !character.is_ascii_control() && !matches!(character, '"' | '\\'))
        .take(150)
        .collect()
}
