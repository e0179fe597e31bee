//! Where a redirected call goes on, if it may.

use rsipstack::sip::{HeadersExt, Response, Uri, uri::Host};

/// What a leg may do when it is sent elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Redirects {
    /// How often it may be sent on.
    pub(super) left: u8,
    /// The hosts it may be sent to, beside the one it was sent to first.
    pub(super) hosts: Vec<String>,
    /// Whether another number than the one that was asked for may be rung. Which numbers are open is
    /// decided before a leg is rung, so a far side is not to choose another.
    pub(super) other_numbers: bool,
}

impl Redirects {
    /// The places that a redirection names and that may be rung, the likeliest first.
    pub(super) fn allowed(&self, response: &Response, asked: &Uri) -> Vec<Uri> {
        if self.left == 0 {
            return Vec::new();
        }
        let mut named: Vec<(u16, Uri)> = response
            .typed_contact_headers()
            .unwrap_or_default()
            .into_iter()
            .map(|contact| {
                let parameters = contact.params.iter().map(ToString::to_string);
                (likelihood(parameters), contact.uri)
            })
            .collect();
        named.sort_by_key(|(likelihood, _)| std::cmp::Reverse(*likelihood));
        let mut allowed = Vec::new();
        for (_, uri) in named {
            if self.may_ring(&uri, asked) && !allowed.contains(&uri) && allowed.len() < 8 {
                allowed.push(uri);
            }
        }
        allowed
    }

    fn may_ring(&self, uri: &Uri, asked: &Uri) -> bool {
        // What is meant to be secret stays so.
        if uri.scheme != asked.scheme || uri.to_string().contains('?') {
            return false;
        }
        let host = host(uri);
        let is_known = host.eq_ignore_ascii_case(&self::host(asked))
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(&host));
        let (user, before) = (user(uri), self::user(asked));
        is_known && (user == before || self.other_numbers || !is_number(user))
    }
}

/// The host of a URI as it is written in settings, without brackets.
fn host(uri: &Uri) -> String {
    match &uri.host_with_port.host {
        Host::Domain(name) => name.0.clone(),
        Host::IpAddr(ip) => ip.to_string(),
    }
}

fn user(uri: &Uri) -> &str {
    uri.auth.as_ref().map_or("", |auth| auth.user.as_str())
}

/// Whether it looks like something that is dialled.
fn is_number(user: &str) -> bool {
    let number = user.split(';').next().unwrap_or(user);
    number.bytes().any(|octet| octet.is_ascii_digit())
        && number
            .bytes()
            .all(|octet| octet.is_ascii_digit() || b"+*#-.()".contains(&octet))
}

/// The `q` of a contact in thousandths; whoever says none is as likely as can be.
fn likelihood(parameters: impl Iterator<Item = String>) -> u16 {
    for parameter in parameters {
        let Some((name, value)) = parameter.trim_start_matches(';').split_once('=') else {
            continue;
        };
        if name.trim().eq_ignore_ascii_case("q") {
            let value: f32 = value.trim().parse().unwrap_or(0.0);
            return (value.clamp(0.0, 1.0) * 1000.0) as u16;
        }
    }
    1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(redirects: &Redirects, contacts: &str) -> Vec<String> {
        let text = format!("SIP/2.0 302 Moved\r\nContact: {contacts}\r\nContent-Length: 0\r\n\r\n");
        let response = text.as_str().try_into().unwrap();
        let asked = "sip:+6561234567@pbx.example.com".try_into().unwrap();
        let uris = redirects.allowed(&response, &asked);
        uris.iter().map(ToString::to_string).collect()
    }

    fn redirects() -> Redirects {
        Redirects {
            left: 3,
            hosts: vec!["other.example.com".into()],
            other_numbers: false,
        }
    }

    #[test]
    fn the_likelier_comes_first() {
        assert_eq!(
            allowed(
                &redirects(),
                "<sip:a@pbx.example.com>;q=0.2, <sip:b@PBX.example.com:5070>;q=0.9, <sip:c@pbx.example.com>"
            ),
            [
                "sip:c@pbx.example.com",
                "sip:b@PBX.example.com:5070",
                "sip:a@pbx.example.com"
            ]
        );
    }

    #[test]
    fn only_known_hosts_and_the_number_that_was_asked_for_are_rung() {
        for (contact, expected) in [
            ("<sip:+6561234567@other.example.com>", true),
            ("<sip:+6561234567@evil.example.com>", false),
            ("<sip:+19005550100@pbx.example.com>", false),
            ("<sip:+19005550100;npdi@pbx.example.com>", false),
            ("<sip:voicemail@pbx.example.com>", true),
            ("<sips:+6561234567@pbx.example.com>", false),
            ("*", false),
            ("<tel:+19005550100>", false),
        ] {
            assert_eq!(!allowed(&redirects(), contact).is_empty(), expected, "{contact}");
        }
        // Headers that a far side wants to be sent are not.
        let with_headers = allowed(&redirects(), "<sip:+6561234567@pbx.example.com?Route=%3Csip:evil%3E>");
        assert!(with_headers.iter().all(|uri| !uri.contains("evil")), "{with_headers:?}");
        let mut open = redirects();
        open.other_numbers = true;
        assert_eq!(allowed(&open, "<sip:+19005550100@pbx.example.com>").len(), 1);
        open.left = 0;
        assert!(allowed(&open, "<sip:a@pbx.example.com>").is_empty());
    }
}
