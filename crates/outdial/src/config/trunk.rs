//! `[[trunk]]`: a way out, over SIP unless it says otherwise.

mod sip;

use std::path::{Path, PathBuf};

use outdial_carrier_asterisk::AsteriskTrunk;
use outdial_engine::{
    Rules,
    pacing::{bucket::Rate, limits::Limit},
};
use secrecy::SecretString;
use serde::Deserialize;

use super::{Asterisk, ConfigError, hosted, pacing::Allowance};

/// `[[trunk]]`: a way out, over SIP unless it says otherwise.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// The kind of carrier that it belongs to.
    #[serde(default)]
    pub carrier: CarrierKind,
    /// What an Asterisk needs to know, when it is one.
    pub asterisk: Option<Asterisk>,
    /// What Exotel needs to know, when it leads there.
    pub exotel: Option<hosted::Exotel>,
    /// What Hoiio needs to know, when it leads there.
    pub hoiio: Option<hosted::Hoiio>,
    /// What a gateway of Voicent's needs to know, when it leads to one.
    pub voicent: Option<hosted::Voicent>,
    /// The host of the far side: a name or an address.
    #[serde(default)]
    pub host: String,
    /// Its port. Without one, the services of its name are looked for, and then the usual port is taken.
    pub port: Option<u16>,
    /// What SIP travels over.
    #[serde(default)]
    pub transport: Transport,
    /// What TLS needs to know.
    #[serde(default)]
    pub tls: TrunkTls,
    /// Who we are to it, when it asks.
    pub username: Option<String>,
    /// The user name in the digest, where it is another one.
    pub auth_username: Option<String>,
    /// The password.
    password: Option<String>,
    /// The environment variable that holds the password.
    password_env: Option<String>,
    /// The user part of From when a call has no caller id.
    pub from_user: Option<String>,
    /// The host part of From.
    pub from_domain: Option<String>,
    /// The number that `doctor` calls to try it.
    pub test_number: Option<String>,
    /// Numbers that begin so go out by it; all when empty.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// How many calls to it may begin in a second; 0 for no limit.
    #[serde(default = "usual_calls_per_second")]
    pub calls_per_second: f64,
    /// How many of them may begin at once after a pause.
    #[serde(default = "one")]
    pub burst: u32,
    /// How many calls over it may be live at once; 0 for no limit.
    #[serde(default)]
    pub max_calls: u32,
    /// The host and port that everything goes through.
    pub proxy: Option<String>,
    /// Whether we tell it where we are.
    #[serde(default)]
    pub register: bool,
    /// For how long at a time, in seconds.
    #[serde(default = "an_hour")]
    pub register_seconds: u32,
    /// How often it is asked whether it is there, in seconds; 0 for never.
    #[serde(default)]
    pub keep_alive: u32,
    /// After how many questions without an answer it is down.
    #[serde(default = "three")]
    pub down_after: u32,
    /// How often address translators in between are shown something, in seconds; 0 for never.
    pub nat_keep_alive: Option<u32>,
    /// How long a session lives without a refresh, in seconds; 0 for ever.
    #[serde(default = "half_an_hour")]
    pub session_expires: u32,
    /// How often one call may be redirected.
    #[serde(default = "three_times")]
    pub redirects: u8,
    /// To which hosts, beside its own.
    #[serde(default)]
    pub redirect_hosts: Vec<String>,
    /// Whether another number may be named.
    #[serde(default)]
    pub redirect_other_numbers: bool,
    /// Whether calls from it are taken.
    #[serde(default = "yes")]
    pub incoming: bool,
    /// How many calls from it are taken in a second; 0 for no limit.
    #[serde(default = "usual_incoming")]
    pub incoming_calls_per_second: f64,
    /// How many calls from it may be live at once; 0 for three quarters of all that there is room for.
    #[serde(default)]
    pub max_incoming_calls: u32,
    /// More addresses that it calls from.
    #[serde(default)]
    pub accept_from: Vec<String>,
    /// What callers from elsewhere show to be it.
    pub incoming_username: Option<String>,
    /// And their password.
    incoming_password: Option<String>,
    /// The environment variable that holds it.
    incoming_password_env: Option<String>,
    /// Which digests they may show it by.
    #[serde(default)]
    pub incoming_digest: IncomingDigest,
    /// What we offer, best first.
    #[serde(default = "both_laws")]
    pub codecs: Vec<String>,
    /// How much sound we want in a packet, in milliseconds.
    #[serde(default = "twenty")]
    pub packet_time: u8,
    /// Whether sound is protected.
    #[serde(default)]
    pub srtp: Protection,
    /// How long it may send nothing during a call, in seconds; 0 for ever.
    #[serde(default = "a_minute")]
    pub silent_after: u32,
    /// Where the caller id stands.
    #[serde(default)]
    pub identity: Identity,
    /// Whether it is to keep every caller id to itself.
    #[serde(default)]
    pub private: bool,
    /// The number of ours that answers for calls that show another caller id.
    pub diversion: Option<String>,
    /// Headers that every INVITE has.
    #[serde(default)]
    pub headers: std::collections::BTreeMap<String, String>,
}

/// Whether sound is protected.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protection {
    /// It is not.
    #[default]
    Off,
    /// It is where the far side does it.
    Prefer,
    /// It is, or there is no call.
    Require,
}

/// Which digests callers may show their password by.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncomingDigest {
    /// SHA-256, and MD5.
    #[default]
    Both,
    /// MD5 only.
    Md5,
    /// SHA-256 only.
    #[serde(rename = "sha-256")]
    Sha256,
}

/// Where the caller id stands.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// In `From`.
    #[default]
    From,
    /// In `P-Asserted-Identity`, too.
    Asserted,
    /// In `P-Preferred-Identity`, too.
    Preferred,
}

