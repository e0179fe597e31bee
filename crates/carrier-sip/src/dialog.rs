//! A dialog that an answer began: what is needed to end it and to know its messages.

use std::sync::Arc;

use rsipstack::{
    dialog::{
        DialogId,
        authenticate::Credential,
        dialog::{DialogInner, DialogState},
        invite_dialog::InviteDialog,
    },
    sip::{Header, HeadersExt, Request, Response, Route, Uri, typed::Contact},
    transaction::key::TransactionRole,
};

use crate::{
    headers::{Fault, from_tag, to_tag},
    start::Shared,
};

/// What the INVITE and its 2xx agreed on.
pub(crate) struct Established {
    pub(crate) id: DialogId,
    invite: Request,
    credential: Option<Credential>,
    contact: Uri,
    remote: Uri,
    routes: Vec<Route>,
}

impl Established {
    /// The dialog of this answer. Without a tag of the far side there is none.
    pub(crate) fn new(
        invite: &Request,
        answer: &Response,
        credential: Option<Credential>,
        contact: Uri,
    ) -> Result<Self, Fault> {
        let id = DialogId::try_from((answer, TransactionRole::Client))?;
        let remote = answer
            .typed_contact_headers()?
            .into_iter()
            .next()
            .map_or_else(|| invite.uri.clone(), |first: Contact| first.uri);
        let mut routes: Vec<Route> = answer
            .headers
            .iter()
            .filter_map(|header| match header {
                Header::RecordRoute(routes) => Some(routes.value()),
                _ => None,
            })
            .flat_map(listed)
            .map(Route::from)
            .collect();
        // The set is in the order of the request's way, and ours begins at our end (RFC 3261, section 12.1.2).
        routes.reverse();
        Ok(Self {
            id,
            invite: invite.clone(),
            credential,
            contact,
            remote,
            routes,
        })
    }

    /// Where the far side reaches us.
    pub(crate) fn contact_header(&self) -> Header {
        Contact::from(self.contact.clone()).into()
    }

    /// Whether a request of the far side belongs to this dialog.
    pub(crate) fn has_sent(&self, request: &Request) -> bool {
        from_tag(request).as_ref() == Some(&self.id.remote_tag) && to_tag(request).as_ref() == Some(&self.id.local_tag)
    }

    /// Says goodbye: a BYE that is repeated until it is answered, or for as long as the timers say.
    pub(crate) async fn bye(self, shared: Arc<Shared>) {
        let dialog = match self.dialog(&shared) {
            Ok(dialog) => dialog,
            Err(error) => {
                tracing::warn!(%error, "no BYE can be made for a dialog");
                return;
            }
        };
        if let Err(error) = dialog.bye().await {
            tracing::debug!(%error, "a BYE could not be sent");
        }
    }

    fn dialog(self, shared: &Shared) -> Result<InviteDialog, Fault> {
        let inner = DialogInner::new(
            TransactionRole::Client,
            self.id.clone(),
            self.invite,
            shared.endpoint.clone(),
            shared.states.clone(),
            self.credential,
            Some(self.contact),
            shared.transactions.clone(),
        )?;
        *inner.remote_uri.lock() = self.remote;
        *inner.route_set.lock() = self.routes;
        *inner.state.lock() = DialogState::Confirmed(self.id, Response::default());
        Ok(InviteDialog::from_inner(Arc::new(inner)))
    }
}

/// The entries of a header that is a list; commas in angle brackets separate nothing.
fn listed(value: &str) -> Vec<String> {
    let mut inside = false;
    value
        .split(|character| {
            match character {
                '<' => inside = true,
                '>' => inside = false,
                _ => {}
            }
            character == ',' && !inside
        })
        .map(|entry| entry.trim().to_owned())
        .filter(|entry| !entry.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_taken_apart_at_their_commas_only() {
        assert_eq!(
            listed("<sip:a,b@p1;lr>, <sip:p2;lr>;x=1,"),
            ["<sip:a,b@p1;lr>", "<sip:p2;lr>;x=1"]
        );
    }
}
