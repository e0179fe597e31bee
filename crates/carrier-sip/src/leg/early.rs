//! Dialogs before the answer, in which provisional answers are acknowledged (RFC 3262).

use std::sync::Arc;

use rsipstack::sip::{Header, Method, Request, Response};

use crate::{
    dialog::Dialog,
    headers::{self, Fault},
    reliable::{Heard, wants_acknowledgement},
    start::Shared,
};

use super::dial::Dialling;

/// The most phones whose provisional answers are acknowledged.
const MOST: usize = 16;

/// The phones that said something before the answer and wanted it acknowledged.
#[derive(Default)]
pub(super) struct Early(Vec<(Dialog, Heard)>);

impl Early {
    /// Acknowledges a provisional answer that wants it; `false` if it was heard before and is to be
    /// ignored.
    pub(super) fn heard(
        &mut self,
        shared: &Arc<Shared>,
        dialling: &Dialling,
        invite: &Request,
        answer: &Response,
    ) -> bool {
        let Some(number) = wants_acknowledgement(answer) else {
            return true;
        };
        match self.acknowledge(shared, dialling, invite, answer, number) {
            Ok(is_new) => is_new,
            Err(error) => {
                tracing::debug!(%error, "a provisional answer cannot be acknowledged");
                true
            }
        }
    }

    fn acknowledge(
        &mut self,
        shared: &Arc<Shared>,
        dialling: &Dialling,
        invite: &Request,
        answer: &Response,
        number: u32,
    ) -> Result<bool, Fault> {
        let tag = headers::to_tag(answer);
        let known = self
            .0
            .iter()
            .position(|(dialog, _)| Some(&dialog.remote_tag) == tag.as_ref());
        let place = match known {
            Some(place) => place,
            None if self.0.len() == MOST => return Ok(false),
            None => {
                let contact = dialling.contact.clone();
                let dialog = Dialog::of_answer(invite, answer, &dialling.flow, contact, dialling.challenges.clone())?;
                self.0.push((dialog, Heard::default()));
                self.0.len() - 1
            }
        };
        let (dialog, heard) = &mut self.0[place];
        if !heard.is_next(number) {
            return Ok(false);
        }
        let mut request = dialog.request(shared, Method::PRack)?;
        let invited = headers::sequence(invite).unwrap_or(1);
        request
            .headers
            .push(Header::RAck(format!("{number} {invited} INVITE").into()));
        let (shared, mut dialog) = (Arc::clone(shared), dialog.clone());
        tokio::spawn(async move {
            if let Err(error) = Box::pin(dialog.ask(&shared, request)).await {
                tracing::debug!(%error, "a provisional answer could not be acknowledged");
            }
        });
        Ok(true)
    }

    /// The numbers that were taken in the early dialog of the one that answered go on in its own.
    pub(super) fn go_on_in(&self, answered: &mut Dialog) {
        for (dialog, _) in &self.0 {
            if dialog.remote_tag == answered.remote_tag {
                answered.went_on(dialog);
            }
        }
    }
}
