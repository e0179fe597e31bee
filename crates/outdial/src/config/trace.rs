//! `[trace]`: what is shown and told of the messages of calls.

use std::net::SocketAddr;

use outdial_carrier_sip::HepSettings;
use serde::Deserialize;

use super::ConfigError;

/// What is shown and told of the messages of calls.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trace {
    /// Whether explanations and captures show numbers and names whole to everybody who may read them.
    pub unmasked: bool,
    /// Who else is told of every SIP message; nobody if not given.
    pub hep: Option<Hep>,
}

/// `[trace.hep]`: a collector of SIP messages.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hep {
    /// Where it listens, over UDP.
    collector: SocketAddr,
    /// Which of its agents we are.
    #[serde(default = "an_agent")]
    capture_id: u32,
    /// What it knows us by, where it wants to.
    auth_key: Option<String>,
    /// The environment variable that holds it.
    auth_key_env: Option<String>,
    /// Whether it is told numbers and names whole.
    #[serde(default)]
    unmasked: bool,
}

fn an_agent() -> u32 {
    2001
}

impl std::fmt::Debug for Hep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hep(to {} as {})", self.collector, self.capture_id)
    }
}

impl Hep {
    /// The same as the SIP carrier wants it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the key is given twice, or the environment lacks it.
    pub fn settings(&self) -> Result<HepSettings, ConfigError> {
        let wrong = |key: &str, message: String| ConfigError::value(format!("trace.hep.{key}"), message);
        let auth_key = match (&self.auth_key, &self.auth_key_env) {
            (Some(_), Some(_)) => return Err(wrong("auth_key", "give either `auth_key` or `auth_key_env`".into())),
            (None, Some(variable)) => {
                let missing = |_| format!("the environment has no variable `{variable}`: set it");
                let key = std::env::var(variable).map_err(|error| wrong("auth_key_env", missing(error)))?;
                Some(key)
            }
            (given, None) => given.clone(),
        };
        Ok(HepSettings {
            collector: self.collector,
            capture_id: self.capture_id,
            auth_key: auth_key.map(Into::into),
            unmasked: self.unmasked,
        })
    }
}
