//! A dialog that an answer began: what is needed to end it and to know its messages.

use rsipstack::sip::{
    Header, HeadersExt, Method, Request, Response, Uri,
    prelude::ToTypedHeader as _,
    typed::{Contact, From, Route, To},
};

use crate::{
    ask::{AskError, ask},
    challenge::Challenges,
    flow::Flow,
    headers::{Fault, from_tag, sequence, to_tag},
    start::Shared,
};

/// What the INVITE and its answer agreed on.
#[derive(Clone)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) remote_tag: String,
    local: From,
    remote: To,
    /// The number of our last request.
    sequence: u32,
    /// Where the far side reaches us.
    contact: Uri,
    /// Where we reach the far side.
    target: Uri,
    routes: Vec<Route>,
    flow: Flow,
    challenges: Challenges,
}

impl Dialog {
    /// The dialog that this answer to our INVITE began. Without a tag of the far side there is none.
    pub(crate) fn of_answer(
        invite: &Request,
        answer: &Response,
        flow: &Flow,
        contact: Uri,
        challenges: Challenges,
    ) -> Result<Self, Fault> {
        let missing = |what: &str| Fault(format!("it has no {what}"));
        let target = answer
            .typed_contact_headers()?
            .into_iter()
            .next()
            .map_or_else(|| invite.uri.clone(), |first: Contact| first.uri);
        // The set is in the order of the request's way, and ours begins at our end (RFC 3261, section 12.1.2).
        let mut routes = routes(&answer.headers)?;
        routes.reverse();
        Ok(Self {
            call_id: answer.call_id_header()?.value().to_owned(),
            local_tag: from_tag(answer).ok_or_else(|| missing("tag of ours"))?,
            remote_tag: to_tag(answer).ok_or_else(|| missing("tag"))?,
            local: invite.from_header()?.typed()?,
            remote: answer.to_header()?.typed()?,
            sequence: sequence(invite).unwrap_or(1),
            contact,
            target,
            routes,
            flow: flow.within_dialog(),
            challenges,
        })
    }

    /// The dialog that our answer to this INVITE begins. The INVITE has our tag already.
    pub(crate) fn of_invite(
        invite: &Request,
        flow: &Flow,
        contact: Uri,
        challenges: Challenges,
    ) -> Result<Self, Fault> {
        let missing = |what: &str| Fault(format!("it has no {what}"));
        let first = invite.typed_contact_headers()?.into_iter().next();
        let to: To = invite.to_header()?.typed()?;
        let from: From = invite.from_header()?.typed()?;
        Ok(Self {
            call_id: invite.call_id_header()?.value().to_owned(),
            local_tag: to_tag(invite).ok_or_else(|| missing("tag of ours"))?,
            remote_tag: from_tag(invite).ok_or_else(|| missing("tag"))?,
            local: From {
                display_name: to.display_name,
                uri: to.uri,
                params: to.params,
            },
            remote: To {
                display_name: from.display_name,
                uri: from.uri,
                params: from.params,
            },
            sequence: 0,
            contact,
            target: first.ok_or_else(|| missing("Contact"))?.uri,
            // In the order of the request's way, which ends at our end (RFC 3261, section 12.1.1).
            routes: routes(&invite.headers)?,
            flow: flow.within_dialog(),
            challenges,
        })
    }

    /// The numbers that requests sent on a copy of this dialog have taken.
    pub(crate) fn went_on(&mut self, copy: &Self) {
        self.sequence = self.sequence.max(copy.sequence);
        self.challenges = copy.challenges.clone();
    }

    /// The far side may be somewhere else after a change of the session (RFC 3261, section 12.2.1.2).
    pub(crate) fn retarget(&mut self, message: &impl HeadersExt) {
        if let Ok(contacts) = message.typed_contact_headers()
            && let Some(first) = contacts.into_iter().next()
        {
            self.target = first.uri;
        }
    }

    /// Where the far side reaches us.
    pub(crate) fn contact_header(&self) -> Header {
        Contact::from(self.contact.clone()).into()
    }

    /// Whether a request of the far side belongs to this dialog.
    pub(crate) fn has_sent(&self, request: &Request) -> bool {
        from_tag(request).as_ref() == Some(&self.remote_tag) && to_tag(request).as_ref() == Some(&self.local_tag)
    }

    /// The next request of ours.
    pub(crate) fn request(&mut self, shared: &Shared, method: Method) -> Result<Request, Fault> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut request = shared.endpoint.make_request(
            method,
            self.target.clone(),
            self.flow.via(shared)?,
            self.local.clone(),
            self.remote.clone(),
            self.sequence,
            Some(self.call_id.clone().into()),
        );
        for route in &self.routes {
            request.headers.push(Header::Route(route.clone().into()));
        }
        Ok(request)
    }

    /// Sends a request and gives its final response, however many challenges are between.
    pub(crate) async fn ask(&mut self, shared: &Shared, request: Request) -> Result<Response, AskError> {
        let response = ask(shared, &mut self.flow, request, &mut self.challenges).await;
        // Each challenge that was met took a number.
        if let Ok(response) = &response {
            self.sequence = sequence(response).unwrap_or(self.sequence).max(self.sequence);
        }
        response
    }

    /// Says goodbye: a BYE that is repeated until it is answered, or for as long as the timers say.
    pub(crate) async fn bye(mut self, shared: std::sync::Arc<Shared>) {
        let said = match self.request(&shared, Method::Bye) {
            Ok(request) => self.ask(&shared, request).await,
            Err(fault) => Err(fault.into()),
        };
        if let Err(error) = said {
            tracing::debug!(%error, "a BYE was not taken");
        }
    }
}

/// The entries of all `Record-Route` headers, from the top.
fn routes(headers: &rsipstack::sip::Headers) -> Result<Vec<Route>, Fault> {
    let mut routes = Vec::new();
    for header in headers.iter() {
        if let Header::RecordRoute(value) = header {
            routes.extend(Route::parse_header_list(value.value())?);
        }
    }
    Ok(routes)
}
