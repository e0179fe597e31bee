//! Asks a trunk whether it is there, without ringing anybody: an OPTIONS request (RFC 3261, section 11).

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use rsipstack::sip::{Header, HeadersExt as _, Method, Request, Response, Transport, typed};
use rsipstack::transaction::make_tag;

use crate::{
    ask::{AskError, ask},
    flow::Flow,
    headers::Fault,
    names::Hop,
    start::Shared,
    target::Target,
    trunk::Trunk,
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
    /// Our own top `Via` as it came back, with where the far side sees us (RFC 3581), if it says so.
    pub via: Option<String>,
    /// Its `Date`, where it tells the time.
    pub date: Option<String>,
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
        "{address} did not answer within {} s{}",
        within.as_secs_f32(),
        if *connected {
            ", though it took the connection: check that it is a SIP server, and that it knows us"
        } else {
            ": check the address and port, and whether a firewall drops UDP"
        }
    )]
    Silent {
        /// Who was asked.
        address: SocketAddr,
        /// Whether a connection came about.
        connected: bool,
        /// How long the answer was waited for.
        within: Duration,
    },
    /// It is there, but does not let us register, so that its calls do not find us.
    #[error("it is there, but we cannot register at it: {0}")]
    NotRegistered(String),
    /// No connection, or none that can be trusted.
    #[error("{address} cannot be asked: {reason}")]
    NotSent {
        /// Who was to be asked.
        address: SocketAddr,
        /// What went wrong.
        reason: String,
    },
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
pub(crate) async fn probe(shared: &Shared, trunk: &Trunk) -> Result<ProbeReport, ProbeError> {
    let hops = shared.names.hops(&trunk.settings.place()).await;
    let hops = hops.map_err(|reason| ProbeError::Unresolved {
        host: trunk.settings.host.clone(),
        reason,
    })?;
    let mut reports = Vec::with_capacity(hops.len());
    for hop in hops {
        match probe_hop(shared, trunk, hop).await {
            Ok(report) => return Ok(report),
            Err(error) => reports.push(error),
        }
    }
    Err(reports.swap_remove(0))
}

/// Asks one of the trunk's servers.
pub(crate) async fn probe_hop(shared: &Shared, trunk: &Trunk, hop: Hop) -> Result<ProbeReport, ProbeError> {
    let address = hop.address;
    let not_sent = |error: String| ProbeError::NotSent { address, reason: error };
    let mut flow = Flow::open(shared, hop, &trunk.door).await.map_err(not_sent)?;
    let request = request(shared, trunk, &flow).map_err(|Fault(fault)| not_sent(fault))?;
    let mut challenges = trunk.challenges();
    let started = Instant::now();
    let (status, via, date) = match ask(shared, &mut flow, request, &mut challenges).await {
        Ok(response) => told(&response),
        // Whoever asks for a password is there.
        Err(AskError::Unanswered { response, .. }) => told(&response),
        Err(AskError::NotSent(reason)) => return Err(not_sent(reason)),
        Err(AskError::Silent) => {
            let within = shared.patience();
            let connected = hop.transport != Transport::Udp;
            return Err(ProbeError::Silent {
                address,
                connected,
                within,
            });
        }
    };
    Ok(ProbeReport {
        address,
        status,
        took: started.elapsed(),
        via,
        date,
    })
}

/// Its status, our `Via` as it came back, and its `Date`.
fn told(response: &Response) -> (u16, Option<String>, Option<String>) {
    let via = response.via_header().ok().map(|via| via.value().to_owned());
    (response.status_code.code(), via, date(response))
}

fn date(response: &Response) -> Option<String> {
    response.headers.iter().find_map(|header| match header {
        Header::Date(date) => Some(date.value().to_owned()),
        _ => None,
    })
}

fn request(shared: &Shared, trunk: &Trunk, flow: &Flow) -> Result<Request, Fault> {
    let uri = Target::of_trunk(&trunk.settings).map_err(Fault)?;
    let mut request = shared.endpoint.make_request(
        Method::Options,
        uri.clone(),
        flow.via(shared)?,
        typed::From::from(uri.clone()).with_tag(make_tag()),
        typed::To::from(uri),
        1,
        None,
    );
    request.headers.extend(trunk.proxy().into_iter().collect());
    Ok(request)
}
