//! What a SIP carrier is told at its start.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use outdial_media::codec::Codec;
use secrecy::SecretString;

/// Settings of the carrier.
#[derive(Debug, Clone)]
pub struct SipConfig {
    /// Where we listen for SIP over UDP. Port 0 takes any; [`SipCarrier::local_addr`](crate::SipCarrier::local_addr) tells which.
    pub bind: SocketAddr,
    /// The address that far sides reach us at, where it is another than the bound one.
    pub advertise: Option<IpAddr>,
    /// What we call ourselves.
    pub user_agent: String,
    /// The round trip that all SIP timers are multiples of (RFC 3261, section 17.1.1.1). Tests shorten it.
    pub t1: Duration,
    /// The ways out.
    pub trunks: Vec<SipTrunk>,
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
            trunks: Vec::new(),
            most_legs: 4000,
        }
    }
}

/// One way out: a provider, a PBX, a handset.
#[derive(Debug, Clone)]
pub struct SipTrunk {
    /// What routes and calls name it by.
    pub name: String,
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The account there.
    pub username: Option<String>,
    /// The name in the digest, where it is another than the account's.
    pub auth_username: Option<String>,
    /// The password there.
    pub password: Option<SecretString>,
    /// The realm that may ask for the password; any if not set.
    pub realm: Option<String>,
    /// Whom we are, when a call shows no caller id; the account's name if not set.
    pub from_user: Option<String>,
    /// The domain of our own address there; the trunk's host if not set.
    pub from_domain: Option<String>,
    /// What we offer, best first.
    pub codecs: Vec<Codec>,
}

impl SipTrunk {
    /// A trunk without an account, at this host and port.
    #[must_use]
    pub fn new(name: impl Into<String>, host: impl Into<String>, port: u16) -> Self {
        Self {
            name: name.into(),
            host: host.into(),
            port,
            username: None,
            auth_username: None,
            password: None,
            realm: None,
            from_user: None,
            from_domain: None,
            codecs: Codec::ALL.to_vec(),
        }
    }
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
        for (index, trunk) in self.trunks.iter().enumerate() {
            if self.trunks[..index].iter().any(|other| other.name == trunk.name) {
                return Err(ConfigError::Twice(trunk.name.clone()));
            }
            trunk.check()?;
        }
        Ok(())
    }
}

impl SipTrunk {
    fn check(&self) -> Result<(), ConfigError> {
        let name = || self.name.clone();
        if !is_host(&self.host) {
            return Err(ConfigError::Host {
                trunk: name(),
                host: self.host.clone(),
            });
        }
        if self.port == 0 {
            return Err(ConfigError::Port(name()));
        }
        if self.codecs.is_empty() {
            return Err(ConfigError::NoCodec(name()));
        }
        if self.password.is_some() && self.username.is_none() && self.auth_username.is_none() {
            return Err(ConfigError::NoUsername(name()));
        }
        let settings = [
            ("username", &self.username, is_user as fn(&str) -> bool),
            ("from_user", &self.from_user, is_user),
            ("from_domain", &self.from_domain, is_host),
        ];
        for (what, value, fits) in settings {
            if let Some(value) = value
                && !fits(value)
            {
                return Err(ConfigError::Characters {
                    trunk: name(),
                    what,
                    value: value.clone(),
                });
            }
        }
        Ok(())
    }
}

fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
        || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)))
}

fn is_user(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.!~*'()+".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: fn(&mut SipTrunk)) -> Result<(), ConfigError> {
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
        assert!(matches!(with(|trunk| trunk.port = 0), Err(ConfigError::Port(_))));
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
    }

    #[test]
    fn a_password_is_not_shown() {
        let mut trunk = SipTrunk::new("one", "host", 5060);
        trunk.password = Some("hunter2".into());
        assert!(!format!("{trunk:?}").contains("hunter2"));
    }
}
