//! An answer to a request that goes no further (RFC 3261, section 8.2.7).

use std::{fmt::Write as _, net::SocketAddr};

use sha2::{Digest as _, Sha256};

use crate::digest::hexadecimal;

use super::{
    head::{Head, outside},
    rules::Broken,
};

/// The answer that says which rule a request from there breaks.
pub(super) fn answer(broken: &Broken, head: &Head<'_>, from: SocketAddr) -> Vec<u8> {
    let mut text = format!("SIP/2.0 {} {}\r\n", broken.code(), broken.phrase());
    let mut line = |name: &str, value: &str| {
        // What came in a line leaves in a line.
        let value: String = value.chars().filter(|character| !character.is_control()).collect();
        // Writing to a string does not fail.
        let _ = write!(text, "{name}: {value}\r\n");
    };
    for (index, via) in head.all("Via").enumerate() {
        if index == 0 {
            line("Via", &seen_from(via, from));
        } else {
            line("Via", via);
        }
    }
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let value = head.first(name).unwrap_or_default();
        if name == "To" && !value.to_ascii_lowercase().contains("tag") {
            line(name, &format!("{value};tag={}", tag(head)));
        } else {
            line(name, value);
        }
    }
    if let Some((name, value)) = broken.header() {
        line(name, value);
    }
    line("Content-Length", "0");
    text.push_str("\r\n");
    text.into_bytes()
}

/// The uppermost `Via` with where the request came from (RFC 3261, section 18.2.1; RFC 3581, section 4).
fn seen_from(via: &str, from: SocketAddr) -> String {
    let first: String = outside(via)
        .take_while(|(character, is_outside)| !(*is_outside && *character == ','))
        .map(|(character, _)| character)
        .collect();
    let rest = &via[first.len()..];
    let mut seen: Vec<String> = Vec::new();
    for part in first.split(';') {
        match part.trim() {
            "rport" => seen.push(format!("rport={}", from.port())),
            part => seen.push(part.to_owned()),
        }
    }
    seen.push(format!("received={}", from.ip()));
    seen.join(";") + rest
}

/// Our tag: the same for the same request, because nothing is kept of it.
fn tag(head: &Head<'_>) -> String {
    let mut seal = Sha256::new();
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        seal.update(head.first(name).unwrap_or_default());
        seal.update([0]);
    }
    hexadecimal(&seal.finalize()[..6])
}
