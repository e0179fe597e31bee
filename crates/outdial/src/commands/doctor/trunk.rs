//! One SIP trunk, closely, as far as it can be looked at without ringing anybody.

use std::net::IpAddr;

use outdial_carrier_sip::{ProbeError, ProbeReport};
use outdial_engine::ports::{Clock as _, SystemClock};

use super::Finding;
use crate::{config::Trunk, server::Server};

/// Clocks that differ by less do no harm: certificates and logs are compared by minutes.
const SKEW: i64 = 60;

pub(super) async fn findings(server: &Server, trunk: &Trunk) -> Vec<Finding> {
    let name = trunk.name.as_str();
    let Some(sip) = &server.sip else {
        return vec![Finding::new("sip", Err("SIP does not run".to_owned()))];
    };
    let places = sip.leads_to(name).await;
    let leads = places.is_ok();
    let places = places
        .map(|places| format!("{} leads to {}", trunk.host, places.join(", then ")))
        .map_err(|error| error.to_string());
    let mut findings = vec![Finding::new("name", places)];
    if !leads {
        return findings;
    }
    let what = format!("trunk {name}");
    match sip.probe(name).await {
        Ok(report) => {
            findings.push(Finding::new(what, Ok(report.to_string())));
            if trunk.register {
                findings.push(Finding::new("registration", Ok("it lets us register".to_owned())));
            }
            findings.extend(told(&report));
        }
        Err(ProbeError::NotRegistered(reason)) => {
            findings.push(Finding::new(what, Ok("it answers OPTIONS".to_owned())));
            findings.push(Finding::new("registration", Err(reason)));
        }
        Err(error) => findings.push(Finding::new(what, Err(error.to_string()))),
    }
    findings
}

/// What the far side told by its answer.
fn told(report: &ProbeReport) -> Vec<Finding> {
    let now = SystemClock.now().as_second();
    let mut findings = Vec::new();
    findings.extend(report.via.as_deref().map(|via| Finding::new("nat", translated(via))));
    findings.extend(
        report
            .date
            .as_deref()
            .map(|date| Finding::new("clock", clock(date, now))),
    );
    findings
}

/// Whether somebody between changed our address (RFC 3581): what we said of ourselves is in the `Via`
/// beside what the far side saw.
fn translated(via: &str) -> Result<String, String> {
    let mut parts = via.split(';').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let said = first.split_whitespace().last().unwrap_or_default();
    let (mut host, mut port) = (None, None);
    for part in parts {
        match part.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("received") => host = Some(value),
            Some((name, value)) if name.eq_ignore_ascii_case("rport") => port = Some(value),
            _ => {}
        }
    }
    let (said_host, said_port) = host_and_port(said);
    let seen_host = host.unwrap_or(said_host);
    let address = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let Some(seen) = address(seen_host) else {
        return Ok("it does not say where it sees us".to_owned());
    };
    if Some(seen) != address(said_host) {
        return Err(format!(
            "we say that we are at {said_host}, and it sees us at {seen}: set `[sip] advertise = \"{seen}\"`, and let the \
             router pass the ports of `[sip]` and `[media]` on to this machine"
        ));
    }
    // Of a connection, our port is one that nobody needs to know.
    match port.filter(|port| !port.is_empty() && *port != said_port && first.to_ascii_uppercase().contains("/UDP")) {
        Some(port) => Err(format!(
            "we say that we are at port {said_port}, and it sees us at {port}: let the router pass the port of `[sip]` on \
             unchanged, or set `nat_keep_alive` for this trunk"
        )),
        None if host.is_none() && port.is_none() => Ok("it does not say where it sees us".to_owned()),
        None => Ok(format!("it sees us where we say we are, at {said}")),
    }
}

/// The port of an address that names none is the usual one.
fn host_and_port(text: &str) -> (&str, &str) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, "5060"),
    }
}

fn clock(date: &str, now: i64) -> Result<String, String> {
    let Ok(theirs) = jiff::fmt::rfc2822::parse(date) else {
        return Ok("it tells a time that cannot be read".to_owned());
    };
    let ahead = theirs.timestamp().as_second() - now;
    if ahead.abs() > SKEW {
        return Err(format!(
            "its clock is {} s {} ours: look at this machine's clock first (certificates and logs need it), then tell them",
            ahead.abs(),
            if ahead > 0 { "ahead of" } else { "behind" }
        ));
    }
    Ok(format!("its clock and ours differ by {} s at most", ahead.abs() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translators_are_seen() {
        let of = |via: &str| translated(&format!("SIP/2.0/{via}"));
        assert!(of("UDP 192.0.2.9:5070;branch=z;rport=5070;received=192.0.2.9").is_ok());
        assert!(
            of("UDP 192.0.2.9;rport=5060;branch=z")
                .unwrap()
                .contains("where we say")
        );
        assert!(of("UDP 192.0.2.9:5070;branch=z").unwrap().contains("does not say"));
        let changed = of("UDP 10.0.0.9:5070;RECEIVED=198.51.100.7;rport=5070").unwrap_err();
        assert!(changed.contains("advertise = \"198.51.100.7\""), "{changed}");
        let moved = of("UDP 192.0.2.9:5070;rport=61000;received=192.0.2.9").unwrap_err();
        assert!(moved.contains("at 61000"), "{moved}");
        assert!(of("TLS [2001:db8::9]:5061;rport=40000;received=2001:db8::9").is_ok());
        assert!(of("UDP [2001:db8::9];received=2001:db8::7").is_err());
        for nonsense in ["", "UDP", "UDP ;received=;rport=", "UDP a:b:c;received=x"] {
            let _ = of(nonsense);
        }
    }

    #[test]
    fn clocks_that_differ_are_told() {
        let now = "2026-11-20T08:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
        assert!(clock("Fri, 20 Nov 2026 08:00:30 GMT", now).is_ok());
        let ahead = clock("Fri, 20 Nov 2026 09:00:00 GMT", now).unwrap_err();
        assert!(ahead.contains("3600 s ahead of"), "{ahead}");
        assert!(
            clock("Thu, 19 Nov 2026 08:00:00 GMT", now)
                .unwrap_err()
                .contains("behind")
        );
        assert!(clock("noon", now).is_ok());
    }
}
