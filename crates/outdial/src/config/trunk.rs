//! `[[trunk]]`: a way out over SIP.

use secrecy::SecretString;
use serde::Deserialize;

use super::ConfigError;

/// `[[trunk]]`: a way out over SIP.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// The host of the far side: a name or an address.
    pub host: String,
    /// Its port.
    #[serde(default = "sip_port")]
    pub port: u16,
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
    /// Numbers that begin so go out by it; all when empty.
    #[serde(default)]
    pub prefixes: Vec<String>,
}

impl std::fmt::Debug for Trunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            host,
            port,
            username,
            prefixes,
            ..
        } = self;
        write!(
            f,
            "Trunk({name} at {host}:{port}, user {username:?}, prefixes {prefixes:?})"
        )
    }
}

fn sip_port() -> u16 {
    5060
}

impl Trunk {
    /// The password, from the file or from the environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the named variable is not set, or both are given.
    pub fn password(&self) -> Result<Option<SecretString>, ConfigError> {
        match (&self.password, &self.password_env) {
            (Some(_), Some(_)) => {
                let key = format!("trunk.{}.password", self.name);
                Err(ConfigError::value(key, "give either `password` or `password_env`"))
            }
            (Some(password), None) => Ok(Some(password.clone().into())),
            (None, Some(variable)) => match std::env::var(variable) {
                Ok(password) => Ok(Some(password.into())),
                Err(_) => {
                    let key = format!("trunk.{}.password_env", self.name);
                    Err(ConfigError::value(
                        key,
                        format!("the environment has no variable `{variable}`: set it"),
                    ))
                }
            },
            (None, None) => Ok(None),
        }
    }
}
