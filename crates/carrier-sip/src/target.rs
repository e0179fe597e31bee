//! Whom a leg rings, by which way, and as whom.

use std::sync::Arc;

use outdial_domain::{Address, Destination};
use rsipstack::sip::{Param, Scheme, Transport, Uri, uri::Auth};

use crate::{
    challenge::Password,
    config::{SipTransport, SipTrunk},
    flow::Door,
    names::Place,
    start::Shared,
    trunk::Trunk,
};

/// Where a request goes and what stands in it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) trunk: Option<Arc<Trunk>>,
    /// What is asked for.
    pub(crate) uri: Uri,
    /// Where the messages go.
    pub(crate) place: Place,
    /// As whom we call; `None` as ourselves.
    pub(crate) from: Option<Uri>,
    /// The number that is shown at our own address, where we call as ourselves.
    pub(crate) number: Option<String>,
    /// Who of us has the call diverted to the callee.
    pub(crate) diverting: Option<Uri>,
}

impl Target {
    /// Works out the target, or says why there can be none.
    pub(crate) fn new(trunk: Option<&Arc<Trunk>>, to: &Address, from: Option<&Address>) -> Result<Self, String> {
        let settings = trunk.map(|trunk| &trunk.settings);
        let (uri, place) = match (to.destination(), settings) {
            (
                Destination::Sip {
                    secure,
                    user,
                    host,
                    port,
                    parameters,
                },
                settings,
            ) => {
                let named = transport(parameters.as_deref())?;
                let mut uri = uri(decoded(user), host, *port)?;
                if *secure {
                    uri.scheme = Some(Scheme::Sips);
                }
                match settings {
                    Some(trunk) if *secure && trunk.transport != SipTransport::Tls => {
                        let name = &trunk.name;
                        return Err(format!(
                            "`sips:` needs TLS, and trunk `{name}` has none: set its `transport`, or use `sip:`"
                        ));
                    }
                    Some(trunk) => (uri, trunk.place()),
                    None => {
                        let transport = match (secure, named) {
                            (true, Some(SipTransport::Udp)) => return Err("`sips:` cannot go over UDP".into()),
                            (true, _) => SipTransport::Tls,
                            (false, named) => named.unwrap_or_default(),
                        };
                        if let (Some(named), false) = (named, *secure) {
                            uri.params
                                .push(Param::Other("transport".into(), Some(named.word().into())));
                        }
                        let place = Place {
                            host: host.trim_matches(['[', ']']).to_owned(),
                            port: *port,
                            transport: transport.wire(),
                        };
                        (uri, place)
                    }
                }
            }
            (Destination::E164(_) | Destination::Local { .. }, Some(trunk)) => {
                let number = to.number().unwrap_or_default();
                (uri(number, &trunk.host, trunk.port)?, trunk.place())
            }
            (Destination::E164(_) | Destination::Local { .. }, None) => {
                return Err("a number can only be rung over a trunk: name one, or give a SIP URI".into());
            }
        };
        Ok(Self {
            from: caller(settings, from)?,
            number: from.filter(|_| trunk.is_none()).and_then(Address::number),
            diverting: diverting(settings, from)?,
            trunk: trunk.cloned(),
            uri,
            place,
        })
    }

    /// The trunk itself, for a request that is meant for nobody behind it.
    pub(crate) fn of_trunk(trunk: &SipTrunk) -> Result<Uri, String> {
        uri(String::new(), &trunk.host, trunk.port)
    }

    /// Whom we register as.
    pub(crate) fn address_of_record(trunk: &SipTrunk) -> Result<Uri, String> {
        let user = trunk.username.clone().unwrap_or_default();
        uri(user, trunk.from_domain.as_deref().unwrap_or(&trunk.host), None)
    }

    /// What people call the way out.
    pub(crate) fn way(&self) -> String {
        match &self.trunk {
            Some(trunk) => format!("trunk `{}`", trunk.settings.name),
            None => format!("a trunk for `{}`, and call through it", self.place.host),
        }
    }

    /// Whom we are to this trunk.
    pub(crate) fn password(&self) -> Option<Password> {
        self.trunk.as_ref()?.settings.login()
    }

