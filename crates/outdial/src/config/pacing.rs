//! `[pacing]`: how fast calls may go. What comes faster waits.

use std::{collections::BTreeMap, time::Duration};

use outdial_engine::{
    Rules,
    pacing::{bucket::Rate, limits::Limit},
};
use serde::Deserialize;

use super::ConfigError;

/// `[pacing]`: how fast calls may go. What comes faster waits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pacing {
    /// How long after a call to a number the next one to it may begin, in seconds; 0 for at once.
    pub number_gap: f64,
    /// What each account is allowed that has no section of its own.
    pub account: Allowance,
    /// What the accounts of these names are allowed.
    pub accounts: BTreeMap<String, Allowance>,
    /// What each caller id is allowed.
    pub caller_id: Allowance,
    /// What all numbers together are allowed that begin so.
    pub prefix: Vec<PrefixAllowance>,
}

/// So many calls. 0 means that there is no limit.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Allowance {
    /// How many may begin in a second.
    pub calls_per_second: f64,
    /// How many may begin at once after a pause.
    pub burst: u32,
    /// How many may be live at once.
    pub max_calls: u32,
}

/// `[[pacing.prefix]]`: what all numbers together are allowed that begin so.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixAllowance {
    /// How they begin, with `+` for international ones.
    pub starts_with: String,
    /// How many calls may begin in a second.
    #[serde(default)]
    pub calls_per_second: f64,
    /// How many may begin at once after a pause.
    #[serde(default = "one")]
    pub burst: u32,
    /// How many may be live at once.
    #[serde(default)]
    pub max_calls: u32,
}

fn one() -> u32 {
    1
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            calls_per_second: 0.0,
            burst: 1,
            max_calls: 0,
        }
    }
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            number_gap: Rules::NUMBER_GAP.as_secs_f64(),
            account: Allowance::default(),
            accounts: BTreeMap::new(),
            caller_id: Allowance::default(),
            prefix: Vec::new(),
        }
    }
}

impl Allowance {
    /// The limit that this section, which is called so, means.
    pub(super) fn limit(self, section: &str) -> Result<Limit, ConfigError> {
        let wrong = |key: &str, message: &str| Err(ConfigError::value(format!("{section}.{key}"), message));
        // Negated, so that what is no number is wrong, too.
        if !(0.0..=100_000.0).contains(&self.calls_per_second) {
            return wrong(
                "calls_per_second",
                "give 0 for no limit, or a number up to 100000, as 10 or 0.5",
            );
        }
        if self.burst == 0 {
            return wrong("burst", "give at least 1");
        }
        Ok(Limit {
            rate: Rate::per_second(self.calls_per_second, self.burst),
            at_once: Some(self.max_calls).filter(|calls| *calls > 0),
        })
    }
}

impl Pacing {
    pub(super) fn rules(&self) -> Result<Rules, ConfigError> {
        let mut accounts = BTreeMap::new();
        for (name, allowance) in &self.accounts {
            accounts.insert(name.clone(), allowance.limit(&format!("pacing.accounts.{name}"))?);
        }
        let mut prefixes = Vec::new();
        for (index, prefix) in self.prefix.iter().enumerate() {
            let section = format!("pacing.prefix.{index}");
            let digits = prefix.starts_with.strip_prefix('+').unwrap_or(&prefix.starts_with);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let message = "give digits, with + before those of international numbers, as +65";
                return Err(ConfigError::value(format!("{section}.starts_with"), message));
            }
            let allowance = Allowance {
                calls_per_second: prefix.calls_per_second,
                burst: prefix.burst,
                max_calls: prefix.max_calls,
            };
            prefixes.push((prefix.starts_with.clone(), allowance.limit(&section)?));
        }
        let number_gap = Duration::try_from_secs_f64(self.number_gap)
            .ok()
            .filter(|gap| *gap <= Duration::from_secs(86_400))
            .ok_or_else(|| ConfigError::value("pacing.number_gap", "give seconds, 0 to 86400"))?;
        Ok(Rules {
            number_gap,
            account: self.account.limit("pacing.account")?,
            accounts,
            caller_id: self.caller_id.limit("pacing.caller_id")?,
            prefixes,
        })
    }
}
