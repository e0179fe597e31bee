//! A request other than INVITE, and what is said to it.

use rsipstack::{
    sip::{Request, Response, SipMessage, StatusCodeKind},
    transaction::Transaction,
};

use crate::{
    challenge::{Challenges, Unanswered},
    digest::hexadecimal,
    flow::Flow,
    headers::{self, Fault},
    start::Shared,
};

/// Why there is no answer to a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// It could not be made, or the connection broke under it.
    #[error("the request could not be sent: {0}")]
    NotSent(String),
    /// Nothing came back while it was repeated.
    #[error("no answer came")]
    Silent,
    /// It was answered with a challenge that we cannot meet.
    #[error("the far side answered {code}: {why}")]
    Unanswered {
        /// 401 or 407.
        code: u16,
        /// What to do about it.
        why: Unanswered,
        /// The challenge.
        response: Box<Response>,
    },
}

impl From<Fault> for AskError {
    fn from(Fault(fault): Fault) -> Self {
        Self::NotSent(fault)
    }
}

/// Sends a request, repeats it as the timers say, meets challenges, and gives its final response.
///
/// It must not be dropped halfway: the transaction does things while it waits. Spawn it where nobody
/// can wait for it to the end.
pub(crate) async fn ask(
    shared: &Shared,
    flow: &mut Flow,
    mut request: Request,
    challenges: &mut Challenges,
) -> Result<Response, AskError> {
    loop {
        flow.refresh(shared).await?;
        let mut transaction = flow.transaction(shared, request)?;
        transaction.send().await.map_err(Fault::from)?;
        let response = last(&mut transaction).await.ok_or(AskError::Silent)?;
        let code = response.status_code.code();
        if let Some(why) = headers::not_arrived(&response) {
            return Err(AskError::NotSent(why.to_owned()));
        }
        match code {
            408 if headers::is_own(&response) => return Err(AskError::Silent),
            401 | 407 => {
                request = match challenges.answer(&transaction.original, &response, &cnonce(shared)) {
                    Ok(request) => request,
                    Err(why) => {
                        let response = Box::new(response);
                        return Err(AskError::Unanswered { code, why, response });
                    }
                };
            }
            _ => {
                challenges.accepted();
                return Ok(response);
            }
        }
    }
}

/// Random text for a digest.
pub(crate) fn cnonce(shared: &Shared) -> String {
    hexadecimal(&shared.ids.secret()[..8])
}

async fn last(transaction: &mut Transaction) -> Option<Response> {
    while let Some(message) = transaction.receive().await {
        if let SipMessage::Response(response) = message
            && response.status_code.kind() != StatusCodeKind::Provisional
        {
            return Some(response);
        }
    }
    None
}
