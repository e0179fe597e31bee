//! The small sections.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde::Deserialize;

use super::ConfigError;

/// `[server]`: the HTTP server and this node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Where HTTP is served.
    pub bind: SocketAddr,
    /// The name of this node in the journal; nodes that share a database each have their own.
    pub node: String,
    /// How long live calls get to end by themselves when the program is told to stop, in seconds.
    pub stop_within: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, 7575).into(),
            node: "local".to_owned(),
            stop_within: 60,
        }
    }
}

/// `[sip]`: the SIP side.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sip {
    /// Where SIP is spoken, over UDP and TCP.
    pub bind: SocketAddr,
    /// The address that far sides are told; the bound one when none is given.
    pub advertise: Option<IpAddr>,
    /// The first retransmission interval (RFC 3261, timer T1), in milliseconds.
    pub t1: u64,
    /// The name server that is asked; those of the system's settings if not given.
    pub resolver: Option<SocketAddr>,
    /// Where SIP is spoken over TLS; nowhere if not given.
    pub tls: Option<SipTls>,
}

/// `[sip.tls]`: where far sides reach us over TLS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipTls {
    /// Where we listen.
    pub bind: SocketAddr,
    /// The file with our certificate, and those between it and a root.
    pub certificate: std::path::PathBuf,
    /// The file with its key.
    pub key: std::path::PathBuf,
}

impl SipTls {
    /// The same as the SIP carrier wants it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a file cannot be read.
    pub fn settings(&self) -> Result<outdial_carrier_sip::TlsListen, ConfigError> {
        Ok(outdial_carrier_sip::TlsListen {
            bind: self.bind,
            certificate: super::trunk::read_file("sip.tls.certificate".into(), &self.certificate)?,
            key: super::trunk::read_file("sip.tls.key".into(), &self.key)?.into(),
        })
    }
}

impl Default for Sip {
    fn default() -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, 5060).into(),
            advertise: None,
            t1: 500,
            resolver: None,
            tls: None,
        }
    }
}

/// `[media]`: the sound.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// The first UDP port for RTP.
    pub first_port: u16,
    /// The last one.
    pub last_port: u16,
    /// How many threads pace the packets; one per core when none is given.
    pub threads: Option<usize>,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            first_port: 20_000,
            last_port: 29_999,
            threads: None,
        }
    }
}

/// `[limits]`: defaults and bounds of requests; times in seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How long a phone rings when the request does not say.
    pub ring: u64,
    /// The longest ring time that may be asked for.
    pub longest_ring: u64,
    /// How long a call may last when the request does not say.
    pub talk: u64,
    /// The longest call that may be asked for.
    pub longest_talk: u64,
    /// The most calls that may be live at once.
    pub live_calls: usize,
    /// How long the answers to requests with an idempotency key are kept.
    pub idempotency: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let limits = outdial_domain::Limits::default();
        Self {
            ring: limits.ring.as_secs(),
            longest_ring: limits.longest_ring.as_secs(),
            talk: limits.talk.as_secs(),
            longest_talk: limits.longest_talk.as_secs(),
            live_calls: limits.live_calls,
            idempotency: limits.answers_kept.as_secs(),
        }
    }
}

/// How long answers may be kept, in seconds: a day to a year.
const IDEMPOTENCY: std::ops::RangeInclusive<u64> = 24 * 3600..=366 * 24 * 3600;

impl Limits {
    pub(super) fn bounds(&self) -> Result<outdial_domain::Limits, ConfigError> {
        for (key, default, longest) in [
            ("ring", self.ring, self.longest_ring),
            ("talk", self.talk, self.longest_talk),
        ] {
            if default == 0 || default > longest {
                let message = format!("give more than 0 and at most `longest_{key}`, which is {longest}");
                return Err(ConfigError::value(format!("limits.{key}"), message));
            }
        }
        if self.live_calls == 0 {
            return Err(ConfigError::value("limits.live_calls", "give at least 1"));
        }
        if !IDEMPOTENCY.contains(&self.idempotency) {
            let message = format!(
                "give {} (a day, which clients rely on) to {}",
                IDEMPOTENCY.start(),
                IDEMPOTENCY.end()
            );
            return Err(ConfigError::value("limits.idempotency", message));
        }
        Ok(outdial_domain::Limits {
            ring: Duration::from_secs(self.ring),
            longest_ring: Duration::from_secs(self.longest_ring),
            talk: Duration::from_secs(self.talk),
            longest_talk: Duration::from_secs(self.longest_talk),
            live_calls: self.live_calls,
            answers_kept: Duration::from_secs(self.idempotency),
        })
    }
}

/// `[policy]`: which destinations are open.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// One opening a line: `+65`, `local:1`, `sip:pbx.example.com`, `*`.
    pub open: Vec<String>,
}

/// `[[number]]`: a number of an account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberSection {
    /// The number.
    pub number: String,
    /// The account it belongs to.
    #[serde(default = "default_account")]
    pub account: String,
    /// The trunk it lives on.
    pub trunk: Option<String>,
    /// What it may be used for.
    #[serde(default = "caller_id_only")]
    pub uses: Vec<String>,
    /// The stored flow that calls to it are given to.
    pub flow: Option<String>,
}

impl NumberSection {
    /// A number of the default account that may be shown.
    pub fn caller_id(number: &str) -> Self {
        Self {
            number: number.to_owned(),
            account: default_account(),
            trunk: None,
            uses: caller_id_only(),
            flow: None,
        }
    }
}

fn default_account() -> String {
    super::DEFAULT_ACCOUNT.to_owned()
}

fn caller_id_only() -> Vec<String> {
    vec![outdial_domain::NumberUse::CallerId.as_str().to_owned()]
}
