//! `[recordings]`: how long recordings are kept, and links to them live.

use std::{collections::BTreeMap, time::Duration};

use outdial_engine::recording::Keeping;
use serde::Deserialize;

use super::ConfigError;

/// The longest that a link may live: whoever has it needs no key.
const LONGEST_LINK: u64 = 30 * 24 * 3600;

/// `[recordings]`: how long recordings are kept, and links to them live; in seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recordings {
    /// How long a recording is kept from its end; 0 means for ever.
    pub keep: u64,
    /// The same for single accounts, by name.
    pub accounts: BTreeMap<String, u64>,
    /// How long a link to a recording opens it.
    pub link: u64,
}

impl Default for Recordings {
    fn default() -> Self {
        Self {
            keep: 0,
            accounts: BTreeMap::new(),
            link: 3600,
        }
    }
}

impl Recordings {
    /// What the engine needs of it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when links would live for no time, or too long.
    pub fn keeping(&self) -> Result<Keeping, ConfigError> {
        if !(1..=LONGEST_LINK).contains(&self.link) {
            let message = format!("give 1 to {LONGEST_LINK} seconds: whoever has a link needs no key");
            return Err(ConfigError::value("recordings.link", message));
        }
        let kept = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
        let accounts = self
            .accounts
            .iter()
            .map(|(name, seconds)| (name.clone(), kept(*seconds)));
        Ok(Keeping {
            keep: kept(self.keep),
            accounts: accounts.collect(),
            link: Duration::from_secs(self.link),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_may_have_a_rule_of_its_own() {
        let recordings: Recordings = toml::from_str("keep = 60\n[accounts]\nlegal = 0\nsales = 5").unwrap();
        let keeping = recordings.keeping().unwrap();
        let seconds = |name| keeping.of(name).map(|kept| kept.as_secs());
        assert_eq!(
            (seconds("legal"), seconds("sales"), seconds("other")),
            (None, Some(5), Some(60))
        );
    }

    #[test]
    fn a_link_lives_for_a_while() {
        for link in [0, LONGEST_LINK + 1] {
            let recordings = Recordings {
                link,
                ..Recordings::default()
            };
            let error = recordings.keeping().unwrap_err().to_string();
            assert!(error.contains("recordings.link"), "{error}");
        }
    }
}