    /// How the far side is met.
    pub(crate) fn door(&self, shared: &Shared) -> Result<Door, String> {
        if let Some(trunk) = &self.trunk {
            let secure = self.uri.scheme == Some(Scheme::Sips);
            return Ok(Door {
                secure,
                ..trunk.door.clone()
            });
        }
        let tls = match self.place.transport {
            Transport::Tls => Some(shared.usual_tls()?),
            _ => None,
        };
        Ok(Door {
            trunk: None,
            name: self.place.host.clone(),
            tls,
            secure: self.uri.scheme == Some(Scheme::Sips),
        })
    }
}

fn caller(trunk: Option<&SipTrunk>, from: Option<&Address>) -> Result<Option<Uri>, String> {
    if let Some(Destination::Sip { user, host, port, .. }) = from.map(Address::destination) {
        return uri(decoded(user), host, *port).map(Some);
    }
    let Some(trunk) = trunk else {
        return Ok(None);
    };
    let user = from
        .and_then(Address::number)
        .or_else(|| trunk.from_user.clone())
        .or_else(|| trunk.username.clone())
        .unwrap_or_else(|| "outdial".to_owned());
    uri(user, trunk.from_domain.as_deref().unwrap_or(&trunk.host), None).map(Some)
}

/// Who diverts a call: the trunk's number for that, where somebody else is shown as the caller.
fn diverting(trunk: Option<&SipTrunk>, from: Option<&Address>) -> Result<Option<Uri>, String> {
    let (Some(trunk), Some(shown)) = (trunk, from) else {
        return Ok(None);
    };
    let Some(number) = &trunk.diversion else {
        return Ok(None);
    };
    let bare = |number: &str| number.trim_start_matches('+').to_owned();
    if shown.number().is_some_and(|shown| bare(&shown) == bare(number)) {
        return Ok(None);
    }
    let host = trunk.from_domain.as_deref().unwrap_or(&trunk.host);
    uri(number.clone(), host, None).map(Some)
}

/// The transport that a URI asks for.
fn transport(parameters: Option<&str>) -> Result<Option<SipTransport>, String> {
    let named = parameters
        .unwrap_or_default()
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("transport"));
    let Some((_, word)) = named else {
        return Ok(None);
    };
    SipTransport::from_word(&word.to_ascii_lowercase())
        .map(Some)
        .ok_or_else(|| {
            let word: String = word.chars().take(10).collect();
            format!("SIP over {word} is not known here: say `udp`, `tcp` or `tls`")
        })
}

fn uri(user: String, host: &str, port: Option<u16>) -> Result<Uri, String> {
    let host = host.trim_matches(['[', ']']);
    let host: rsipstack::sip::uri::Host = host.parse().map_err(|_| format!("`{host}` is no host"))?;
    Ok(Uri {
        scheme: Some(Scheme::Sip),
        auth: (!user.is_empty()).then_some(Auth { user, password: None }),
        host_with_port: rsipstack::sip::HostWithPort {
            host,
            port: port.map(Into::into),
        },
        params: Vec::new(),
        headers: Vec::new(),
    })
}

