//! Which destinations are open. None is, until a line in the configuration opens it.

use std::{net::IpAddr, str::FromStr};

use outdial_domain::{Address, Destination};

/// Which destinations are open.
///
/// SIP URIs whose host is a loopback address are always open, because they can reach only this
/// machine. A trunk is a different matter, even on loopback: a PBX there may reach the world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// What is open besides.
    pub open: Vec<Opening>,
}

/// One line that opens destinations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// `*`: everything.
    Everything,
    /// `+65`: international numbers that begin so.
    Prefix(String),
    /// `local:1`: local numbers that begin so; `local:` opens all of them.
    Local(String),
    /// `sip:pbx.example.com`: SIP URIs with this host.
    Host(String),
}

/// Why a line opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` opens nothing: write `+65` for a prefix, `local:1` for local numbers, `sip:pbx.example.com` for a host, or `*`"
)]
pub struct OpeningError(String);

impl FromStr for Opening {
    type Err = OpeningError;

    fn from_str(line: &str) -> Result<Self, OpeningError> {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if line == "*" {
            Ok(Self::Everything)
        } else if let Some(prefix) = line.strip_prefix('+').filter(|rest| !rest.is_empty() && digits(rest)) {
            Ok(Self::Prefix(prefix.to_owned()))
        } else if let Some(prefix) = line.strip_prefix("local:").filter(|rest| digits(rest)) {
            Ok(Self::Local(prefix.to_owned()))
        } else if let Some(host) = line
            .strip_prefix("sip:")
            .filter(|rest| !rest.is_empty() && !rest.contains('@'))
        {
            Ok(Self::Host(host.to_ascii_lowercase()))
        } else {
            Err(OpeningError(line.to_owned()))
        }
    }
}

impl Policy {
    /// Whether this address may be dialled. `built_in` says that it leads to a handset of ours.
    #[must_use]
    pub fn is_open(&self, to: &Address, built_in: bool) -> bool {
        built_in || is_loopback(to) || self.names(to)
    }

    /// Whether programs that give no key, or were written for numbers, may name this address: every number, and SIP URIs
    /// that a line opens. Loopback is closed to them, too, until a line says otherwise.
    #[must_use]
    pub fn is_for_programs(&self, to: &Address) -> bool {
        !matches!(to.destination(), Destination::Sip { .. }) || self.names(to)
    }

    fn names(&self, to: &Address) -> bool {
        self.open.iter().any(|opening| opening.opens(to))
    }
}

impl Opening {
    fn opens(&self, to: &Address) -> bool {
        match (self, to.destination()) {
            (Self::Everything, _) => true,
            (Self::Prefix(prefix), Destination::E164(digits)) => digits.starts_with(prefix),
            (Self::Local(prefix), Destination::Local { number, .. }) => number.starts_with(prefix),
            (Self::Host(host), Destination::Sip { host: given, .. }) => host == given,
            (Self::Prefix(_) | Self::Local(_) | Self::Host(_), _) => false,
        }
    }
}

pub(crate) fn is_loopback(to: &Address) -> bool {
    let Destination::Sip { host, .. } = to.destination() else {
        return false;
    };
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    plain.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(lines: &[&str], to: &str) -> bool {
        let policy = Policy {
            open: lines.iter().map(|line| line.parse().unwrap()).collect(),
        };
        policy.is_open(&Address::parse(to).unwrap(), false)
    }

    #[test]
    fn nothing_is_open_but_loopback() {
        for closed in [
            "+6598765432",
            "100",
            "100@from-internal",
            "sip:bob@example.com",
            "sip:bob@localhost",
        ] {
            assert!(!open(&[], closed), "{closed}");
        }
        assert!(open(&[], "sip:bob@127.0.0.1:5062"));
        assert!(open(&[], "sip:bob@[::1]"));
    }

    #[test]
    fn each_line_opens_its_own_kind() {
        let policy = Policy {
            open: vec!["sip:127.0.0.1".parse().unwrap()],
        };
        let phone = Address::parse("sip:bob@127.0.0.1:5062").unwrap();
        assert!(policy.is_for_programs(&phone) && !Policy::default().is_for_programs(&phone));
        assert!(Policy::default().is_for_programs(&Address::parse("100").unwrap()));
        assert!(open(&["+65"], "+6598765432"));
        assert!(!open(&["+65"], "+4930123456"));
        assert!(!open(&["+65"], "6598765432"));
        assert!(open(&["local:1"], "100@from-internal"));
        assert!(!open(&["local:1"], "200"));
        assert!(open(&["sip:PBX.example.com"], "sip:1@pbx.example.com:5070"));
        assert!(!open(&["sip:example.com"], "sip:1@pbx.example.com"));
        assert!(open(&["*"], "+1900555"));
    }

    #[test]
    fn a_line_that_opens_nothing_is_refused() {
        for line in ["", "65", "+", "+6x", "sip:", "sip:a@b", "all"] {
            assert!(line.parse::<Opening>().is_err(), "{line}");
        }
    }
}
