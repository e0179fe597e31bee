//! One way out: a provider, a PBX, a handset.

use std::{net::IpAddr, time::Duration};

use outdial_media::codec::Codec;
use rsipstack::sip::Transport;
use secrecy::SecretString;

use super::ConfigError;
use crate::{
    challenge::Password,
    identity,
    names::Place,
    sdp::Srtp,
    session_timer::{self, Wish},
    sources::Network,
    tls::TlsSettings,
};

/// What SIP messages travel over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SipTransport {
    /// Datagrams.
    #[default]
    Udp,
    /// A connection.
    Tcp,
    /// A connection that nobody else can read.
    Tls,
}

impl SipTransport {
    /// The word for it, as in a URI's `transport` parameter.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// What a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls]
            .into_iter()
            .find(|transport| transport.word() == word)
    }

    pub(crate) const fn wire(self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp => Transport::Tcp,
            Self::Tls => Transport::Tls,
        }
    }
}

/// Where a trunk wants the caller id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Identity {
    /// In `From` only.
    #[default]
    From,
    /// In `P-Asserted-Identity` too, for a trunk that trusts us (RFC 3325).
    Asserted,
    /// In `P-Preferred-Identity` too, for a trunk that checks it (RFC 3325).
    Preferred,
}

/// One way out: a provider, a PBX, a handset.
#[derive(Debug, Clone)]
pub struct SipTrunk {
    /// What routes and calls name it by.
    pub name: String,
    /// Its host name or address.
    pub host: String,
    /// Its port. Without one, the services of its name are looked for (SRV), and then the usual port
    /// is taken.
    pub port: Option<u16>,
    /// What its messages travel over.
    pub transport: SipTransport,
    /// What TLS needs to know.
    pub tls: TlsSettings,
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
    /// How much sound we want in a packet, in milliseconds: 10 to 60.
    pub packet_time: u8,
    /// Whether sound is protected.
    pub srtp: Srtp,
    /// How long the far side may send nothing at all, neither sound nor reports, before it is taken to be
    /// gone; for ever if `None`.
    pub silent_after: Option<Duration>,
    /// Where the caller id stands.
    pub identity: Identity,
    /// Whether the far side is asked to keep every caller id to itself (RFC 3323).
    pub private: bool,
    /// The number of ours that stands in `Diversion` of every call that shows another caller id: who
    /// has the call diverted to the callee, and answers for it (RFC 5806).
    pub diversion: Option<String>,
    /// Headers that every INVITE has, by name and value.
    pub headers: Vec<(String, String)>,
    /// Through which host and port everything goes that we send to it (RFC 3261, section 8.1.2);
    /// straight to it if not set.
    pub proxy: Option<(String, Option<u16>)>,
    /// For how long we register at a time; never if `None`.
    pub register: Option<Duration>,
    /// How often it is asked whether it is there; never if `None`.
    pub keep_alive: Option<Duration>,
    /// After how many questions without an answer it is taken to be down.
    pub down_after: u32,
    /// How often something is sent for address translators in between to see; never if `None`.
    pub nat_keep_alive: Option<Duration>,
    /// How long a session lives without being refreshed; for ever if `None` (RFC 4028).
    pub session_expires: Option<Duration>,
    /// The shortest such time that we agree to. The standard allows none below 90 seconds.
    pub session_least: Duration,
    /// How often one call may be redirected; 0 for never.
    pub redirects: u8,
    /// The hosts to which calls may be redirected, beside the trunk's own.
    pub redirect_hosts: Vec<String>,
    /// Whether a redirection may name another number than the one that was dialled.
    pub redirect_other_numbers: bool,
    /// Whether calls that come in from the trunk's addresses are taken.
    pub incoming: bool,
    /// More addresses that the trunk calls from.
    pub accept_from: Vec<Network>,
    /// What a caller from elsewhere has to show to be this trunk.
    pub incoming_login: Option<(String, SecretString)>,
    /// Which digests they may show it by.
    pub incoming_digest: Digests,
}

/// The digests by which callers may show a password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Digests {
    /// SHA-256, and MD5 for those who do not know it (RFC 8760).
    #[default]
    Both,
    /// MD5 only, for those who give up when they are offered anything else.
    Md5,
    /// SHA-256 only.
    Sha256,
}

impl SipTrunk {
    /// A trunk without an account, at this host and port, over UDP.
    #[must_use]
    pub fn new(name: impl Into<String>, host: impl Into<String>, port: impl Into<Option<u16>>) -> Self {
        Self {
            name: name.into(),
            host: host.into(),
            port: port.into(),
            transport: SipTransport::Udp,
            tls: TlsSettings::default(),
            username: None,
            auth_username: None,
            password: None,
            realm: None,
            from_user: None,
            from_domain: None,
            codecs: Codec::G711.to_vec(),
            packet_time: 20,
            srtp: Srtp::Off,
            silent_after: None,
            identity: Identity::From,
            private: false,
            diversion: None,
            headers: Vec::new(),
            proxy: None,
            register: None,
            keep_alive: None,
            down_after: 3,
            nat_keep_alive: None,
            session_expires: Some(session_timer::USUAL),
            session_least: session_timer::LEAST,
            redirects: 3,
            redirect_hosts: Vec::new(),
            redirect_other_numbers: false,
            incoming: true,
            accept_from: Vec::new(),
            incoming_login: None,
            incoming_digest: Digests::Both,
        }
    }

    /// What we want of session timers.
    pub(crate) fn session(&self) -> Wish {
        Wish {
            interval: self.session_expires,
            least: self.session_least,
        }
    }

    /// Where its messages go.
    pub(crate) fn place(&self) -> Place {
        let (host, port) = match &self.proxy {
            Some((host, port)) => (host.clone(), *port),
            None => (self.host.clone(), self.port),
        };
        Place {
            host,
            port,
            transport: self.transport.wire(),
        }
    }

    /// Whom we are to this trunk, when it asks.
    pub(crate) fn login(&self) -> Option<Password> {
        Some(Password {
            user: self.auth_username.clone().or_else(|| self.username.clone())?,
            secret: self.password.clone()?,
            realm: self.realm.clone(),
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let name = || self.name.clone();
        if !is_host(&self.host) {
            return Err(ConfigError::Host {
                trunk: name(),
                host: self.host.clone(),
            });
        }
        if let Some((proxy, _)) = &self.proxy
            && !is_host(proxy)
        {
            return Err(ConfigError::Host {
                trunk: name(),
                host: proxy.clone(),
            });
        }
        if self.register.is_some() && self.username.is_none() {
            return Err(ConfigError::NoAccount(name()));
        }
        if self.port == Some(0) {
            return Err(ConfigError::Port(name()));
        }
        if self.codecs.is_empty() {
            return Err(ConfigError::NoCodec(name()));
        }
        if self.password.is_some() && self.username.is_none() && self.auth_username.is_none() {
            return Err(ConfigError::NoUsername(name()));
        }
        for (header, value) in &self.headers {
            let is_written_anyway = self.diversion.is_some() && header.eq_ignore_ascii_case(identity::DIVERSION);
            if is_written_anyway || !identity::may_be_set(header, value) {
                return Err(ConfigError::Header {
                    trunk: name(),
                    header: header.clone(),
                });
            }
        }
        let settings = [
            ("username", &self.username, is_user as fn(&str) -> bool),
            ("from_user", &self.from_user, is_user),
            ("diversion", &self.diversion, is_user),
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
