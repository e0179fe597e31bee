//! What a request has to keep to, and what it hears when it does not.

use crate::incoming::ALLOW;

use super::head::{Head, is_balanced, outside};

/// A rule that a request breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It is written wrongly (400).
    Written(&'static str),
    /// Its target is of a scheme that we do not know (416).
    Scheme,
    /// It needs extensions that we do not have (420).
    Extensions(String),
    /// It is longer than we read (513).
    Long,
    /// Its method is one that nobody here knows (501).
    Method,
    /// It is of another version of SIP (505).
    Version,
}

impl Broken {
    /// The status that says so.
    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::Written(_) => 400,
            Self::Scheme => 416,
            Self::Extensions(_) => 420,
            Self::Method => 501,
            Self::Version => 505,
            Self::Long => 513,
        }
    }

    /// The phrase behind the status. That of 400 says what is wrong (RFC 3261, section 21.4.1).
    pub(super) fn phrase(&self) -> &'static str {
        match self {
            Self::Written(what) => what,
            Self::Scheme => "Unsupported URI Scheme",
            Self::Extensions(_) => "Bad Extension",
            Self::Method => "Not Implemented",
            Self::Version => "Version Not Supported",
            Self::Long => "Message Too Large",
        }
    }

    /// The header that says more.
    pub(crate) fn header(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Extensions(missing) => Some(("Unsupported", missing)),
            Self::Method => Some(("Allow", ALLOW)),
            Self::Written(_) | Self::Scheme | Self::Version | Self::Long => None,
        }
    }
}

/// What the library makes sense of. What we do about each is decided later.
const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "INFO",
    "UPDATE",
    "PRACK",
    "REGISTER",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "MESSAGE",
    "REFER",
];

/// Extensions that a request may need.
const EXTENSIONS: [&str; 2] = ["100rel", "timer"];

/// Headers of which there is one (RFC 3261, section 7.3.1).
const SINGLE: [&str; 5] = ["CSeq", "Call-ID", "From", "To", "Max-Forwards"];

/// The first rule that a request breaks.
pub(super) fn broken(head: &Head<'_>) -> Option<Broken> {
    let parts: Vec<&str> = head.start.split(' ').collect();
    let [method, target, version] = parts[..] else {
        return Some(Broken::Written("Blanks in Request-Line"));
    };
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Some(Broken::Version);
    }
    if !METHODS.contains(&method) {
        return Some(Broken::Method);
    }
    wrong_target(target)
        .or_else(|| wrong_lines(head, method).map(Broken::Written))
        .or_else(|| unknown_extensions(head, method))
}

fn wrong_target(target: &str) -> Option<Broken> {
    if target.is_empty() || target.starts_with('<') {
        return Some(Broken::Written("Request-URI In Brackets"));
    }
    let scheme = target.split(':').next().unwrap_or_default();
    if !["sip", "sips", "tel"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(scheme))
    {
        return Some(Broken::Scheme);
    }
    // A user may have a question mark in it, but no headers may follow the host (RFC 3261, section 19.1.1).
    let host = target.rsplit('@').next().unwrap_or(target);
    host.contains('?').then_some(Broken::Written("Headers In Request-URI"))
}

fn wrong_lines(head: &Head<'_>, method: &str) -> Option<&'static str> {
    let required = ["Via", "From", "To", "Call-ID", "CSeq"];
    if required.iter().any(|name| head.first(name).is_none_or(str::is_empty)) {
        return Some("Missing Header");
    }
    if SINGLE.iter().any(|name| head.all(name).count() > 1) {
        return Some("Header Repeated");
    }
    if !is_length(head) {
        return Some("Wrong Content-Length");
    }
    if !is_sequence(head.first("CSeq").unwrap_or_default(), method) {
        return Some("Wrong CSeq");
    }
    let hops = head.first("Max-Forwards");
    if hops.is_some_and(|hops| number(hops).is_none_or(|hops| hops > 255)) {
        return Some("Wrong Max-Forwards");
    }
    let addresses = ["From", "To", "Contact"];
    if !addresses.iter().all(|name| head.all(name).all(is_balanced)) {
        return Some("Quote Not Closed");
    }
    if head.all("Via").any(has_gaps) {
        return Some("Empty Via Parameter");
    }
    (!has_tag(head.first("From").unwrap_or_default())).then_some("Missing From Tag")
}

/// Whether the lengths agree with each other and with what came.
fn is_length(head: &Head<'_>) -> bool {
    let mut lengths = head.all("Content-Length").map(number);
    match lengths.next() {
        None => true,
        Some(first) => {
            first.is_some_and(|octets| octets <= head.body as u64) && lengths.all(|another| another == first)
        }
    }
}

/// Whether it is a number below 2³¹ and the method (RFC 3261, section 8.1.1.5).
fn is_sequence(value: &str, method: &str) -> bool {
    let mut parts = value.split_whitespace();
    let is_number = parts.next().and_then(number).is_some_and(|number| number < 1 << 31);
    is_number && parts.next() == Some(method) && parts.next().is_none()
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// Whether nothing stands between two separators.
fn has_gaps(via: &str) -> bool {
    let mut before = ',';
    for (character, is_outside) in outside(via) {
        if character.is_whitespace() {
            continue;
        }
        let separates = is_outside && matches!(character, ';' | ',');
        if separates && matches!(before, ';' | ',') {
            return true;
        }
        before = if separates { character } else { ' ' };
    }
    before != ' '
}

/// Whether an address has a tag among its parameters.
fn has_tag(address: &str) -> bool {
    let plain: String = outside(address)
        .filter(|(character, is_outside)| *is_outside && !character.is_whitespace())
        .map(|(character, _)| character.to_ascii_lowercase())
        .collect();
    plain.split(';').skip(1).any(|parameter| parameter.starts_with("tag="))
}

fn unknown_extensions(head: &Head<'_>, method: &str) -> Option<Broken> {
    if matches!(method, "ACK" | "CANCEL") {
        return None;
    }
    let needed = head.all("Require").flat_map(|value| value.split(',')).map(str::trim);
    let missing: Vec<&str> = needed
        .filter(|needed| !needed.is_empty() && !EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(needed)))
        .collect();
    (!missing.is_empty()).then(|| Broken::Extensions(missing.join(", ")))
}
