//! One SIP trunk, closely, as far as it can be looked at without ringing anybody.

use std::net::SocketAddr;

use outdial_carrier_sip::{Lead, ProbeError, ProbeReport, Reached, SipCarrier, Way};
use outdial_engine::ports::{Clock as _, SystemClock};

use super::{Finding, clock, nat, tls};
use crate::{
    config::{Transport, Trunk},
    server::Server,
};

/// What is looked at only where a way leads there.
const UNREACHED: &str = "not looked at, because no way leads there: mend that first";

pub(super) async fn findings(server: &Server, trunk: &Trunk) -> Vec<Finding> {
    let Some(sip) = &server.sip else {
        return vec![Finding::new("sip", Err("SIP does not run".to_owned()))];
    };
    let leads = match sip.leads_to(&trunk.name).await {
        Ok(leads) => leads,
        Err(error) => return vec![Finding::new("name", Err(error.to_string()))],
    };
    let mut findings = vec![Finding::new("name", named(&trunk.host, &leads))];
    let usable: Vec<&Lead> = leads.iter().filter(|lead| lead.usable).collect();
    if usable.is_empty() {
        return findings;
    }
    let probed = sip.probe(&trunk.name).await;
    let last = asked_last(&probed).and_then(|last| usable.iter().position(|lead| lead.address() == last));
    let mut ways = Vec::new();
    for (place, lead) in usable.iter().enumerate() {
        let way = sip.way_to(lead).await;
        ways.push(matches!(&way, Ok(way) if is_open(way)));
        let passed_over = last.is_some_and(|last| place < last);
        findings.push(Finding::new("route", routed(lead, way, &probed, passed_over)));
    }
    if trunk.transport == Transport::Tls {
        findings.push(agreed(sip, trunk, &usable, &ways).await);
    }
    findings.extend(answered(trunk, &probed));
    findings
}

/// Where the name leads.
fn named(host: &str, leads: &[Lead]) -> Result<String, String> {
    let list = |usable: bool| {
        let leads = leads.iter().filter(|lead| lead.usable == usable);
        leads.map(ToString::to_string).collect::<Vec<_>>()
    };
    let (usable, others) = (list(true), list(false));
    let others = match others.is_empty() {
        true => String::new(),
        false => format!(
            "; {} is passed over, because `[sip] bind` is of the other kind of address",
            others.join(" and ")
        ),
    };
    match usable.is_empty() {
        true => Err(format!(
            "{host} leads to nothing that we can use{others}. Bind SIP to an address of that kind"
        )),
        false => Ok(format!("{host} leads to {}{others}", usable.join(", then "))),
    }
}

/// Whether messages can be sent by this way.
fn is_open(way: &Way) -> bool {
    matches!(way.reached, Reached::Connected(_) | Reached::Datagrams)
}

/// The last server that was asked: those before it did not answer.
fn asked_last(probed: &Result<ProbeReport, ProbeError>) -> Option<SocketAddr> {
    match probed {
        Ok(report) => Some(report.address),
        Err(ProbeError::Silent { address, .. } | ProbeError::NotSent { address, .. }) => Some(*address),
        Err(_) => None,
    }
}

/// By which way a server is reached, and how far.
fn routed(
    lead: &Lead,
    way: Result<Way, ProbeError>,
    probed: &Result<ProbeReport, ProbeError>,
    passed_over: bool,
) -> Result<String, String> {
    let way = way.map_err(|error| error.to_string())?;
    let there = lead.address();
    let interface = way.interface.map_or_else(String::new, |name| format!(" ({name})"));
    let what = format!("from {}{interface} to {there}", way.local);
    match way.reached {
        Reached::Connected(took) => Ok(format!(
            "{what}: connected over TCP in {:.1} ms",
            took.as_secs_f64() * 1_000.0
        )),
        Reached::Refused => Err(format!(
            "{what}: refused, so nobody listens at TCP port {}. Check `port` and `transport`",
            there.port()
        )),
        Reached::Silent(time) => Err(format!(
            "{what}: silent, no connection over TCP within {} s. Look for a firewall on the way, ours first",
            time.as_secs()
        )),
        Reached::Failed(reason) => Err(format!("{what}: no connection over TCP: {reason}")),
        Reached::Datagrams => match probed {
            Ok(report) if report.address == there => Ok(format!("{what}: answered over UDP")),
            Err(ProbeError::NotRegistered(_)) => Ok(format!("{what}: answered over UDP")),
            Err(ProbeError::Silent { address, within, .. }) if *address == there => Err(format!(
                "{what}: silent over UDP for {:.1} s. Check `host` and `port`, and whether a firewall drops UDP, ours first",
                within.as_secs_f64()
            )),
            Err(ProbeError::NotSent { address, reason }) if *address == there => {
                Err(format!("{what}: {reason}. Check `host`, `port` and `transport`"))
            }
            Ok(_) | Err(_) if passed_over => Err(format!(
                "{what}: did not answer over UDP, so the next one was asked. Calls try this one first: ask who runs it"
            )),
            Ok(_) | Err(_) => Ok(format!("{what}: not asked, because calls try another one first")),
        },
    }
}

/// What was agreed on in TLS with the first server that can be reached.
async fn agreed(sip: &SipCarrier, trunk: &Trunk, leads: &[&Lead], ways: &[bool]) -> Finding {
    let Some((lead, _)) = leads.iter().zip(ways).find(|(_, open)| **open) else {
        return Finding::not_known("tls", UNREACHED);
    };
    let result = match sip.tls_at(&trunk.name, lead).await {
        Ok(report) => tls::judged(&report, SystemClock.now().as_second()),
        Err(error) => Err(error.to_string()),
    };
    Finding::new("tls", result)
}

/// What it says to a question and to a registration, and what that tells.
fn answered(trunk: &Trunk, probed: &Result<ProbeReport, ProbeError>) -> Vec<Finding> {
    let what = format!("trunk {}", trunk.name);
    match probed {
        Ok(report) => {
            let mut findings = vec![Finding::new(what, Ok(report.to_string()))];
            if trunk.register {
                findings.push(Finding::new("registration", Ok("it lets us register".to_owned())));
            }
            findings.push(nat::signalling(report.via.as_deref()));
            let now = SystemClock.now().as_second();
            findings.push(clock::theirs(report.date.as_deref(), now));
            findings
        }
        Err(ProbeError::NotRegistered(reason)) => vec![
            Finding::new(what, Ok("it answers OPTIONS".to_owned())),
            Finding::new("registration", Err(reason.clone())),
        ],
        Err(error) => vec![Finding::new(what, Err(error.to_string()))],
    }
}
