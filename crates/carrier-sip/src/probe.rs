//! Asks a trunk whether it is there, without ringing anybody: an OPTIONS request (RFC 3261, section 11).

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use rsipstack::{
    dialog::invitation::InviteOption,
    sip::{Header, HeadersExt, Method, SipMessage, StatusCodeKind, Transport},
    transaction::{
        Transaction,
        key::{TransactionKey, TransactionRole},
    },
    transport::SipAddr,
};

use crate::{
    config::SipTrunk,
    start::Shared,
    target::{self, Target},
};

/// A trunk that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    /// Where it answered from.
    pub address: SocketAddr,
    /// The SIP status. Any answer shows that somebody who speaks SIP is there.
    pub status: u16,
    /// How long the answer took.
    pub took: Duration,
}

/// Why nothing is known about a trunk, or it is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// There is no such trunk.
    #[error("there is no SIP trunk named `{0}`")]
    NoTrunk(String),
    /// Its name leads nowhere.
    #[error("the host `{host}` cannot be resolved: {reason}. Check the name, and this machine's name servers")]
    Unresolved {
        /// The host.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nothing came back.
    #[error(
        "{address} did not answer within {} s: check the address and port, and whether a firewall drops UDP",
        within.as_secs_f32()
    )]
    Silent {
        /// Who was asked.
        address: SocketAddr,
        /// How long the answer was waited for.
        within: Duration,
    },
    /// The request could not be made or sent.
    #[error("the request could not be sent: {0}")]
    NotSent(String),
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.took.as_secs_f64() * 1_000.0;
        write!(
            f,
            "{} answers OPTIONS with {} after {millis:.1} ms",
            self.address, self.status
        )
    }
}

/// Asks a trunk whether it is there.
pub(crate) async fn probe(shared: &Shared, trunk: &SipTrunk) -> Result<ProbeReport, ProbeError> {
    let address = target::resolve(&trunk.host, trunk.port, shared.local.ip()).await;
    let address = address.map_err(|reason| ProbeError::Unresolved {
        host: trunk.host.clone(),
        reason,
    })?;
    let mut transaction = request(shared, trunk, address)?;
    let started = Instant::now();
    transaction.send().await.map_err(not_sent)?;
    let answer = async {
        while let Some(message) = transaction.receive().await {
            if let SipMessage::Response(response) = message
                && response.status_code.kind() != StatusCodeKind::Provisional
            {
                return Some(response.status_code.code());
            }
        }
        None
    };
    let within = shared.patience();
    let status = tokio::time::timeout(within, answer).await.ok().flatten();
    // A transaction that times out answers itself with 408; a far side would not say that to OPTIONS.
    let status = status
        .filter(|status| *status != 408)
        .ok_or(ProbeError::Silent { address, within })?;
    Ok(ProbeReport {
        address,
        status,
        took: started.elapsed(),
    })
}

fn not_sent(error: impl fmt::Display) -> ProbeError {
    ProbeError::NotSent(error.to_string())
}

fn request(shared: &Shared, trunk: &SipTrunk, address: SocketAddr) -> Result<Transaction, ProbeError> {
    let uri = Target::of_trunk(trunk).map_err(not_sent)?;
    let request = shared.layer.make_invite_request(&InviteOption {
        caller: uri.clone(),
        callee: uri.clone(),
        contact: uri,
        ..InviteOption::default()
    });
    let mut request = request.map_err(not_sent)?;
    request.method = Method::Options;
    request
        .headers
        .retain(|header| !matches!(header, Header::Contact(_) | Header::ContentType(_)));
    let number = request.cseq_header_mut().map_err(not_sent)?;
    number.mut_method(Method::Options).map_err(not_sent)?;
    let key = TransactionKey::from_request(&request, TransactionRole::Client).map_err(not_sent)?;
    let mut transaction = Transaction::new_client(key, request, shared.endpoint.clone(), None);
    transaction.destination = Some(SipAddr::new(Transport::Udp, address.into()));
    Ok(transaction)
}
