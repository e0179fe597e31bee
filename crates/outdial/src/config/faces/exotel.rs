//! `[faces.exotel]`: Exotel's REST.

use outdial_domain::Account;
use outdial_faces::exotel::{Country, ExotelAccount, ExotelConfig};
use secrecy::SecretString;
use serde::Deserialize;

use crate::config::{self, ConfigError, DEFAULT_ACCOUNT};

/// `[faces.exotel]`: Exotel's REST.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exotel {
    /// Whether it is served.
    pub enabled: bool,
    /// How many requests an account may send in a minute; 0 for any number.
    pub requests_per_minute: u32,
    /// What addresses of recordings begin with; the address of the API if not given.
    pub public_url: Option<String>,
    /// Who may ask.
    pub account: Vec<Login>,
}

/// `[[faces.exotel.account]]`: an account of the service with its credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Names it in paths; older clients give it as their user name, too.
    pub sid: String,
    /// The user name of newer clients.
    pub api_key: Option<String>,
    /// The password, and the variable that holds it instead.
    token: Option<SecretString>,
    token_env: Option<String>,
    /// The account whose calls they are.
    #[serde(default = "default_account")]
    pub account: String,
    /// Whether calls may show any caller id.
    #[serde(default)]
    pub any_caller_id: bool,
    /// The code of the country of numbers that are given without one, as `91`.
    pub country: Option<String>,
    /// How many digits numbers of that country have after its code.
    #[serde(default = "usual_digits")]
    pub number_digits: usize,
}

fn usual_digits() -> usize {
    Country::USUAL_DIGITS
}

fn default_account() -> String {
    DEFAULT_ACCOUNT.to_owned()
}

impl Default for Exotel {
    fn default() -> Self {
        Self {
            enabled: true,
            requests_per_minute: 200,
            public_url: None,
            account: Vec::new(),
        }
    }
}

impl Exotel {
    /// The same as the face wants it. The API is at this address.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key and the remedy.
    pub fn settings(&self, accounts: &[Account], api: &str) -> Result<ExotelConfig, ConfigError> {
        let login = |(index, login): (usize, &Login)| {
            let key = |name: &str| format!("faces.exotel.account.{index}.{name}");
            let before = &self.account[..index];
            if before.iter().any(|other| other.sid.eq_ignore_ascii_case(&login.sid)) {
                return Err(ConfigError::value(key("sid"), "two accounts have this name"));
            }
            let country = login.country.as_deref().map(|code| {
                Country::new(code, login.number_digits).ok_or_else(|| {
                    let message = "give the code of a country without its plus, as 91, and with `number_digits` how many \
                                   digits its numbers have after it, 4 to 12";
                    ConfigError::value(key("country"), message)
                })
            });
            Ok(ExotelAccount {
                country: country.transpose()?,
                sid: login.sid.clone(),
                api_key: login.api_key.clone(),
                token: config::secret(&key("token"), login.token.as_ref(), login.token_env.as_ref())?,
                tenant: super::tenant(&key("account"), &login.account, login.any_caller_id, accounts)?,
            })
        };
        Ok(ExotelConfig {
            accounts: self.account.iter().enumerate().map(login).collect::<Result<_, _>>()?,
            requests_per_minute: self.requests_per_minute,
            public_url: self.public_url.clone().unwrap_or_else(|| api.to_owned()),
        })
    }
}
