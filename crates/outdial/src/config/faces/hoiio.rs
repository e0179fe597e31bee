//! `[faces.hoiio]`: Hoiio's open API.

use outdial_domain::{Account, Address, Destination};
use outdial_faces::hoiio::{HoiioApp, HoiioConfig};
use secrecy::SecretString;
use serde::Deserialize;

use crate::config::{self, ConfigError, DEFAULT_ACCOUNT};

/// `[faces.hoiio]`: Hoiio's open API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hoiio {
    /// Whether it is served.
    pub enabled: bool,
    /// How many queries, hang-ups and moderations an application may send in a minute; 0 for any number.
    pub queries_per_minute: u32,
    /// How many may be in a room.
    pub most_in_a_room: u16,
    /// Whether a notification that is not taken is sent again.
    pub notify_again: bool,
    /// What addresses of recordings begin with; the address of the API when left out.
    pub public_url: Option<String>,
    /// Who may ask.
    pub app: Vec<App>,
}

/// `[[faces.hoiio.app]]`: an application with its credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Names it.
    pub app_id: String,
    /// Its secret, and the variable that holds it instead.
    access_token: Option<SecretString>,
    access_token_env: Option<String>,
    /// The account whose calls they are.
    #[serde(default = "default_account")]
    pub account: String,
    /// The number that is rung first when a call names no other.
    pub registered: Option<String>,
    /// Whether calls may show any caller id.
    #[serde(default)]
    pub any_caller_id: bool,
}

fn default_account() -> String {
    DEFAULT_ACCOUNT.to_owned()
}

impl Default for Hoiio {
    fn default() -> Self {
        Self {
            enabled: true,
            queries_per_minute: 60,
            most_in_a_room: 8,
            notify_again: false,
            public_url: None,
            app: Vec::new(),
        }
    }
}

impl Hoiio {
    /// The same as the face wants it. The API is at this address.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key and the remedy.
    pub fn settings(&self, accounts: &[Account], api: &str) -> Result<HoiioConfig, ConfigError> {
        if self.most_in_a_room == 0 {
            return Err(ConfigError::value("faces.hoiio.most_in_a_room", "give at least 1"));
        }
        let app = |(index, app): (usize, &App)| {
            let key = |name: &str| format!("faces.hoiio.app.{index}.{name}");
            if self.app[..index].iter().any(|other| other.app_id == app.app_id) {
                return Err(ConfigError::value(key("app_id"), "two applications have this name"));
            }
            let registered = app.registered.as_ref().map(|number| {
                let address = Address::parse(number).ok();
                let address = address.filter(|address| matches!(address.destination(), Destination::E164(_)));
                address.ok_or_else(|| {
                    ConfigError::value(key("registered"), "give a number with its country, as +6511111111")
                })
            });
            let (token, variable) = (app.access_token.as_ref(), app.access_token_env.as_ref());
            Ok(HoiioApp {
                app_id: app.app_id.clone(),
                access_token: config::secret(&key("access_token"), token, variable)?,
                tenant: super::tenant(&key("account"), &app.account, app.any_caller_id, accounts)?,
                registered: registered.transpose()?,
            })
        };
        Ok(HoiioConfig {
            apps: self.app.iter().enumerate().map(app).collect::<Result<_, _>>()?,
            queries_per_minute: self.queries_per_minute,
            most_in_a_room: self.most_in_a_room,
            public_url: self.public_url.clone().unwrap_or_else(|| api.to_owned()),
            notify_again: self.notify_again,
        })
    }
}
