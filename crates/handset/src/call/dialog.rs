//! What a call hears from the dialog while it does something else.

use outdial_media::sip_info::{self, InfoError};
use rsipstack::dialog::dialog::{DialogState, TerminatedReason, TransactionHandle};
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Request, StatusCode};
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};

use super::{Call, Living, sdp_headers};
use crate::event::{EndedBy, EventKind, HeardWay};
use crate::sip::content_type;
use crate::sip::sdp::Agreement;

impl Call {
    /// Does something until it is done or the call ends, and answers the far side meanwhile.
    pub(super) async fn during<T>(&mut self, doing: impl Future<Output = T>) -> Living<T> {
        let mut doing = std::pin::pin!(doing);
        let closing = self.exchange.closing.clone();
        let deadline = self.deadline;
        let deadline = async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        let mut deadline = std::pin::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                state = self.states.recv() => match state {
                    Some(state) => self.notice(state).await?,
                    None => return Err(EndedBy::Failure),
                },
                // An error is a hang-up of so many numbers at once that this one was overlooked, or the end of everything.
                number = self.hang_ups.recv(), if !self.hang_ups.is_closed() => {
                    if number.is_ok_and(|number| number == self.reporter.number()) {
                        return Err(EndedBy::Phone);
                    }
                }
                () = closing.cancelled() => return Err(EndedBy::Shutdown),
                () = &mut deadline => return Err(EndedBy::Phone),
                done = &mut doing => return Ok(done),
            }
        }
    }

    async fn notice(&mut self, state: DialogState) -> Living<()> {
        match state {
            DialogState::Calling(_) | DialogState::Trying(_) | DialogState::Early(..) | DialogState::WaitAck(..) => {}
            DialogState::Confirmed(..) => self.acknowledge(),
            DialogState::Info(_, request, handle) => self.info(&request, &handle).await,
            DialogState::Updated(_, request, handle) => self.change(&request, &handle).await,
            DialogState::Options(_, _, handle)
            | DialogState::Notify(_, _, handle)
            | DialogState::Message(_, _, handle)
            | DialogState::Publish(_, _, handle) => respond(&handle, StatusCode::OK, None, None).await,
            DialogState::Refer(_, _, handle) => respond(&handle, StatusCode::Decline, None, None).await,
            DialogState::Terminated(_, reason) => return Err(self.terminated(&reason)),
        }
        Ok(())
    }

    fn acknowledge(&mut self) {
        if self.acknowledged.send_replace(true) {
            return;
        }
        self.reporter.tell(EventKind::Acknowledged);
        // Where the offer was ours, the answer comes with the ACK.
        if self.dialog.initial_request().body().is_empty()
            && let Some(ack) = self.dialog.last_remote_ack()
        {
            match Agreement::read(ack.body()) {
                Ok(agreement) => self.take_terms(agreement),
                Err(problem) => self
                    .problems
                    .push(format!("the ACK's answer to the phone's offer: {problem}")),
            }
        }
    }

    fn terminated(&self, reason: &TerminatedReason) -> EndedBy {
        match reason {
            TerminatedReason::UacCancel => {
                self.reporter.tell(EventKind::Canceled);
                EndedBy::Canceled
            }
            TerminatedReason::UacBye => {
                self.reporter.tell(EventKind::Bye);
                EndedBy::FarSide
            }
            TerminatedReason::Timeout => EndedBy::NoAck,
            TerminatedReason::UasBye => EndedBy::Phone,
            TerminatedReason::UacBusy
            | TerminatedReason::UasBusy
            | TerminatedReason::UasDecline
            | TerminatedReason::ProxyError(_)
            | TerminatedReason::ProxyAuthRequired
            | TerminatedReason::UacOther(_)
            | TerminatedReason::UasOther(_) => EndedBy::Failure,
        }
    }

    async fn info(&mut self, request: &Request, handle: &TransactionHandle) {
        let status = match sip_info::parse(&content_type(request), request.body()) {
            Ok(pressed) => {
                self.reporter.digit(pressed.digit, HeardWay::Info);
                StatusCode::OK
            }
            Err(InfoError::OtherType) if request.body().is_empty() => StatusCode::OK,
            Err(InfoError::OtherType) => StatusCode::UnsupportedMediaType,
            Err(InfoError::NoSignal | InfoError::NotAKey(_)) => StatusCode::BadRequest,
        };
        respond(handle, status, None, None).await;
    }

    /// A re-INVITE or an UPDATE: the same description again, with the far side's new address taken over.
    async fn change(&mut self, request: &Request, handle: &TransactionHandle) {
        let offer = Some(request.body()).filter(|body| !body.is_empty());
        if let Some(offer) = offer {
            match Agreement::read(offer) {
                Ok(agreement) => self.take_terms(agreement),
                Err(_) => return respond(handle, StatusCode::NotAcceptableHere, None, None).await,
            }
        }
        self.reporter.tell(EventKind::Changed);
        let refresh = offer.is_none() && request.method == rsipstack::sip::Method::Update;
        if refresh {
            return respond(handle, StatusCode::OK, None, None).await;
        }
        let description = self.description();
        respond(handle, StatusCode::OK, Some(sdp_headers()), Some(description)).await;
    }

    fn take_terms(&mut self, agreement: Agreement) {
        if let Some(line) = &self.line {
            line.change(agreement.terms);
        }
        self.agreement = Some(agreement);
    }

    /// The description to send next.
    pub(super) fn description(&mut self) -> Vec<u8> {
        let (Some(agreement), Some(local)) = (&self.agreement, self.local) else {
            return Vec::new();
        };
        let description = agreement.write(local, self.described);
        self.described += 1;
        description
    }

    /// Sends the call elsewhere. The library has no word for it, so the response is made here.
    pub(super) fn redirect(&mut self, contact: &str, code: u16, replies: &TransactionEventSender) {
        let mut request = self.dialog.initial_request();
        let tag = self.dialog.id().local_tag;
        if let Ok(to) = request.to_header().cloned() {
            let tagged = to.with_tag(tag.into());
            request.headers.unique_push(tagged.into());
        }
        let mut response = self
            .exchange
            .dialogs
            .endpoint
            .make_response(&request, StatusCode::from(code), None);
        response.headers.push(Header::Contact(format!("<{contact}>").into()));
        let sent = replies.send(TransactionEvent::Respond(response));
        if sent.is_err() {
            self.problems
                .push("the redirection could not be sent: the INVITE is gone".to_owned());
        }
    }
}

async fn respond(handle: &TransactionHandle, status: StatusCode, headers: Option<Vec<Header>>, body: Option<Vec<u8>>) {
    // An error means that the far side has given up its request.
    let _ = handle.respond(status, headers, body).await;
}
