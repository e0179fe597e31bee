//! The SIP side of the phones: the exchange that all calls come in by, and what it needs to read and write.

pub(crate) mod challenge;
pub(crate) mod exchange;
mod inspector;
pub(crate) mod sdp;
pub(crate) mod switchboard;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{HasHeaders, Header, Request};

/// The value of a header without a type of its own in the library, by its name in any case.
pub(crate) fn content_type(request: &Request) -> String {
    let mut headers = request.headers().iter();
    headers
        .find_map(|header| match header {
            Header::ContentType(value) => Some(value.value().to_owned()),
            _ => None,
        })
        .unwrap_or_default()
}

pub(crate) fn call_id(request: &Request) -> String {
    request
        .call_id_header()
        .map(|header| header.value().to_owned())
        .unwrap_or_default()
}

/// The user part of the caller's address; empty where there is none.
pub(crate) fn caller(request: &Request) -> String {
    let uri = request.from_header().ok().and_then(|from| from.uri().ok());
    uri.and_then(|uri| uri.user().map(unescaped)).unwrap_or_default()
}

/// The user part of the request URI, without parameters of its own (`+65…;phone-context=…`).
pub(crate) fn number(request: &Request) -> String {
    let user = request.uri.user().map(unescaped).unwrap_or_default();
    user.split(';').next().unwrap_or_default().to_owned()
}

/// Undoes the escapes of a user part (RFC 3261, section 25.1).
fn unescaped(user: &str) -> String {
    let mut octets = Vec::with_capacity(user.len());
    let mut rest = user.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = escape
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        octets.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        let cases = [
            ("%2B65", "+65"),
            ("100", "100"),
            ("a%", "a%"),
            ("%zz1", "%zz1"),
            ("%F6", "\u{fffd}"),
            ("é%20", "é "),
        ];
        for (user, expected) in cases {
            assert_eq!(unescaped(user), expected);
        }
    }
}
