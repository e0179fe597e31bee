//! What follows an INVITE that was refused, where something does: a password, a longer interval,
//! another server, another place.

use outdial_domain::{EndedBy, Ending, Outcome};
use rsipstack::{
    sip::{Header, Request, Response, StatusCodeKind, Uri, uri::Host},
    transaction::Transaction,
};

use crate::{
    ask::cnonce,
    carrier::is_past,
    flow::OURSELVES,
    headers::{self, Fault},
    invite,
    names::Place,
    reason, session_timer,
};

use super::{
    Leg,
    dial::Dialling,
    endings::failed,
    route::{Route, cannot_have_rung},
};

/// What follows.
pub(super) enum Next {
    /// It was sent again, in this transaction.
    Sent(Box<Transaction>),
    /// That was all, for a reason of its own.
    Over(Ending),
    /// That was all.
    Nothing,
}

impl Leg {
    pub(super) async fn next_try(
        &mut self,
        dialling: &mut Dialling,
        invite: &Transaction,
        response: &Response,
    ) -> Next {
        let code = response.status_code.code();
        match code {
            401 | 407 => self.with_password(dialling, invite, response).await,
            422 => self.with_longer_session(dialling, invite, response).await,
            _ if response.status_code.kind() == StatusCodeKind::Redirection => {
                self.redirected(dialling, invite, response).await
            }
            _ if cannot_have_rung(code, reason::q850(&response.headers), self.events.has_rung()) => {
                self.elsewhere(dialling, invite).await
            }
            _ => Next::Nothing,
        }
    }

    async fn with_password(&mut self, dialling: &mut Dialling, invite: &Transaction, response: &Response) -> Next {
        let cnonce = cnonce(&self.shared);
        match dialling.challenges.answer(&invite.original, response, &cnonce) {
            Err(unanswered) => {
                let code = response.status_code.code();
                Next::Over(Ending {
                    sip_code: Some(code),
                    ..Ending::new(
                        Outcome::Failed,
                        EndedBy::Network,
                        format!("the far side answered {code}: {unanswered}"),
                    )
                })
            }
            Ok(_) if is_past(dialling.send_before) => Next::Over(Ending::new(
                Outcome::Failed,
                EndedBy::System,
                "the far side asked for a password, and the moment until which this leg might be sent had passed; it has not rung",
            )),
            Ok(again) => self.send_again(dialling, Ok(again)).await,
        }
    }

    /// The far side wants a session to live for longer (RFC 4028, section 7.3).
    async fn with_longer_session(
        &mut self,
        dialling: &mut Dialling,
        invite: &Transaction,
        response: &Response,
    ) -> Next {
        match session_timer::least(&response.headers) {
            Some(least) if least > dialling.wish.least && !is_past(dialling.send_before) => {
                dialling.wish.least = least;
                let wish = dialling.wish;
                let again = headers::again(&invite.original).map(|mut request| {
                    request
                        .headers
                        .retain(|header| !matches!(header, Header::SessionExpires(_) | Header::MinSE(_)));
                    request.headers.extend(wish.headers());
                    self.authorized(dialling, request)
                });
                self.send_again(dialling, again).await
            }
            _ => Next::Nothing,
        }
    }

    /// Asks the next server that can be reached.
    async fn elsewhere(&mut self, dialling: &mut Dialling, invite: &Transaction) -> Next {
        if dialling.route.is_over() || is_past(dialling.send_before) {
            return Next::Nothing;
        }
        let request = invite.original.clone();
        self.by_next_server(dialling, request).await
    }

    /// Rings the place that the far side names, if it may be rung.
    async fn redirected(&mut self, dialling: &mut Dialling, invite: &Transaction, response: &Response) -> Next {
        // What rang once is not to ring again, and who knows where this leads.
        if self.events.has_rung() || is_past(dialling.send_before) {
            return Next::Nothing;
        }
        let allowed = dialling.redirects.allowed(response, &invite.original.uri);
        dialling.redirects.left = dialling.redirects.left.saturating_sub(1);
        for uri in allowed {
            let mut target = dialling.target.clone();
            target.place = place(&uri, &target.place);
            target.uri = uri.clone();
            if let Ok(route) = Route::of(&self.shared, &target).await {
                dialling.target = target;
                dialling.route = route;
                let mut request = invite.original.clone();
                request.uri = uri;
                return self.by_next_server(dialling, request).await;
            }
        }
        Next::Nothing
    }

    async fn by_next_server(&mut self, dialling: &mut Dialling, request: Request) -> Next {
        let flow = tokio::select! {
            flow = dialling.route.next(&self.shared) => flow,
            command = self.commands.recv() => match self.told_early(command) {
                Some(ending) => return Next::Over(ending),
                None => dialling.route.next(&self.shared).await,
            },
        };
        let Ok(flow) = flow else {
            return Next::Nothing;
        };
        if is_past(dialling.send_before) {
            return Next::Nothing;
        }
        dialling.challenges.forget();
        dialling.contact = flow.contact(OURSELVES);
        dialling.flow = flow;
        let request = invite::elsewhere(&self.shared, &request, &dialling.flow);
        self.send_again(dialling, request).await
    }

    fn authorized(&self, dialling: &mut Dialling, mut request: Request) -> Request {
        dialling.challenges.authorize(&mut request, &cnonce(&self.shared));
        request
    }

    async fn send_again(&mut self, dialling: &mut Dialling, request: Result<Request, Fault>) -> Next {
        let sent = async {
            dialling.flow.refresh(&self.shared).await?;
            let mut transaction = dialling.flow.transaction(&self.shared, request?)?;
            transaction.send().await?;
            Ok::<_, Fault>(Box::new(transaction))
        };
        match Box::pin(sent).await {
            Ok(transaction) => Next::Sent(transaction),
            Err(Fault(fault)) => Next::Over(failed(format!("the INVITE could not be sent again: {fault}"))),
        }
    }
}

/// Where a URI leads, by the transport that was used before.
fn place(uri: &Uri, before: &Place) -> Place {
    let host = match &uri.host_with_port.host {
        Host::Domain(name) => name.0.clone(),
        Host::IpAddr(ip) => ip.to_string(),
    };
    Place {
        host,
        port: uri.host_with_port.port.as_ref().map(rsipstack::sip::Port::value),
        transport: before.transport,
    }
}
