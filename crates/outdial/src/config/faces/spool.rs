//! `[[faces.spool]]`: directories of call files.

use std::{collections::BTreeMap, path::PathBuf};

use outdial_domain::{Account, Address};
use outdial_faces::spool::SpoolConfig;
use serde::Deserialize;

use crate::config::{Config, ConfigError, DEFAULT_ACCOUNT, Handsets};

/// `[[faces.spool]]`: a directory whose call files are taken.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spool {
    /// Whether its files are taken.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The directory. Finished files go into the one beside it, with `_done` after its name.
    pub directory: PathBuf,
    /// The account whose calls they are.
    #[serde(default = "default_account")]
    pub account: String,
    /// Whether calls may show any caller id.
    #[serde(default)]
    pub any_caller_id: bool,
    /// The caller id of files that name none.
    pub caller_id: Option<String>,
    /// The directory with the sounds that files may name.
    pub audio: Option<PathBuf>,
    /// Which trunk a peer or a context of a channel means.
    #[serde(default)]
    pub trunks: BTreeMap<String, String>,
    /// Which flow a place in the dialplan means.
    #[serde(default)]
    pub flows: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

fn default_account() -> String {
    DEFAULT_ACCOUNT.to_owned()
}

impl Spool {
    /// Every directory that is on, as the face wants it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key and the remedy.
    pub fn all(config: &Config, accounts: &[Account]) -> Result<Vec<SpoolConfig>, ConfigError> {
        let mut all: Vec<SpoolConfig> = Vec::new();
        for (index, spool) in config.faces.spool.iter().enumerate().filter(|(_, spool)| spool.enabled) {
            let settings = spool.settings(index, config, accounts)?;
            if all.iter().any(|other| other.directory == settings.directory) {
                let message = "another `[[faces.spool]]` has this directory";
                return Err(ConfigError::value(format!("faces.spool.{index}.directory"), message));
            }
            all.push(settings);
        }
        Ok(all)
    }

    fn settings(&self, index: usize, config: &Config, accounts: &[Account]) -> Result<SpoolConfig, ConfigError> {
        let key = |name: &str| format!("faces.spool.{index}.{name}");
        let caller_id = self.caller_id.as_deref().map(Address::parse).transpose();
        for (what, directory) in [("directory", Some(&self.directory)), ("audio", self.audio.as_ref())] {
            if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
                let message = format!("{} is no directory", directory.display());
                return Err(ConfigError::value(key(what), message));
            }
        }
        let is_trunk = |name: &str| {
            let built_in = config.handsets.enabled && name == Handsets::TRUNK;
            name.is_empty() || built_in || config.trunk.iter().any(|trunk| trunk.name == name)
        };
        for (peer, trunk) in &self.trunks {
            if !is_trunk(trunk) {
                let message = format!("there is no trunk `{trunk}`; leave it empty to have the routes choose");
                return Err(ConfigError::value(key(&format!("trunks.{peer}")), message));
            }
        }
        for (place, flow) in &self.flows {
            if !config.flow.contains_key(flow) {
                let message = format!("there is no flow `{flow}` under `[flow]`");
                return Err(ConfigError::value(key(&format!("flows.{place}")), message));
            }
        }
        Ok(SpoolConfig {
            tenant: super::tenant(&key("account"), &self.account, self.any_caller_id, accounts)?,
            directory: self.directory.clone(),
            caller_id: caller_id.map_err(|error| ConfigError::value(key("caller_id"), error.to_string()))?,
            trunks: self.trunks.clone(),
            flows: self.flows.clone(),
            audio: self.audio.clone(),
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
        let dir = tempfile::tempdir().unwrap();
        let section = format!("[[faces.spool]]\ndirectory = {:?}\n", dir.path());
        let read = |text: &str| {
            let config: Config = toml::from_str(text).unwrap();
            Spool::all(&config, std::slice::from_ref(&account))
        };
        let all = read(&format!(
            "[flow]\nmenu = [{{ say = \"Hello\" }}]\n{section}caller_id = \"+6561234567\"\n\
             trunks = {{ from-internal = \"handsets\", \"*\" = \"\" }}\nflows = {{ \"ivr/s\" = \"menu\" }}\n"
        ));
        let [spool] = &all.unwrap()[..] else { panic!() };
        assert_eq!(spool.flows["ivr/s"], "menu");
        assert!(
            read(&format!("{section}enabled = false\naccount = \"other\""))
                .unwrap()
                .is_empty()
        );
        for (text, key) in [
            (format!("{section}account = \"other\""), "faces.spool.0.account"),
            (format!("{section}caller_id = \"x\""), "faces.spool.0.caller_id"),
            (format!("{section}audio = \"/nowhere/at/all\""), "faces.spool.0.audio"),
            (
                format!("{section}trunks = {{ a = \"none\" }}"),
                "faces.spool.0.trunks.a",
            ),
            (format!("{section}flows = {{ a = \"none\" }}"), "faces.spool.0.flows.a"),
            (format!("{section}{section}"), "faces.spool.1.directory"),
            (
                "[[faces.spool]]\ndirectory = \"/nowhere/at/all\"".to_owned(),
                "faces.spool.0.directory",
            ),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
