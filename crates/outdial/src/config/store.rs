//! `[store]`: where the state is kept.

use secrecy::SecretString;
use serde::Deserialize;

use super::ConfigError;

/// `[store]`: where the state is kept. Without a URL it is one file in the data directory.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The PostgreSQL database, with its password.
    pub url: Option<SecretString>,
    /// The variable of the environment that holds the URL.
    pub url_env: Option<String>,
}

impl Store {
    /// The URL of the database; none for the file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when two are given, or the variable is empty.
    pub fn url(&self) -> Result<Option<SecretString>, ConfigError> {
        match (&self.url, &self.url_env) {
            (Some(_), Some(_)) => Err(ConfigError::value("store.url_env", "give it or `store.url`, not both")),
            (Some(url), None) => Ok(Some(url.clone())),
            (None, Some(variable)) => match std::env::var(variable) {
                Ok(url) if !url.is_empty() => Ok(Some(url.into())),
                _ => Err(ConfigError::value(
                    "store.url_env",
                    format!("the variable `{variable}` is not set"),
                )),
            },
            (None, None) => Ok(None),
        }
    }
}
