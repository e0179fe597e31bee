//! The INVITE of a leg, and its CANCEL.

use outdial_domain::LegId;
use rsipstack::{
    sip::{Header, HeadersExt, Method, Request, typed, uri::Auth},
    transaction::{
        Transaction,
        key::{TransactionKey, TransactionRole},
        make_tag,
    },
};

use crate::{
    flow::{Flow, OURSELVES},
    headers::{self, Fault},
    identity,
    incoming::ALLOW,
    legs::call_id,
    session_timer::Wish,
    start::Shared,
    target::Target,
};

/// Makes the INVITE that goes out by this way.
pub(crate) fn make(
    shared: &Shared,
    leg: LegId,
    target: &Target,
    flow: &Flow,
    wish: Wish,
    offer: String,
) -> Result<Request, Fault> {
    let contact = flow.contact(OURSELVES);
    let mut caller = target.from.clone().unwrap_or_else(|| contact.clone());
    if target.from.is_none() {
        caller.host_with_port.port = None;
        if let Some(number) = &target.number {
            caller.auth = Some(Auth {
                user: number.clone(),
                password: None,
            });
        }
    }
    let (caller, identity) = match &target.trunk {
        Some(trunk) => identity::of(&trunk.settings, caller),
        None => (caller, Vec::new()),
    };
    let mut request = shared.endpoint.make_request(
        Method::Invite,
        target.uri.clone(),
        flow.via(shared)?,
        typed::From::from(caller).with_tag(make_tag()),
        typed::To::from(target.uri.clone()),
        1,
        Some(call_id(leg).into()),
    );
    if let Some(trunk) = &target.trunk {
        request.headers.extend(trunk.routes());
        if let Some(diverting) = &target.diverting {
            request.headers.push(identity::diversion(&trunk.settings, diverting));
        }
    }
    request.headers.push(typed::Contact::from(contact).into());
    request.headers.push(Header::ContentType("application/sdp".into()));
    request.headers.push(Header::Allow(ALLOW.into()));
    request.headers.push(Header::Supported("100rel, timer".into()));
    request.headers.extend(wish.headers());
    request.headers.extend(identity);
    request.body = offer.into_bytes();
    Ok(request)
}

/// The INVITE again, for another server: as it was, but by another way (RFC 3263, section 4.3). What
/// the first server was told about our password means nothing to the next.
pub(crate) fn elsewhere(shared: &Shared, invite: &Request, flow: &Flow) -> Result<Request, Fault> {
    let mut request = headers::again(invite)?;
    request.headers.unique_push(flow.via(shared)?.into());
    request
        .headers
        .unique_push(typed::Contact::from(flow.contact(OURSELVES)).into());
    request
        .headers
        .retain(|header| !matches!(header, Header::Authorization(_) | Header::ProxyAuthorization(_)));
    Ok(request)
}

/// The CANCEL of an INVITE (RFC 3261, section 9.1), to be sent the same way.
pub(crate) fn cancel(shared: &Shared, invite: &Transaction, flow: &Flow) -> Result<Transaction, Fault> {
    let mut request = invite.original.clone();
    request.method = Method::Cancel;
    request.body.clear();
    request.headers.retain(|header| {
        matches!(
            header,
            Header::Via(_)
                | Header::From(_)
                | Header::To(_)
                | Header::CallId(_)
                | Header::CSeq(_)
                | Header::MaxForwards(_)
                | Header::Route(_)
                | Header::UserAgent(_)
        )
    });
    request.cseq_header_mut()?.mut_method(Method::Cancel)?;
    let key = TransactionKey::from_request(&request, TransactionRole::Client)?;
    // UDP has no connection in the flow, and needs that of the INVITE.
    let connection = flow.connection().or_else(|| invite.connection.clone());
    let mut transaction = Transaction::new_client(key, request, shared.endpoint.clone(), connection);
    transaction.destination.clone_from(&invite.destination);
    Ok(transaction)
}
