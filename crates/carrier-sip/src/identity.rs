//! Who an INVITE says is calling (RFC 3323, RFC 3325), and what else a trunk wants in it.

use rsipstack::sip::{Domain, Header, Scheme, Uri, uri::Auth};

use crate::config::{Identity, SipTrunk};

/// Headers that are written by us, or would change where messages go.
const OURS: [&str; 32] = [
    "via",
    "v",
    "from",
    "f",
    "to",
    "t",
    "call-id",
    "i",
    "cseq",
    "contact",
    "m",
    "max-forwards",
    "content-length",
    "l",
    "content-type",
    "c",
    "route",
    "record-route",
    "authorization",
    "proxy-authorization",
    "supported",
    "k",
    "require",
    "proxy-require",
    "allow",
    "session-expires",
    "x",
    "min-se",
    "p-asserted-identity",
    "p-preferred-identity",
    "privacy",
    "content-encoding",
];

/// Whether a trunk may have this header in its INVITEs.
pub(crate) fn may_be_set(name: &str, value: &str) -> bool {
    let is_token = !name.is_empty()
        && name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet));
    is_token
        && !OURS.contains(&name.to_ascii_lowercase().as_str())
        && value.len() <= 1000
        && !value.chars().any(char::is_control)
}

/// What `From` says, and the headers that say the rest.
pub(crate) fn of(trunk: &SipTrunk, caller: Uri) -> (Uri, Vec<Header>) {
    let mut headers = Vec::new();
    // A caller who is nobody is known to the trunk by our account.
    let is_withheld = caller.host_with_port.host == anonymous().host_with_port.host;
    let known = match is_withheld {
        false => Some(caller.clone()),
        true => account(trunk, &caller),
    };
    let header = |known: &Uri| match trunk.identity {
        Identity::From => None,
        Identity::Asserted => Some(Header::PAssertedIdentity(format!("<{known}>").into())),
        Identity::Preferred => Some(Header::PPreferredIdentity(format!("<{known}>").into())),
    };
    headers.extend(known.as_ref().and_then(header));
    let from = if trunk.private || is_withheld {
        headers.push(Header::Privacy("id".into()));
        anonymous()
    } else {
        caller
    };
    let extra = trunk.headers.iter();
    headers.extend(extra.map(|(name, value)| Header::Other(name.clone(), value.clone())));
    (from, headers)
}

/// The header that says who has a call diverted (RFC 5806, section 4.1).
pub(crate) const DIVERSION: &str = "Diversion";

/// Who has this call diverted. It goes to the callee whatever happens at the diverting number.
pub(crate) fn diversion(trunk: &SipTrunk, diverting: &Uri) -> Header {
    let privacy = if trunk.private { ";privacy=full" } else { "" };
    let value = format!("<{diverting}>;reason=unconditional{privacy}");
    Header::Other(DIVERSION.to_owned(), value)
}

/// Our account at a trunk.
fn account(trunk: &SipTrunk, like: &Uri) -> Option<Uri> {
    let user = trunk.from_user.clone().or_else(|| trunk.username.clone())?;
    let host = trunk.from_domain.as_ref().unwrap_or(&trunk.host);
    Some(Uri {
        auth: Some(Auth { user, password: None }),
        host_with_port: rsipstack::sip::HostWithPort {
            host: host.parse().ok()?,
            port: None,
        },
        ..like.clone()
    })
}

/// Nobody in particular (RFC 3323, section 4.1.1.3).
fn anonymous() -> Uri {
    Uri {
        scheme: Some(Scheme::Sip),
        auth: Some(Auth {
            user: "anonymous".to_owned(),
            password: None,
        }),
        host_with_port: Domain::from("anonymous.invalid").into(),
        ..Uri::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(change: impl FnOnce(&mut SipTrunk)) -> (String, Vec<String>) {
        let mut trunk = SipTrunk::new("t", "far", 5060);
        change(&mut trunk);
        let (from, headers) = of(&trunk, "sip:+6512345678@far".try_into().unwrap());
        (from.to_string(), headers.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_caller_id_stands_where_the_trunk_wants_it() {
        assert_eq!(shown(|_| {}), ("sip:+6512345678@far".into(), vec![]));
        assert_eq!(
            shown(|trunk| trunk.identity = Identity::Asserted),
            (
                "sip:+6512345678@far".into(),
                vec!["P-Asserted-Identity: <sip:+6512345678@far>".into()]
            )
        );
        assert_eq!(
            shown(|trunk| {
                trunk.identity = Identity::Preferred;
                trunk.private = true;
                trunk.headers = vec![("X-Account".into(), "42".into())];
            }),
            (
                "sip:anonymous@anonymous.invalid".into(),
                vec![
                    "P-Preferred-Identity: <sip:+6512345678@far>".into(),
                    "Privacy: id".into(),
                    "X-Account: 42".into()
                ]
            )
        );
    }

    #[test]
    fn who_diverts_a_call_is_said_and_kept_to_the_trunk_where_it_is_to_keep_things() {
        let mut trunk = SipTrunk::new("t", "far", 5060);
        let ours: Uri = "sip:+6561234567@far".try_into().unwrap();
        let open = "Diversion: <sip:+6561234567@far>;reason=unconditional";
        assert_eq!(diversion(&trunk, &ours).to_string(), open);
        trunk.private = true;
        assert_eq!(diversion(&trunk, &ours).to_string(), format!("{open};privacy=full"));
    }

    #[test]
    fn a_trunk_does_not_write_what_is_ours_or_more_than_a_line() {
        for (name, value, expected) in [
            ("X-Account", "42", true),
            ("Diversion", "<sip:a@b>;reason=unconditional", true),
            ("X-Account", "42\r\nVia: x", false),
            ("Via", "x", false),
            ("call-ID", "x", false),
            ("X Account", "x", false),
            ("", "x", false),
        ] {
            assert_eq!(may_be_set(name, value), expected, "{name}: {value}");
        }
    }
}
