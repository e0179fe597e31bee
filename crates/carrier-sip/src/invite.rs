//! The INVITE of a leg.

use std::net::SocketAddr;

use outdial_domain::LegId;
use rsipstack::{
    dialog::invitation::InviteOption,
    sip::{Header, Scheme, Transport, Uri, uri::Auth},
    transaction::{
        Transaction,
        key::{TransactionKey, TransactionRole},
    },
    transport::SipAddr,
};

use crate::{headers::Fault, incoming::ALLOW, legs::call_id, start::Shared, target::Target};

/// Who we say we are when nobody said who we are to be.
const OURSELVES: &str = "outdial";

/// An INVITE that has not been sent.
pub(crate) struct Invite {
    pub(crate) transaction: Transaction,
    /// Where the far side reaches us.
    pub(crate) contact: Uri,
}

/// Makes the INVITE. `reach` is our address as the far side sees it.
pub(crate) fn make(
    shared: &Shared,
    leg: LegId,
    target: &Target,
    destination: SocketAddr,
    reach: SocketAddr,
    offer: String,
) -> Result<Invite, Fault> {
    let ourselves = |address: SocketAddr| Uri {
        scheme: Some(Scheme::Sip),
        auth: Some(Auth {
            user: OURSELVES.to_owned(),
            password: None,
        }),
        host_with_port: address.into(),
        ..Uri::default()
    };
    let contact = ourselves(reach);
    let mut caller = target.from.clone().unwrap_or_else(|| contact.clone());
    if target.from.is_none() {
        caller.host_with_port.port = None;
    }
    let mut request = shared.layer.make_invite_request(&InviteOption {
        caller,
        callee: target.uri.clone(),
        contact: contact.clone(),
        content_type: Some("application/sdp".to_owned()),
        headers: Some(vec![Header::Allow(ALLOW.into())]),
        call_id: Some(call_id(leg)),
        ..InviteOption::default()
    })?;
    request.body = offer.into_bytes();
    let key = TransactionKey::from_request(&request, TransactionRole::Client)?;
    let mut transaction = Transaction::new_client(key, request, shared.endpoint.clone(), None);
    transaction.destination = Some(SipAddr::new(Transport::Udp, destination.into()));
    Ok(Invite { transaction, contact })
}

/// The CANCEL of an INVITE (RFC 3261, section 9.1), to be sent the same way.
pub(crate) fn cancel(shared: &Shared, invite: &Transaction) -> Result<Transaction, Fault> {
    use rsipstack::sip::{HeadersExt, Method};

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
    let mut transaction = Transaction::new_client(key, request, shared.endpoint.clone(), None);
    transaction.destination.clone_from(&invite.destination);
    Ok(transaction)
}
