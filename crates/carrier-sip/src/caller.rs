//! Who calls whom, as an INVITE tells it.

use outdial_domain::Address;
use rsipstack::sip::{Header, HeadersExt, Request, Uri, prelude::ToTypedHeader as _, typed, uri::Host};

use crate::trunk::Trunk;

/// Who calls, unless that is withheld, and whom; nothing if nobody was called.
///
/// A trunk is trusted, so what it asserts of its caller counts before what the caller says (RFC 3325).
pub(crate) fn parties(request: &Request, trunk: &Trunk) -> Option<(Option<Address>, Address)> {
    let to: typed::To = request.to_header().ok()?.typed().ok()?;
    let called = if trunk.is_registered_as(&request.uri) {
        called_party(request).or_else(|| address(&to.uri))
    } else {
        address(&request.uri).or_else(|| address(&to.uri))
    };
    let from: Option<typed::From> = request.from_header().ok().and_then(|from| from.typed().ok());
    let withheld = is_private(request) || from.as_ref().is_some_and(|from| is_anonymous(&from.uri));
    let caller = match withheld {
        true => None,
        false => asserted(request).or_else(|| from.and_then(|from| address(&from.uri))),
    };
    Some((caller, called?))
}

/// The number or the address in a URI.
fn address(uri: &Uri) -> Option<Address> {
    let user = uri
        .auth
        .as_ref()
        .map(|auth| auth.user.as_str())
        .filter(|user| !user.is_empty())?;
    let number = user.split(';').next().unwrap_or(user);
    if number
        .bytes()
        .all(|octet| octet.is_ascii_digit() || b"+*#-.()".contains(&octet))
    {
        return Address::parse(number).ok();
    }
    let host = &uri.host_with_port;
    Address::parse(&format!("sip:{}@{host}", uri.auth.as_ref()?)).ok()
}

/// Who is meant where the Request-URI is only the way to us (RFC 7315).
fn called_party(request: &Request) -> Option<Address> {
    let value = request.header_value("P-Called-Party-ID")?;
    address(&typed::From::parse(&value).ok()?.uri)
}

fn asserted(request: &Request) -> Option<Address> {
    request.headers.iter().find_map(|header| match header {
        Header::PAssertedIdentity(value) => address(&typed::From::parse(first_of(value.value())).ok()?.uri),
        _ => None,
    })
}

/// The first entry of a list; commas between quotes or angle brackets separate nothing.
fn first_of(list: &str) -> &str {
    let (mut quoted, mut bracketed) = (false, false);
    let end = list.char_indices().find_map(|(at, character)| {
        match character {
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' if !quoted && !bracketed => return Some(at),
            _ => {}
        }
        None
    });
    &list[..end.unwrap_or(list.len())]
}

/// Whether the caller wants not to be known (RFC 3323, RFC 3325).
fn is_private(request: &Request) -> bool {
    request.headers.iter().any(|header| match header {
        Header::Privacy(value) => value
            .value()
            .split([';', ','])
            .any(|word| matches!(word.trim().to_ascii_lowercase().as_str(), "id" | "user" | "header")),
        _ => false,
    })
}

fn is_anonymous(uri: &Uri) -> bool {
    let by_host = match &uri.host_with_port.host {
        Host::Domain(name) => name.0.eq_ignore_ascii_case("anonymous.invalid"),
        Host::IpAddr(_) => false,
    };
    by_host
        || uri
            .auth
            .as_ref()
            .is_some_and(|auth| auth.user.eq_ignore_ascii_case("anonymous"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SipTrunk;

    fn shown(uri: &str, headers: &str) -> Option<(String, String)> {
        let text = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP far;branch=z9hG4bK1\r\nTo: <sip:100@us>\r\nCall-ID: 1\r\n\
             CSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        let request = text.as_str().try_into().unwrap();
        let trunk = Trunk::new(SipTrunk::new("t", "far", 5060)).unwrap();
        let (from, to) = parties(&request, &trunk)?;
        Some((from.map(|from| from.to_string()).unwrap_or_default(), to.to_string()))
    }

    #[test]
    fn callers_and_called_are_found_wherever_they_stand() {
        for (uri, headers, from, to) in [
            (
                "sip:+6561234567@us",
                "From: \"X\" <sip:+6591112222@far>;tag=1\r\n",
                "+6591112222",
                "+6561234567",
            ),
            ("sip:us", "From: <sip:alice@far>;tag=1\r\n", "sip:alice@far", "100"),
            (
                "sip:bob@us:5070",
                "From: <sip:100@far>;tag=1\r\n",
                "100",
                "sip:bob@us:5070",
            ),
            (
                "sip:1@us",
                "From: <sip:2@far>;tag=1\r\nP-Asserted-Identity: \"A, B\" <sip:+6598765432@far>, <tel:+1>\r\n",
                "+6598765432",
                "1",
            ),
            (
                "sip:1@us",
                "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1\r\n",
                "",
                "1",
            ),
            (
                "sip:1@us",
                "From: <sip:2@far>;tag=1\r\nPrivacy: id\r\nP-Asserted-Identity: <sip:+6598765432@far>\r\n",
                "",
                "1",
            ),
        ] {
            assert_eq!(shown(uri, headers), Some((from.into(), to.into())), "{uri} {headers}");
        }
    }
}
