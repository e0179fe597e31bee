//! What a SIP carrier is told at its start.

mod trunk;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use secrecy::SecretString;

use crate::{hep::HepSettings, tls::TlsError};

pub use self::trunk::{Digests, Identity, SipTransport, SipTrunk};

/// Settings of the carrier.
#[derive(Debug, Clone)]
pub struct SipConfig {
    /// Where we listen for SIP over UDP and TCP. Port 0 takes any; [`SipCarrier::local_addr`](crate::SipCarrier::local_addr) tells which.
    pub bind: SocketAddr,
    /// The address that far sides reach us at, where it is another than the bound one.
    pub advertise: Option<IpAddr>,
    /// What we call ourselves.
    pub user_agent: String,
    /// The round trip that all SIP timers are multiples of (RFC 3261, section 17.1.1.1). Tests shorten it.
    pub t1: Duration,
    /// Where we listen for SIP over TLS; nowhere if not set.
    pub tls: Option<TlsListen>,
    /// The name server that is asked; those of the system's settings if not set.
    pub resolver: Option<SocketAddr>,
    /// The ways out.
    pub trunks: Vec<SipTrunk>,
    /// Where every SIP message is told; nowhere if not set.
    pub hep: Option<HepSettings>,
    /// Legs that may be under way at the same time; more are refused before anything is sent.
    pub most_legs: usize,
}

impl Default for SipConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 5060),
            advertise: None,
            user_agent: concat!("Outdial/", env!("CARGO_PKG_VERSION")).to_owned(),
            t1: Duration::from_millis(500),
            tls: None,
            resolver: None,
            trunks: Vec::new(),
            hep: None,
            most_legs: 4000,
        }
    }
}

/// Where far sides reach us over TLS, and what we show them.
#[derive(Debug, Clone)]
pub struct TlsListen {
    /// Where we listen.
    pub bind: SocketAddr,
    /// Our certificate and those between it and a root, in PEM.
    pub certificate: String,
    /// Its key, in PEM.
    pub key: SecretString,
}

/// A setting that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Two trunks have the same name.
    #[error("there are two trunks named `{0}`: give each its own name")]
    Twice(String),
    /// The host of a trunk is none.
    #[error("`{host}` is no host for trunk `{trunk}`: give a name or an address without a scheme and a port")]
    Host {
        /// The trunk.
        trunk: String,
        /// What was given.
        host: String,
    },
    /// The port of a trunk is 0.
    #[error("trunk `{0}` has port 0: give the port its far side listens at, usually 5060")]
    Port(String),
    /// The certificates or keys of a trunk cannot be used.
    #[error("the TLS of trunk `{trunk}`: {source}")]
    Tls {
        /// The trunk.
        trunk: String,
        /// What is wrong.
        source: TlsError,
    },
    /// The certificate or key that we show cannot be used.
    #[error("`[sip.tls]`: {0}")]
    OwnTls(TlsError),
    /// The collector of messages cannot be one.
    #[error("`[trace.hep]`: {0}")]
    Hep(String),
    /// A trunk is to be registered at, and nobody knows as whom.
    #[error("trunk `{0}` is to be registered at, but has no username: set it")]
    NoAccount(String),
    /// A header of a trunk is one that we write ourselves, or cannot be written.
    #[error(
        "trunk `{trunk}` cannot have the header `{header}`: give one that is not written anyway, with a value in one line"
    )]
    Header {
        /// The trunk.
        trunk: String,
        /// The header.
        header: String,
    },
    /// A trunk has no codec.
    #[error("trunk `{0}` has no codec: name at least one of PCMU and PCMA")]
    NoCodec(String),
    /// A trunk has a password and nobody it belongs to.
    #[error("trunk `{0}` has a password but no username: set both or neither")]
    NoUsername(String),
    /// A name or domain would break the message it is put into.
    #[error(
        "`{value}` cannot be used as the {what} of trunk `{trunk}`: it may have letters, digits and any of -_.!~*'()+"
    )]
    Characters {
        /// The trunk.
        trunk: String,
        /// Which setting.
        what: &'static str,
        /// What was given.
        value: String,
    },
    /// The timer is too short or too long to be one.
    #[error("a T1 of {0:?} makes no sense: it is 500 ms on the internet, and at least 1 ms in tests")]
    T1(Duration),
}

impl SipConfig {
    /// Says what is wrong with these settings, if anything is.
    ///
    /// # Errors
    ///
    /// The first [`ConfigError`] found.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.t1 < Duration::from_millis(1) || self.t1 > Duration::from_secs(10) {
            return Err(ConfigError::T1(self.t1));
        }
        if let Some(fault) = self.hep.as_ref().and_then(HepSettings::fault) {
            return Err(ConfigError::Hep(fault));
        }
        for (index, trunk) in self.trunks.iter().enumerate() {
            if self.trunks[..index].iter().any(|other| other.name == trunk.name) {
                return Err(ConfigError::Twice(trunk.name.clone()));
            }
            trunk.check()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut SipTrunk)) -> Result<(), ConfigError> {
        let mut trunk = SipTrunk::new("one", "pbx.example.com", 5060);
        change(&mut trunk);
        SipConfig {
            trunks: vec![trunk],
            ..SipConfig::default()
        }
        .check()
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(with(|trunk| trunk.host = "::1".into()), Ok(()));
        assert!(matches!(
            with(|trunk| trunk.host = "sip:pbx".into()),
            Err(ConfigError::Host { .. })
        ));
        assert!(matches!(with(|trunk| trunk.port = Some(0)), Err(ConfigError::Port(_))));
        assert!(matches!(
            with(|trunk| trunk.codecs.clear()),
            Err(ConfigError::NoCodec(_))
        ));
        assert!(matches!(
            with(|trunk| trunk.password = Some("x".into())),
            Err(ConfigError::NoUsername(_))
        ));
        assert!(matches!(
            with(|trunk| trunk.from_user = Some("a>\r\nX: y".into())),
            Err(ConfigError::Characters { what: "from_user", .. })
        ));
        for hostile in ["", "+65>\r\nX: y", "+65>;reason=x", "a@b"] {
            assert!(matches!(
                with(|trunk| trunk.diversion = Some(hostile.into())),
                Err(ConfigError::Characters { what: "diversion", .. })
            ));
        }
        assert!(matches!(
            with(|trunk| {
                trunk.diversion = Some("+6561234567".into());
                trunk.headers = vec![("diversion".into(), "<sip:a@b>".into())];
            }),
            Err(ConfigError::Header { .. })
        ));
    }

    #[test]
    fn a_password_is_not_shown() {
        let mut trunk = SipTrunk::new("one", "host", 5060);
        trunk.password = Some("hunter2".into());
        assert!(!format!("{trunk:?}").contains("hunter2"));
    }
}
