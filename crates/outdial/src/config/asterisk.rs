//! `[trunk.asterisk]`: how an Asterisk takes calls as a whole.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use outdial_callfile::Spool;
use outdial_carrier_asterisk::{AsteriskTrunk, Dialplan, ManagerLogin, Template, Way, WrongTemplate};
use serde::Deserialize;

use super::ConfigError;

/// `[trunk.asterisk]`: an Asterisk on this machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asterisk {
    /// The channel that rings a number, with `{number}` or `{digits}` in it.
    pub channel: Option<String>,
    /// The contexts of the dialplan that callers may name, as in `100@from-internal`.
    pub contexts: Vec<String>,
    /// The directory that it takes call files from.
    pub spool: PathBuf,
    /// Where they are written first; beside the spool if not given.
    pub staging: Option<PathBuf>,
    /// The user that they belong to; the owner of the spool if not given.
    pub user: Option<String>,
    /// The group that they belong to.
    pub group: Option<String>,
    /// The directory where prompts are put.
    pub sounds: Option<PathBuf>,
    /// The name shown beside the number of the caller.
    pub caller_name: Option<String>,
    /// The account code for its records.
    pub account: Option<String>,
    /// Variables of the channel.
    pub variables: BTreeMap<String, String>,
    /// The context where a call without any instruction goes on.
    pub context: Option<String>,
    /// The extension there; the number that was dialled if not given.
    pub extension: Option<String>,
    /// The priority there.
    pub priority: u32,
    /// Whether a call goes there at the first sound.
    pub early_media: bool,
    /// The most calls at one time.
    pub in_flight: usize,
    /// Its manager interface, which is used instead of call files where it is given.
    pub ami: Option<Ami>,
}

/// `[trunk.asterisk.ami]`: who we are to its manager interface.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ami {
    /// Where it is.
    pub address: SocketAddr,
    /// The user.
    pub username: String,
    /// The secret.
    secret: Option<String>,
    /// The environment variable that holds it.
    secret_env: Option<String>,
}

impl std::fmt::Debug for Ami {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ami({} at {})", self.username, self.address)
    }
}

impl Default for Asterisk {
    fn default() -> Self {
        Self {
            channel: None,
            contexts: Vec::new(),
            spool: Spool::DEFAULT_DIR.into(),
            staging: None,
            user: None,
            group: None,
            sounds: None,
            caller_name: None,
            account: None,
            variables: BTreeMap::new(),
            context: None,
            extension: None,
            priority: 1,
            early_media: false,
            in_flight: AsteriskTrunk::IN_FLIGHT,
            ami: None,
        }
    }
}

impl Asterisk {
    /// The trunk as its carrier wants it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key and the remedy.
    pub fn settings(&self, name: &str) -> Result<AsteriskTrunk, ConfigError> {
        let key = |key: &str| format!("trunk.{name}.asterisk.{key}");
        let channel = self.channel.as_deref().map(str::parse::<Template>).transpose();
        let channel = channel.map_err(|error: WrongTemplate| ConfigError::value(key("channel"), error.to_string()))?;
        let dialplan = self.context.as_ref().map(|context| Dialplan {
            context: context.clone(),
            extension: self.extension.clone(),
            priority: self.priority,
            early_media: self.early_media,
        });
        if dialplan.is_none() && (self.extension.is_some() || self.early_media) {
            let message = "`extension` and `early_media` mean something only with a `context`";
            return Err(ConfigError::value(key("context"), message));
        }
        let trunk = AsteriskTrunk {
            channel,
            contexts: self.contexts.clone(),
            sounds: self.sounds.clone(),
            caller_name: self.caller_name.clone(),
            account: self.account.clone(),
            variables: self.variables.clone().into_iter().collect(),
            dialplan,
            in_flight: self.in_flight,
            ..AsteriskTrunk::new(name, self.way(name)?)
        };
        trunk
            .check()
            .map_err(|error| ConfigError::value(format!("trunk.{name}.asterisk"), error.reason))?;
        Ok(trunk)
    }

    fn way(&self, name: &str) -> Result<Way, ConfigError> {
        if let Some(ami) = &self.ami {
            return ami.login(name).map(Way::Manager);
        }
        let mut spool = Spool::new(&self.spool);
        if let Some(staging) = &self.staging {
            spool = spool.staging(staging);
        }
        if let Some(user) = &self.user {
            spool = spool.user(user);
        }
        if let Some(group) = &self.group {
            spool = spool.group(group);
        }
        Ok(Way::Files(spool))
    }
}

impl Ami {
    fn login(&self, trunk: &str) -> Result<ManagerLogin, ConfigError> {
        let wrong = |message: String| ConfigError::value(format!("trunk.{trunk}.asterisk.ami.secret"), message);
        let secret = match (&self.secret, &self.secret_env) {
            (Some(secret), None) => secret.clone(),
            (None, Some(variable)) => std::env::var(variable)
                .map_err(|_| wrong(format!("the environment has no variable `{variable}`: set it")))?,
            (Some(_), Some(_)) | (None, None) => return Err(wrong("give either `secret` or `secret_env`".to_owned())),
        };
        Ok(ManagerLogin {
            address: self.address,
            username: self.username.clone(),
            secret: secret.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<AsteriskTrunk, String> {
        let section: Asterisk = toml::from_str(text).unwrap();
        section.settings("pbx").map_err(|error| error.to_string())
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let well = settings("channel = \"PJSIP/{number}@out\"\ncontext = \"ivr\"\nvariables = { A = \"b\" }").unwrap();
        assert_eq!(well.dialplan.unwrap().priority, 1);
        for (text, wanted) in [
            ("", "trunk.pbx.asterisk"),
            ("channel = \"PJSIP/1\"", "trunk.pbx.asterisk.channel"),
            ("contexts = [\"a\"]\nearly_media = true", "trunk.pbx.asterisk.context"),
            (
                "contexts = [\"a\"]\nami = { address = \"127.0.0.1:5038\", username = \"a\" }",
                "trunk.pbx.asterisk.ami.secret",
            ),
            ("contexts = [\"a\"]\nsounds = \"here\"", "absolute path"),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
