//! Network address translators: between us and the far side as its signalling sees us, and before the far
//! side as its sound comes to us.

use std::net::IpAddr;

use outdial_engine::ports::FarSound;

use super::Finding;

const WHAT: &str = "nat";
const OF_SOUND: &str = "nat of its sound";

/// Whether somebody between changed our address (RFC 3581): what we said of ourselves is in the `Via`
/// beside what the far side saw.
pub(super) fn signalling(via: Option<&str>) -> Finding {
    match via.map(translated) {
        Some(Some(result)) => Finding::new(WHAT, result),
        Some(None) | None => Finding::not_known(
            WHAT,
            "it does not say where it sees us. If its calls or its sound do not arrive, set `[sip] advertise` to the \
             address that the world sees",
        ),
    }
}

/// `None` where it does not say where it sees us.
fn translated(via: &str) -> Option<Result<String, String>> {
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
    let seen = address(seen_host)?;
    if Some(seen) != address(said_host) {
        return Some(Err(format!(
            "we say that we are at {said_host}, and it sees us at {seen}: set `[sip] advertise = \"{seen}\"`, and let the \
             router pass the ports of `[sip]` and `[media]` on to this machine"
        )));
    }
    // Of a connection, our port is one that nobody needs to know.
    match port.filter(|port| !port.is_empty() && *port != said_port && first.to_ascii_uppercase().contains("/UDP")) {
        Some(port) => Some(Err(format!(
            "we say that we are at port {said_port}, and it sees us at {port}: let the router pass the port of `[sip]` on \
             unchanged, or set `nat_keep_alive` for this trunk"
        ))),
        None if host.is_none() && port.is_none() => None,
        None => Some(Ok(format!("it sees us where we say we are, at {said}"))),
    }
}

/// The port of an address that names none is the usual one.
fn host_and_port(text: &str) -> (&str, &str) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, "5060"),
    }
}

/// Whether the sound of the far side came from where it said.
pub(super) fn sound(far: Option<FarSound>) -> Finding {
    let Some(FarSound { said, from }) = far else {
        return Finding::not_known(OF_SOUND, "no sound came");
    };
    let detail = match (
        said.ip().to_canonical() == from.ip().to_canonical(),
        said.port() == from.port(),
    ) {
        (true, true) => format!("its sound comes from where it said, {said}"),
        (true, false) => format!("its sound comes from {from}, another port than it said ({said}); we send there, too"),
        (false, _) => format!(
            "it said that its sound is at {said}, and it comes from {from}: it is behind a translator. We send to where it \
             comes from, so nothing is heard there until it sends first"
        ),
    };
    Finding::new(OF_SOUND, Ok(detail))
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn translators_are_seen() {
        let of = |via: &str| {
            let found = signalling(Some(&format!("SIP/2.0/{via}")));
            (found.verdict, found.detail)
        };
        assert_eq!(
            of("UDP 192.0.2.9:5070;branch=z;rport=5070;received=192.0.2.9").0,
            Verdict::Ok
        );
        assert!(of("UDP 192.0.2.9;rport=5060;branch=z").1.contains("where we say"));
        assert_eq!(of("UDP 192.0.2.9:5070;branch=z").0, Verdict::NotKnown);
        let (verdict, changed) = of("UDP 10.0.0.9:5070;RECEIVED=198.51.100.7;rport=5070");
        assert!(
            verdict == Verdict::Wrong && changed.contains("advertise = \"198.51.100.7\""),
            "{changed}"
        );
        let (verdict, moved) = of("UDP 192.0.2.9:5070;rport=61000;received=192.0.2.9");
        assert!(verdict == Verdict::Wrong && moved.contains("at 61000"), "{moved}");
        assert_eq!(
            of("TLS [2001:db8::9]:5061;rport=40000;received=2001:db8::9").0,
            Verdict::Ok
        );
        assert_eq!(of("UDP [2001:db8::9];received=2001:db8::7").0, Verdict::Wrong);
        for nonsense in ["", "UDP", "UDP ;received=;rport=", "UDP a:b:c;received=x"] {
            assert_ne!(of(nonsense).0, Verdict::Ok);
        }
        assert_eq!(signalling(None).verdict, Verdict::NotKnown);
    }

    #[test]
    fn sound_from_elsewhere_is_told() {
        let of = |said: &str, from: &str| {
            let (said, from) = (said.parse().unwrap(), from.parse().unwrap());
            sound(Some(FarSound { said, from })).detail
        };
        assert!(of("192.0.2.1:4000", "192.0.2.1:4000").contains("where it said"));
        assert!(of("192.0.2.1:4000", "192.0.2.1:4002").contains("another port"));
        assert!(of("10.0.0.1:4000", "192.0.2.1:4000").contains("behind a translator"));
        assert_eq!(sound(None).verdict, Verdict::NotKnown);
    }
}
