//! `[faces.voicent]`: the forms of Voicent's gateway.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;
use jiff::tz::TimeZone;
use outdial_domain::Account;
use outdial_faces::voicent::VoicentConfig;
use serde::Deserialize;

use crate::config::{ConfigError, DEFAULT_ACCOUNT};

/// `[faces.voicent]`: the forms of Voicent's gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Voicent {
    /// Whether it is served.
    pub enabled: bool,
    /// Where.
    pub bind: SocketAddr,
    /// The account whose calls they are.
    pub account: String,
    /// Whether calls may show any caller id.
    pub any_caller_id: bool,
    /// The directory with the files that requests may name.
    pub audio: Option<PathBuf>,
    /// Networks and addresses that may ask besides this machine.
    pub allow: Vec<String>,
    /// Names by which clients may know this machine.
    pub hosts: Vec<String>,
    /// The zone of the times in answers, as `Asia/Singapore`; that of this machine if not given.
    pub zone: Option<String>,
}

impl Default for Voicent {
    fn default() -> Self {
        Self {
            enabled: true,
            bind: (Ipv4Addr::LOCALHOST, 8155).into(),
            account: DEFAULT_ACCOUNT.to_owned(),
            any_caller_id: false,
            audio: None,
            allow: Vec::new(),
            hosts: Vec::new(),
            zone: None,
        }
    }
}

impl Voicent {
    /// The same as the face wants it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key and the remedy.
    pub fn settings(&self, accounts: &[Account]) -> Result<VoicentConfig, ConfigError> {
        let key = |name: &str| format!("faces.voicent.{name}");
        let network = |(index, line): (usize, &String)| {
            let address = line.parse::<std::net::IpAddr>().map(IpNet::from);
            address.or_else(|_| line.parse::<IpNet>()).map_err(|_| {
                let message = format!("`{line}` is no network and no address: give one as 192.0.2.0/24 or 192.0.2.7");
                ConfigError::value(key(&format!("allow.{index}")), message)
            })
        };
        let zone = match &self.zone {
            None => TimeZone::system(),
            Some(name) => TimeZone::get(name).map_err(|_| {
                let message = format!("`{name}` is no time zone: give one as Asia/Singapore");
                ConfigError::value(key("zone"), message)
            })?,
        };
        if let Some(audio) = self.audio.as_ref().filter(|audio| !audio.is_dir()) {
            let message = format!("{} is no directory", audio.display());
            return Err(ConfigError::value(key("audio"), message));
        }
        Ok(VoicentConfig {
            tenant: super::tenant(&key("account"), &self.account, self.any_caller_id, accounts)?,
            audio: self.audio.clone(),
            allow: self.allow.iter().enumerate().map(network).collect::<Result<_, _>>()?,
            hosts: self.hosts.clone(),
            zone,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use outdial_domain::{AccountId, Allowance};

    use super::*;

    #[test]
    fn what_makes_no_sense_is_named() {
        let account = Account {
            id: AccountId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            name: DEFAULT_ACCOUNT.to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            allowance: Allowance::default(),
        };
        let read = |text: &str| {
            toml::from_str::<Voicent>(text)
                .unwrap()
                .settings(std::slice::from_ref(&account))
        };
        let config = read("allow = [\"192.0.2.0/24\", \"2001:db8::1\"]\nzone = \"Asia/Singapore\"").unwrap();
        assert_eq!(config.allow.len(), 2);
        assert_eq!(config.zone.iana_name(), Some("Asia/Singapore"));
        for (text, key) in [
            ("account = \"other\"", "faces.voicent.account"),
            ("allow = [\"x\"]", "faces.voicent.allow.0"),
            ("zone = \"Mars\"", "faces.voicent.zone"),
            ("audio = \"/nowhere/at/all\"", "faces.voicent.audio"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
