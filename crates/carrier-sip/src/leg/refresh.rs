//! Refreshes of a session (RFC 4028), one at a time.

use std::time::{Duration, Instant};

use rsipstack::sip::{Header, Method, Response, StatusCodeKind};
use tokio::task::JoinHandle;

use crate::{
    ask::AskError,
    dialog::Dialog,
    incoming::ALLOW,
    session_timer::{self, Due, SessionTimer},
    start::Shared,
};

use super::talk::Talk;

/// A refresh that is under way, or when the next one is allowed.
#[derive(Default)]
pub(super) struct Refresh {
    task: Option<JoinHandle<(Dialog, Result<Response, AskError>)>>,
    method: Option<Method>,
    /// Not before this moment, whatever the timer says.
    not_before: Option<Instant>,
    /// The far side wants none of ours. It may still refresh the session itself.
    refused: bool,
}

/// What a refresh came to, with the dialog as it is after it.
pub(super) enum Refreshed {
    Lives(Box<Response>, Box<Dialog>, Method),
    /// The far side wants a longer interval.
    TooBrief(Duration, Box<Dialog>),
    /// The far side changes the session itself.
    Glare(Box<Dialog>),
    /// It does not know UPDATE after all.
    NotByUpdate(Box<Dialog>),
    Refused(Box<Dialog>),
    Gone(String),
}

impl Refresh {
    /// The next thing that the timer wants, and when.
    pub(super) fn due(&self, timer: Option<&SessionTimer>) -> Option<(Instant, Due)> {
        let (at, due) = timer?.next(self.is_under_way() || self.refused);
        let at = match (due, self.not_before) {
            (Due::Refresh, Some(not_before)) => at.max(not_before),
            _ => at,
        };
        Some((at, due))
    }

    /// Sends a refresh: by UPDATE, or by a re-INVITE with the description as it is.
    pub(super) fn start(&mut self, shared: &std::sync::Arc<Shared>, talk: &mut Talk, description: String) {
        let Some(timer) = talk.timer else {
            return;
        };
        let method = if talk.takes_update {
            Method::Update
        } else {
            Method::Invite
        };
        let request = talk.dialog.request(shared, method);
        let mut request = match request {
            Ok(request) => request,
            Err(error) => {
                tracing::warn!(%error, "no refresh can be made");
                self.not_before = Some(Instant::now() + timer.interval / 4);
                return;
            }
        };
        request.headers.push(talk.dialog.contact_header());
        request.headers.push(Header::Allow(ALLOW.into()));
        request.headers.push(Header::Supported("timer".into()));
        for header in timer.refresh(talk.wish) {
            request.headers.push(header);
        }
        if method == Method::Invite {
            request.headers.push(Header::ContentType("application/sdp".into()));
            request.body = description.into_bytes();
        }
        let (shared, mut dialog) = (shared.clone(), talk.dialog.clone());
        self.method = Some(method);
        self.not_before = None;
        self.task = Some(tokio::spawn(async move {
            let response = Box::pin(dialog.ask(&shared, request)).await;
            (dialog, response)
        }));
    }

    /// What came of it. Only to be waited for while one is under way.
    pub(super) async fn done(&mut self) -> Refreshed {
        let Some(task) = &mut self.task else {
            return std::future::pending().await;
        };
        let joined = task.await;
        self.task = None;
        let method = self.method.take().unwrap_or(Method::Update);
        let Ok((dialog, response)) = joined else {
            return Refreshed::Gone("a refresh of the session failed, which is a fault of ours: see the log".into());
        };
        let dialog = Box::new(dialog);
        let response = match response {
            Ok(response) => response,
            Err(AskError::Unanswered { .. }) => return Refreshed::Refused(dialog),
            Err(error) => {
                return Refreshed::Gone(format!("the far side did not answer a refresh of the session: {error}"));
            }
        };
        match response.status_code.code() {
            _ if response.status_code.kind() == StatusCodeKind::Successful => {
                Refreshed::Lives(Box::new(response), dialog, method)
            }
            408 | 481 => Refreshed::Gone("the far side knows nothing of the call any more".into()),
            422 => match session_timer::least(&response.headers) {
                Some(least) => Refreshed::TooBrief(least, dialog),
                None => Refreshed::Refused(dialog),
            },
            491 => Refreshed::Glare(dialog),
            405 | 501 if method == Method::Update => Refreshed::NotByUpdate(dialog),
            _ => Refreshed::Refused(dialog),
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.task.is_some()
    }

    /// Whether one that carries an offer is under way, so that no other offer may be taken.
    pub(super) fn offers(&self) -> bool {
        self.is_under_way() && self.method == Some(Method::Invite)
    }

    /// No more of ours.
    pub(super) fn refused(&mut self) {
        self.refused = true;
    }

    /// The next refresh is sent at once.
    pub(super) fn now(&mut self) {
        self.not_before = None;
    }

    /// Both sides changed the session at once. Whoever owns the Call-ID waits longer (RFC 3261,
    /// section 14.1).
    pub(super) fn later(&mut self, shared: &Shared, ours: bool) {
        self.not_before = Some(Instant::now() + glare(ours, shared.ids.secret()[0]));
    }
}

/// How long to wait after a 491, in units of 10 ms: 2.1 to 4 s for the owner of the Call-ID, and up to
/// 2 s for the other.
pub(super) fn glare(ours: bool, dice: u8) -> Duration {
    let share = u64::from(dice);
    let units = if ours {
        210 + share * 190 / 255
    } else {
        share * 200 / 255
    };
    Duration::from_millis(10 * units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glare_is_waited_out_as_the_standard_says() {
        let millis = |ours, dice| glare(ours, dice).as_millis();
        assert_eq!((millis(true, 0), millis(true, 255)), (2100, 4000));
        assert_eq!((millis(false, 0), millis(false, 255)), (0, 2000));
    }
}