/// The library escapes users when it writes them, so they are given to it without escapes.
fn decoded(user: &str) -> String {
    let mut octets = Vec::with_capacity(user.len());
    let mut rest = user.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| {
            let text = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(text, 16).ok()
        });
        octets.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk() -> Arc<Trunk> {
        let mut trunk = SipTrunk::new("one", "pbx.example.com", 5070);
        trunk.username = Some("alice".into());
        Trunk::new(trunk).unwrap()
    }

    fn target(trunk: Option<&Arc<Trunk>>, to: &str, from: Option<&str>) -> Result<Target, String> {
        let from = from.map(|from| Address::parse(from).unwrap());
        Target::new(trunk, &Address::parse(to).unwrap(), from.as_ref())
    }

    fn shown(trunk: Option<&Arc<Trunk>>, to: &str, from: Option<&str>) -> (String, String) {
        let target = target(trunk, to, from).unwrap();
        (
            target.uri.to_string(),
            target.from.map(|uri| uri.to_string()).unwrap_or_default(),
        )
    }

    #[test]
    fn numbers_go_to_the_trunk_under_its_account_or_the_caller_id() {
        let trunk = trunk();
        let own = "sip:alice@pbx.example.com".to_owned();
        assert_eq!(
            shown(Some(&trunk), "+65 6123 4567", None),
            ("sip:+6561234567@pbx.example.com:5070".into(), own.clone())
        );
        assert_eq!(
            shown(Some(&trunk), "*61#", Some("+6598765432")),
            (
                "sip:*61%23@pbx.example.com:5070".into(),
                "sip:+6598765432@pbx.example.com".into()
            )
        );
        assert_eq!(
            shown(Some(&trunk), "100@from-internal", None).0,
            "sip:100@pbx.example.com:5070"
        );
    }

    #[test]
    fn a_number_is_shown_at_our_own_address_where_there_is_no_trunk() {
        let direct = target(None, "sip:bob@192.0.2.7", Some("+6598765432")).unwrap();
        assert_eq!((direct.from, direct.number.as_deref()), (None, Some("+6598765432")));
        let uri = target(None, "sip:bob@192.0.2.7", Some("sip:alice@192.0.2.9")).unwrap();
        assert_eq!(
            (uri.from.map(|uri| uri.to_string()), uri.number),
            (Some("sip:alice@192.0.2.9".into()), None)
        );
        let through = target(Some(&trunk()), "sip:bob@192.0.2.7", Some("+6598765432")).unwrap();
        assert_eq!(through.number, None);
    }

    #[test]
    fn a_uri_goes_where_it_says_or_through_the_trunk() {
        let direct = target(None, "sip:b%23b@192.0.2.7", None).unwrap();
        assert_eq!(direct.uri.to_string(), "sip:b%23b@192.0.2.7");
        assert_eq!((direct.place.host.as_str(), direct.place.port), ("192.0.2.7", None));
        let through = target(Some(&trunk()), "sip:bob@192.0.2.7:5080", None).unwrap();
        assert_eq!(
            (through.place.host.as_str(), through.place.port),
            ("pbx.example.com", Some(5070))
        );
        assert_eq!(through.uri.to_string(), "sip:bob@192.0.2.7:5080");
        let ipv6 = target(None, "sip:bob@[::1]:5080", None).unwrap();
        assert_eq!(ipv6.place.host, "::1");
    }

    #[test]
    fn calls_that_show_somebody_else_are_diverted_by_the_number_that_answers_for_them() {
        let mut settings = SipTrunk::new("one", "pbx.example.com", 5070);
        let diverted_by = |settings: &SipTrunk, from| {
            let trunk = Trunk::new(settings.clone()).unwrap();
            let target = target(Some(&trunk), "+6561110000", from).unwrap();
            target.diverting.map(|uri| uri.to_string())
        };
        assert_eq!(diverted_by(&settings, Some("+6598765432")), None);
        settings.diversion = Some("6561234567".into());
        let ours = Some("sip:6561234567@pbx.example.com".to_owned());
        for (from, expected) in [
            (Some("+6598765432"), &ours),
            (Some("sip:anonymous@anonymous.invalid"), &ours),
            (Some("+6561234567"), &None),
            (None, &None),
        ] {
            assert_eq!(&diverted_by(&settings, from), expected, "{from:?}");
        }
    }

    #[test]
    fn what_cannot_be_rung_says_why() {
        assert!(
            target(None, "+6561234567", None)
                .err()
                .unwrap_or_default()
                .contains("over a trunk")
        );
        let error = |trunk, to| target(trunk, to, None).err().unwrap_or_default();
        assert!(error(None, "sip:a@b;transport=sctp").contains("sctp"));
        assert!(error(None, "sips:a@b;transport=udp").contains("UDP"));
        assert!(error(Some(&trunk()), "sips:a@b").contains("TLS"));
    }

    #[test]
    fn a_uri_says_what_it_travels_over() {
        for (to, transport, shown) in [
            ("sip:a@b", Transport::Udp, "sip:a@b"),
            ("sip:a@b;transport=UDP", Transport::Udp, "sip:a@b;transport=udp"),
            ("sip:a@b;transport=tcp", Transport::Tcp, "sip:a@b;transport=tcp"),
            ("sip:a@b;transport=tls", Transport::Tls, "sip:a@b;transport=tls"),
            ("sips:a@b", Transport::Tls, "sips:a@b"),
            ("sips:a@b;transport=tcp", Transport::Tls, "sips:a@b"),
        ] {
            let target = target(None, to, None).unwrap();
            assert_eq!(
                (target.place.transport, target.uri.to_string().as_str()),
                (transport, shown)
            );
        }
    }
}
