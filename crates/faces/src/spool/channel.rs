//! Whom a channel rings, and by which of our trunks.

use std::collections::BTreeMap;

use outdial_callfile::Channel;
use outdial_domain::Address;
use outdial_engine::policy::Policy;

use super::wanted::Unfit;

/// The name that a `Local` channel without one has.
const DEFAULT_CONTEXT: &str = "default";
/// Every peer and context that has no line of its own.
const ANY: &str = "*";

/// Which of our trunks leads where channels say.
#[derive(Debug, Clone, Default)]
pub(super) struct Ways {
    /// Peers and contexts, as `from-internal`, `PJSIP/provider` or `*`, each with a trunk; an empty name leaves the
    /// choice to the routes.
    pub(super) configured: BTreeMap<String, String>,
    /// Trunks that there are: a peer of the same name means one.
    pub(super) trunks: Vec<String>,
    /// Which SIP URIs may be dialled.
    pub(super) policy: Policy,
}

/// Whom to ring by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) to: Address,
    /// The only trunk, unless the routes choose.
    pub(super) via: Option<String>,
}

impl Ways {
    /// Where a channel leads.
    pub(super) fn of(&self, channel: &Channel) -> Result<Way, Unfit> {
        let (peer, number) = parts(channel);
        let to = Address::parse(number).map_err(|error| Unfit::Wrong(format!("Channel: {error}")))?;
        if !self.policy.is_for_programs(&to) {
            let why = "Channel: a SIP URI is dialled only where `policy.open` has its host";
            return Err(Unfit::Wrong(why.to_owned()));
        }
        let technology = channel.technology();
        let named = |key: &str| {
            let found = self.configured.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
            found.map(|(_, trunk)| trunk.clone())
        };
        let via = named(&format!("{technology}/{peer}"))
            .or_else(|| named(peer))
            .or_else(|| self.trunks.iter().find(|trunk| *trunk == peer).cloned())
            .or_else(|| named(ANY))
            .ok_or_else(|| Unfit::NoWay(format!("no trunk is named for `{technology}/{}`", without_secret(peer))))?;
        Ok(Way {
            to,
            via: Some(via).filter(|trunk| !trunk.is_empty()),
        })
    }
}

/// The peer or context of a channel, and the number or URI.
fn parts(channel: &Channel) -> (&str, &str) {
    let destination = channel.destination();
    if channel.technology().eq_ignore_ascii_case("Local") {
        // Options follow behind a slash.
        let dialled = destination.split_once('/').map_or(destination, |(dialled, _)| dialled);
        let (number, context) = dialled.rsplit_once('@').unwrap_or((dialled, DEFAULT_CONTEXT));
        return (context, number);
    }
    match destination.split_once('/') {
        // `DAHDI/g1/5551234`, `PJSIP/provider/sip:100@192.0.2.1`
        Some((peer, number)) => (peer, number),
        // `PJSIP/5551234@provider`, and `PJSIP/6001`, whose peer is the phone itself.
        None => {
            let (number, peer) = destination.rsplit_once('@').unwrap_or((destination, ""));
            (peer, number)
        }
    }
}

/// A peer as it may be shown: some are written with their password.
fn without_secret(peer: &str) -> String {
    match peer.split_once(':') {
        Some((user, rest)) => format!("{user}:…{}", rest.find('@').map_or("", |at| &rest[at..])),
        None => peer.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways() -> Ways {
        let configured = [
            ("from-internal", "pbx"),
            ("PJSIP/provider", "sip"),
            ("g1", "cards"),
            ("SIP/", "phones"),
            ("Local/default", ""),
        ];
        Ways {
            configured: configured
                .map(|(name, trunk)| (name.to_owned(), trunk.to_owned()))
                .into(),
            trunks: vec!["lab".to_owned()],
            policy: Policy {
                open: vec!["sip:192.0.2.1".parse().unwrap()],
            },
        }
    }

    #[test]
    fn channels_lead_to_numbers_and_trunks() {
        for (channel, to, via) in [
            ("Local/100@from-internal", "100", Some("pbx")),
            ("LOCAL/100@FROM-INTERNAL/n", "100", Some("pbx")),
            ("Local/100", "100", None),
            ("PJSIP/+6598765432@provider", "+6598765432", Some("sip")),
            ("pjsip/provider/98765432", "98765432", Some("sip")),
            (
                "PJSIP/provider/sip:100@192.0.2.1:5062",
                "sip:100@192.0.2.1:5062",
                Some("sip"),
            ),
            ("DAHDI/g1/5551234", "5551234", Some("cards")),
            ("SIP/6001", "6001", Some("phones")),
            ("IAX2/lab/#31#5551234", "#31#5551234", Some("lab")),
        ] {
            let way = ways().of(&Channel::raw(channel).unwrap()).unwrap();
            assert_eq!(
                (way.to.to_string().as_str(), way.via.as_deref()),
                (to, via),
                "{channel}"
            );
        }
    }

    #[test]
    fn what_leads_nowhere_is_told_from_what_cannot_be_dialled() {
        let of = |channel: &str| ways().of(&Channel::raw(channel).unwrap()).unwrap_err();
        for channel in ["SIP/stranger/1", "PJSIP/6001", "Local/1@nowhere", "SIP/1@provider"] {
            assert!(matches!(of(channel), Unfit::NoWay(_)), "{channel}");
        }
        for channel in ["SIP/lab/carol", "Local/ @from-internal", "DAHDI/g1/1w2"] {
            assert!(matches!(of(channel), Unfit::Wrong(_)), "{channel}");
        }
        let Unfit::NoWay(why) = of("IAX2/guest:hunter2@host/1") else {
            panic!()
        };
        assert!(why.contains("guest:…@host") && !why.contains("hunter2"), "{why}");
        let mut any = ways();
        any.configured.insert("*".to_owned(), "lab".to_owned());
        assert_eq!(
            any.of(&Channel::raw("Zap/1/2").unwrap()).unwrap().via.as_deref(),
            Some("lab")
        );
    }
}
