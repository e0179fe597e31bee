//! What is said to a caller while its call rings here.

use std::{net::IpAddr, time::Instant as StdInstant};

use rsipstack::{
    sip::{Header, Request, SipMessage, StatusCode},
    transaction::transaction::TransactionEvent,
};

use crate::{dialog::Dialog, headers, incoming::ALLOW, reliable::Said, session_timer::Wish};

use super::{Leg, inbox::Inbox};

/// What is known of a call that rings here.
pub(super) struct Ringing {
    pub(super) dialog: Dialog,
    pub(super) inbox: Inbox,
    pub(super) request: Request,
    /// Our address as the caller sees it.
    pub(super) ours: IpAddr,
    pub(super) wish: Wish,
    /// The last provisional answer that waits for its PRACK.
    pub(super) said: Option<Said>,
    /// Whether provisional answers are to be acknowledged.
    pub(super) reliable: bool,
}

impl Ringing {
    /// Says that it rings, in a way that is acknowledged where the caller wants that.
    pub(super) fn say_ringing(&mut self, leg: &Leg) {
        let mut headers = Vec::new();
        if std::mem::take(&mut self.reliable) {
            let number = u32::from(leg.shared.ids.secret()[0]) + 1;
            let invite = headers::sequence(&self.request).unwrap_or(1);
            headers.push(Header::Require("100rel".into()));
            headers.push(Header::RSeq(number.to_string().into()));
            self.said = Some(Said::new(number, invite, leg.shared.t1(), StdInstant::now()));
        }
        self.respond(leg, StatusCode::Ringing, headers, None);
    }

    /// Says the same again.
    pub(super) fn repeat(&self) {
        // The transaction knows its last answer, and gives it to whoever repeats the INVITE.
        let again = TransactionEvent::Received(SipMessage::Request(self.request.clone()), None);
        let _ = self.inbox.sender().send(again);
    }

    pub(super) fn respond(&self, leg: &Leg, status: StatusCode, headers: Vec<Header>, body: Option<String>) {
        let body = body.map(String::into_bytes);
        let mut response = leg.shared.endpoint.make_response(&self.request, status, body);
        for header in self.request.headers.iter() {
            if matches!(header, Header::RecordRoute(_)) {
                response.headers.push(header.clone());
            }
        }
        response.headers.push(self.dialog.contact_header());
        response.headers.push(Header::Allow(ALLOW.into()));
        response.headers.extend(headers);
        let _ = self.inbox.sender().send(TransactionEvent::Respond(response));
    }

    /// Says no. The answer is repeated until it is acknowledged, without us.
    pub(super) fn refuse(self, leg: &Leg, status: StatusCode, headers: Vec<Header>) {
        self.respond(leg, status, headers, None);
        let mut inbox = self.inbox;
        tokio::spawn(async move {
            while let (invite, Some(_)) = inbox.next().await {
                inbox.put(invite);
            }
        });
    }
}
