//! What the engine wants of the far side while it talks: to hold it by a re-INVITE (RFC 3264, section 8.4), or to send it
//! elsewhere by a REFER (RFC 3515). One after the other, and never beside another change of the session.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use outdial_domain::{Address, Ending};
use outdial_engine::ports::LegEvent;
use rsipstack::sip::{Header, Method, Request, Response, StatusCodeKind};
use tokio::task::JoinHandle;

use crate::{ask::AskError, dialog::Dialog, headers::Fault, incoming::ALLOW, target::Target};

use super::{Leg, endings::gone, refresh::glare, talk::Talk, transfer::Transfer};

/// How often both sides may change the session at once before we give in.
const MOST_GLARES: u8 = 5;

/// One thing that is wanted.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    Hold(bool),
    Transfer(Address),
}

/// What came of a request: the dialog as it is after it, and the answer.
pub(super) type Came = Box<(Dialog, Result<Response, AskError>)>;

/// What is wanted, oldest first; the first of them may be under way.
#[derive(Default)]
pub(super) struct Wishes {
    wanted: VecDeque<Wish>,
    task: Option<JoinHandle<Came>>,
    not_before: Option<Instant>,
    glares: u8,
}

impl Wishes {
    pub(super) fn add(&mut self, wish: Wish) {
        self.wanted.push_back(wish);
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.task.is_some()
    }

    /// Whether an offer of ours is under way, so that no other may be taken.
    pub(super) fn offers(&self) -> bool {
        self.is_under_way() && matches!(self.wanted.front(), Some(Wish::Hold(_)))
    }

    /// When the next one may be sent, if one waits.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let waits = !self.is_under_way() && !self.wanted.is_empty();
        waits.then(|| self.not_before.unwrap_or(now))
    }

    /// What came of the one under way. Only to be waited for while there is one.
    pub(super) async fn done(&mut self) -> Option<Came> {
        match &mut self.task {
            Some(task) => {
                let came = task.await;
                self.task = None;
                came.ok()
            }
            None => std::future::pending().await,
        }
    }

    fn next(&mut self) -> Option<Wish> {
        (self.glares, self.not_before) = (0, None);
        self.wanted.pop_front()
    }
}

impl Leg {
    /// Sends the request of the next wish.
    pub(super) fn send_wish(&mut self, wishes: &mut Wishes, talk: &mut Talk) {
        let Some(wish) = wishes.wanted.front().cloned() else {
            return;
        };
        if matches!(wish, Wish::Hold(held) if held == self.sound.is_held()) {
            // It is so already.
            wishes.next();
            self.events.tell(LegEvent::OnHold(self.sound.is_held()));
            return;
        }
        let request = match &wish {
            Wish::Hold(held) => self.hold_request(talk, *held),
            Wish::Transfer(to) => self.transfer_request(talk, to),
        };
        match request {
            Ok(request) => {
                let (shared, mut dialog) = (Arc::clone(&self.shared), talk.dialog.clone());
                wishes.task = Some(tokio::spawn(async move {
                    let response = Box::pin(dialog.ask(&shared, request)).await;
                    Box::new((dialog, response))
                }));
            }
            Err(reason) => {
                wishes.next();
                self.refused(&wish, reason);
            }
        }
    }

    fn hold_request(&mut self, talk: &mut Talk, held: bool) -> Result<Request, String> {
        let mut request = talk
            .dialog
            .request(&self.shared, Method::Invite)
            .map_err(|Fault(fault)| fault)?;
        request.headers.push(talk.dialog.contact_header());
        request.headers.push(Header::Allow(ALLOW.into()));
        request.headers.push(Header::Supported("timer".into()));
        if let Some(timer) = talk.timer {
            request.headers.extend(timer.refresh(talk.wish));
        }
        request.headers.push(Header::ContentType("application/sdp".into()));
        request.body = self.sound.offer_hold(held).into_bytes();
        Ok(request)
    }

    fn transfer_request(&self, talk: &mut Talk, to: &Address) -> Result<Request, String> {
        let target = Target::new(self.trunk.as_ref(), to, None)?;
        let mut request = talk
            .dialog
            .request(&self.shared, Method::Refer)
            .map_err(|Fault(fault)| fault)?;
        request.headers.push(talk.dialog.contact_header());
        request.headers.push(Header::Allow(ALLOW.into()));
        let refer_to = format!("<{}>", target.uri);
        request.headers.push(Header::Other("Refer-To".into(), refer_to));
        talk.transfer = Some(Transfer::begun(Instant::now()));
        Ok(request)
    }

    /// Takes what came of a wish; why the leg is over, if the far side is gone.
    pub(super) fn wish_done(&mut self, wishes: &mut Wishes, talk: &mut Talk, came: Option<Came>) -> Option<Ending> {
        let wish = wishes.wanted.front().cloned()?;
        let Some((dialog, response)) = came.map(|came| *came) else {
            wishes.next();
            self.refused(&wish, "a fault of ours, see the log".into());
            return None;
        };
        talk.dialog.went_on(&dialog);
        let reason = match response {
            Ok(response) if response.status_code.kind() == StatusCodeKind::Successful => {
                wishes.next();
                self.granted(&wish, talk, &response);
                return None;
            }
            Ok(response) if response.status_code.code() == 491 && wishes.glares < MOST_GLARES => {
                self.sound.hold_is_off();
                wishes.glares += 1;
                wishes.not_before = Some(Instant::now() + glare(talk.ours, self.shared.ids.secret()[0]));
                return None;
            }
            Ok(response) => match response.status_code.code() {
                408 | 481 => return Some(gone("the far side knows nothing of the call any more".into())),
                code => format!("the far side answered {code} {}", response.status_code.text()),
            },
            Err(AskError::Unanswered { code, why, .. }) => format!("the far side answered {code}: {why}"),
            Err(error) => return Some(gone(format!("the far side did not answer: {error}"))),
        };
        wishes.next();
        self.refused(&wish, reason);
        talk.transfer = talk.transfer.take_if(|_| matches!(wish, Wish::Hold(_)));
        None
    }

    fn granted(&mut self, wish: &Wish, talk: &mut Talk, response: &Response) {
        talk.dialog.retarget(response);
        match wish {
            Wish::Hold(_) => {
                talk.refreshed(response);
                let event = match self.sound.hold_answered(&response.body) {
                    Ok(held) => LegEvent::OnHold(held),
                    Err(error) => {
                        tracing::info!(%error, "the far side's answer to our hold cannot be used");
                        LegEvent::HoldRefused
                    }
                };
                self.events.tell(event);
            }
            Wish::Transfer(_) if talk.transfer.is_some() && Transfer::is_silent(response) => {
                talk.transfer = None;
                self.events.tell(LegEvent::Transferred(Ok(())));
            }
            Wish::Transfer(_) => {}
        }
    }

    fn refused(&mut self, wish: &Wish, reason: String) {
        match wish {
            Wish::Hold(_) => {
                self.sound.hold_is_off();
                tracing::info!(reason, "a far side refuses to be held");
                self.events.tell(LegEvent::HoldRefused);
            }
            Wish::Transfer(_) => self.events.tell(LegEvent::Transferred(Err(reason))),
        }
    }
}
