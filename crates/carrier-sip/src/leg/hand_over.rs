//! How a call that comes in is handed to the engine.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError},
};

use outdial_domain::LegId;
use outdial_engine::ports::{IncomingLeg, LegHandle};
use rsipstack::{
    sip::{Header, HeadersExt, Request, StatusCode},
    transaction::Transaction,
};
use tokio::sync::mpsc;

use crate::{
    caller,
    dialog::Dialog,
    flow::{Flow, OURSELVES},
    headers::Fault,
    legs::Line,
    start::Shared,
    trunk::Trunk,
};

use super::{Entry, Leg, WAITING, events::Events, local, requests::quotable, sound::Sound, take::later};

/// The options that we know.
const KNOWN: [&str; 2] = ["timer", "100rel"];

/// The place of a call that comes in among the legs.
pub(super) struct Entered {
    entry: Entry,
    line: Arc<Line>,
    requests: mpsc::Receiver<Box<Transaction>>,
}

impl Entered {
    /// Enters it, with a trace that begins with its INVITE; none if it is there already.
    pub(super) fn of(shared: &Shared, transaction: &Transaction) -> Option<Self> {
        let call_id = transaction.original.call_id_header().ok()?.value().trim().to_owned();
        let (line, requests) = super::line();
        if let Some(invited) = shared.witness.invited(transaction) {
            line.trace.lock().unwrap_or_else(PoisonError::into_inner).keep(invited);
        }
        if !shared.legs.enter(&call_id, Arc::clone(&line)) {
            return None;
        }
        let entry = Entry {
            legs: Arc::clone(&shared.legs),
            call_id,
            leg: shared.ids.make(LegId::new),
        };
        Some(Self { entry, line, requests })
    }
}

/// The status that refuses a caller, and what is said with it.
pub(super) type Refused = (StatusCode, Vec<Header>);

/// A call that the engine has.
pub(super) struct Handed {
    pub(super) leg: Leg,
    pub(super) dialog: Dialog,
    /// Our address as the caller sees it.
    pub(super) ours: IpAddr,
}

/// Hands a call to the engine, which answers or refuses its leg. Until then it takes neither ports nor a place.
pub(super) fn hand_over(
    shared: &Arc<Shared>,
    transaction: &Transaction,
    trunk: &Arc<Trunk>,
    entered: Entered,
) -> Result<Handed, Refused> {
    let unknown = unknown_options(&transaction.original);
    if !unknown.is_empty() {
        let unknown = Header::Unsupported(unknown.join(", ").into());
        return Err((StatusCode::BadExtension, vec![unknown]));
    }
    let parties = caller::parties(&transaction.original, trunk);
    let (from, to) = parties.ok_or((StatusCode::AddressIncomplete, Vec::new()))?;
    let prepared = prepare(shared, transaction, trunk, entered);
    let (handed, handle) = prepared.map_err(|(status, reason)| {
        tell(shared, &trunk.settings.name, &reason);
        let warning = Header::Warning(format!("399 outdial \"{}\"", quotable(&reason)).into());
        (status, vec![warning])
    })?;
    let incoming = IncomingLeg {
        leg: handed.leg.entry.leg,
        trunk: trunk.settings.name.clone(),
        from,
        to,
        handle,
    };
    match shared.incoming.try_send(incoming) {
        Ok(()) => Ok(handed),
        Err(_) => {
            let status = StatusCode::ServiceUnavailable;
            let wait = later(&status).into_iter().collect();
            Err((status, wait))
        }
    }
}

/// Says in the log that a call is refused, and only how many more are when they come one after the other.
fn tell(shared: &Shared, trunk: &str, reason: &str) {
    let (far, why) = (trunk.to_owned(), reason.to_owned());
    let more = move |calls| tracing::info!(trunk = far, reason = why, calls, "more calls that came in are refused");
    if shared.refusals.is_first(&format!("{trunk} {reason}"), more) {
        tracing::info!(trunk, reason, "a call that came in is refused");
    }
}

type Prepared = (Handed, LegHandle);

/// Everything that a leg needs, or the status that says what is missing.
fn prepare(
    shared: &Arc<Shared>,
    transaction: &Transaction,
    trunk: &Arc<Trunk>,
    entered: Entered,
) -> Result<Prepared, (StatusCode, String)> {
    let request = &transaction.original;
    let flow = Flow::of_request(shared, transaction, trunk)
        .map_err(|Fault(fault)| (StatusCode::ServerInternalError, fault))?;
    let dialog = Dialog::of_invite(request, &flow, flow.contact(OURSELVES), trunk.challenges())
        .map_err(|Fault(fault)| (StatusCode::BadRequest, fault))?;
    let Entered { entry, line, requests } = entered;
    line.note(flow.hop.address.ip());
    let ours = flow.reach.ip();
    let (local, random) = local(shared, SocketAddr::new(ours, 0), ours, Some(trunk));
    let sound = Sound::new(None, local, random, trunk.settings.silent_after);
    if !request.body.is_empty() {
        sound
            .check(&request.body)
            .map_err(|error| (StatusCode::NotAcceptableHere, error.to_string()))?;
    }
    let (command_sender, commands) = mpsc::channel(WAITING);
    let (events, receiver) = Events::new();
    let handle = LegHandle {
        events: receiver,
        commands: command_sender,
    };
    let leg = Leg {
        shared: Arc::clone(shared),
        events,
        commands,
        requests,
        sound,
        line,
        trunk: Some(Arc::clone(trunk)),
        entry,
        _place: None,
    };
    Ok((Handed { leg, dialog, ours }, handle))
}

fn unknown_options(request: &Request) -> Vec<String> {
    request
        .headers
        .iter()
        .filter_map(|header| match header {
            Header::Require(value) => Some(value.value()),
            _ => None,
        })
        .flat_map(|value| value.split(','))
        .map(|option| option.trim().to_ascii_lowercase())
        .filter(|option| !option.is_empty() && !KNOWN.contains(&option.as_str()))
        .take(10)
        .collect()
}