fn usual_calls_per_second() -> f64 {
    Rules::TRUNK_CALLS_PER_SECOND
}

fn usual_incoming() -> f64 {
    Rules::INCOMING_CALLS_PER_SECOND
}

fn one() -> u32 {
    1
}

fn an_hour() -> u32 {
    3600
}

fn half_an_hour() -> u32 {
    1800
}

fn a_minute() -> u32 {
    60
}

fn three() -> u32 {
    3
}

fn three_times() -> u8 {
    3
}

fn twenty() -> u8 {
    20
}

fn yes() -> bool {
    true
}

fn both_laws() -> Vec<String> {
    vec!["PCMU".to_owned(), "PCMA".to_owned()]
}

/// A kind of carrier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CarrierKind {
    /// Legs over SIP.
    #[default]
    Sip,
    /// Whole calls, to an Asterisk.
    Asterisk,
    /// Whole calls, to an account at Exotel.
    Exotel,
    /// Whole calls, to an application at Hoiio.
    Hoiio,
    /// Whole calls, to a gateway of Voicent's.
    Voicent,
}

impl CarrierKind {
    /// Its name, as the engine knows the carrier by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sip => super::SIP,
            Self::Asterisk => super::ASTERISK,
            Self::Exotel => super::EXOTEL,
            Self::Hoiio => super::HOIIO,
            Self::Voicent => super::VOICENT,
        }
    }
}

/// What SIP travels over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// A connection.
    Tcp,
    /// A connection that nobody else can read.
    Tls,
}

/// `[trunk.tls]`: whom we trust and what we show.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrunkTls {
    /// The file with the roots that are trusted; those of the machine if not given.
    pub roots: Option<PathBuf>,
    /// The file with our certificate, where the far side wants one.
    pub certificate: Option<PathBuf>,
    /// The file with its key.
    pub key: Option<PathBuf>,
    /// The name in the far side's certificate; the host if not given.
    pub name: Option<String>,
}

impl std::fmt::Debug for Trunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            carrier,
            asterisk,
            host,
            port,
            transport,
            username,
            prefixes,
            ..
        } = self;
        let far: Option<&dyn std::fmt::Debug> = match carrier {
            CarrierKind::Sip => None,
            CarrierKind::Asterisk => Some(asterisk),
            CarrierKind::Exotel => Some(&self.exotel),
            CarrierKind::Hoiio => Some(&self.hoiio),
            CarrierKind::Voicent => Some(&self.voicent),
        };
        if let Some(far) = far {
            return write!(f, "Trunk({name} to {far:?}, prefixes {prefixes:?})");
        }
        write!(
            f,
            "Trunk({name} at {host}, port {port:?} over {transport:?}, user {username:?}, prefixes {prefixes:?})"
        )
    }
}

impl Trunk {
    /// How many calls it takes.
    pub(super) fn allowance(&self) -> Allowance {
        Allowance {
            calls_per_second: self.calls_per_second,
            burst: self.burst,
            max_calls: self.max_calls,
        }
    }

    /// How many calls that come in over it are taken. They come as they come, so what two seconds allow may come at
    /// once after a pause.
    pub(super) fn incoming_limit(&self, section: &str) -> Result<Limit, ConfigError> {
        let per_second = self.incoming_calls_per_second;
        if !(0.0..=100_000.0).contains(&per_second) {
            return Err(ConfigError::value(
                format!("{section}.incoming_calls_per_second"),
                "give 0 for no limit, or a number up to 100000, as 50 or 0.5",
            ));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and 200000"
        )]
        let burst = (2.0 * per_second).ceil().max(1.0) as u32;
        Ok(Limit {
            rate: Rate::per_second(per_second, burst),
            at_once: Some(self.max_incoming_calls).filter(|calls| *calls > 0),
        })
    }

    /// The trunk as the carrier to Asterisks wants it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key and the remedy.
    pub fn asterisk(&self) -> Result<AsteriskTrunk, ConfigError> {
        self.asterisk.clone().unwrap_or_default().settings(&self.name)
    }

    /// What this carrier needs to know.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when there is no section for it.
    pub fn section<'t, T>(&self, section: &'t Option<T>) -> Result<(&'t T, String), ConfigError> {
        let name = format!("trunk.{}.{}", self.name, self.carrier.name());
        match section {
            Some(section) => Ok((section, name)),
            None => Err(ConfigError::value(
                &name,
                format!("a trunk of this carrier needs `[trunk.{}]`", self.carrier.name()),
            )),
        }
    }

    /// The password, from the file or from the environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the named variable is not set, or both are given.
    pub fn password(&self) -> Result<Option<SecretString>, ConfigError> {
        self.secret("password", self.password.as_ref(), self.password_env.as_ref())
    }

    fn secret(
        &self,
        key: &str,
        given: Option<&String>,
        variable: Option<&String>,
    ) -> Result<Option<SecretString>, ConfigError> {
        let name = &self.name;
        match (given, variable) {
            (Some(_), Some(_)) => {
                let message = format!("give either `{key}` or `{key}_env`");
                Err(ConfigError::value(format!("trunk.{name}.{key}"), message))
            }
            (Some(secret), None) => Ok(Some(secret.clone().into())),
            (None, Some(variable)) => match std::env::var(variable) {
                Ok(secret) => Ok(Some(secret.into())),
                Err(_) => Err(ConfigError::value(
                    format!("trunk.{name}.{key}_env"),
                    format!("the environment has no variable `{variable}`: set it"),
                )),
            },
            (None, None) => Ok(None),
        }
    }
}

/// The text of a file that a key names.
pub(crate) fn read_file(key: String, path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|error| ConfigError::value(key, format!("{} cannot be read: {error}", path.display())))
}
