//! `[trunk.exotel]`, `[trunk.hoiio]` and `[trunk.voicent]`, and the same under `[sms_trunk]`: accounts at hosted
//! services, and gateways.

use std::{path::PathBuf, time::Duration};

use outdial_carrier_hosted::{ExotelTrunk, HoiioTrunk, Polling, Reach, VoicentTrunk};
use outdial_engine::outgoing::{AllowedError, Outgoing};
use secrecy::SecretString;
use serde::Deserialize;

use super::ConfigError;

/// `[trunk.exotel]`: an account at Exotel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exotel {
    /// The account.
    pub sid: String,
    /// The key that the token belongs to, for accounts that have keys.
    pub api_key: Option<String>,
    /// The token, and the variable that holds it instead.
    token: Option<SecretString>,
    token_env: Option<String>,
    /// Where the service is, without `/v1`; Singapore if not given.
    pub url: Option<String>,
    /// What calls show and texts come from when a request says nothing.
    pub from: Option<String>,
    /// The address of an app.
    pub apps: Option<String>,
    /// How many requests the account may send in a minute.
    pub requests_per_minute: Option<u32>,
    /// The directory by which processes of this machine share that.
    pub shared_in: Option<PathBuf>,
    /// How it is reached.
    #[serde(default)]
    pub http: Http,
}

/// `[trunk.hoiio]`: an application at Hoiio.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hoiio {
    /// Where the service is: `https://…/open/`.
    pub url: String,
    /// The application.
    pub app_id: String,
    /// Its secret, and the variable that holds it instead.
    access_token: Option<SecretString>,
    access_token_env: Option<String>,
    /// What second numbers see, or `private`; and what texts come from.
    pub from: Option<String>,
    /// How it is reached.
    #[serde(default)]
    pub http: Http,
}

/// `[trunk.voicent]`: a gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voicent {
    /// Where it is, as `http://192.0.2.10:8155`.
    pub url: String,
    /// What calls show when a request says nothing.
    pub from: Option<String>,
    /// The directory where prompts are put.
    pub audio: Option<PathBuf>,
    /// The same as the gateway names it.
    pub audio_there: Option<String>,
    /// How it is reached.
    #[serde(default)]
    pub http: Http,
}

/// `[trunk.exotel.http]` and the like: how a service is reached, and how it reaches us.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Networks, addresses and names that may be connected to besides the public Internet, also without TLS.
    pub allow: Vec<String>,
    /// Where the service reaches this server.
    pub callbacks: Option<String>,
    /// After so many seconds it is asked first what became of a call.
    pub first_poll: f64,
    /// The longest pause between two questions, in seconds.
    pub longest_poll: f64,
    /// How many seconds it may take to answer.
    pub answer_within: f64,
}

impl Default for Http {
    fn default() -> Self {
        let reach = Reach::default();
        Self {
            allow: Vec::new(),
            callbacks: None,
            first_poll: reach.polling.first.as_secs_f64(),
            longest_poll: reach.polling.longest.as_secs_f64(),
            answer_within: reach.answer_within.as_secs_f64(),
        }
    }
}

impl Http {
    fn reach(&self, section: &str) -> Result<Reach, ConfigError> {
        let key = |name: &str| format!("{section}.http.{name}");
        let seconds = |name: &str, seconds: f64| {
            let length = Duration::try_from_secs_f64(seconds).ok();
            let length = length.filter(|length| !length.is_zero() && *length <= Duration::from_secs(3600));
            length.ok_or_else(|| ConfigError::value(key(name), "give seconds, more than 0 and at most 3600"))
        };
        Ok(Reach {
            allow: Outgoing::allowing(self.allow.iter().map(String::as_str))
                .map_err(|error: AllowedError| ConfigError::value(key("allow"), error.to_string()))?,
            callbacks: self.callbacks.clone(),
            polling: Polling {
                first: seconds("first_poll", self.first_poll)?,
                longest: seconds("longest_poll", self.longest_poll)?,
            },
            answer_within: seconds("answer_within", self.answer_within)?,
        })
    }
}

impl Exotel {
    /// The trunk as its carrier wants it. It stands in this section, as `trunk.india.exotel`.
    pub fn settings(&self, name: &str, section: &str) -> Result<ExotelTrunk, ConfigError> {
        let key = format!("{section}.token");
        let token = super::secret(&key, self.token.as_ref(), self.token_env.as_ref())?;
        let usual = ExotelTrunk::new(name, &self.sid, token);
        Ok(ExotelTrunk {
            api_key: self.api_key.clone(),
            url: self.url.clone().unwrap_or(usual.url),
            from: self.from.clone(),
            apps: self.apps.clone().unwrap_or(usual.apps),
            requests_per_minute: self.requests_per_minute.unwrap_or(usual.requests_per_minute),
            shared_in: self.shared_in.clone(),
            reach: self.http.reach(section)?,
            ..usual
        })
    }
}

impl Hoiio {
    /// The trunk as its carrier wants it. It stands in this section, as `trunk.sg.hoiio`.
    pub fn settings(&self, name: &str, section: &str) -> Result<HoiioTrunk, ConfigError> {
        let key = format!("{section}.access_token");
        let token = super::secret(&key, self.access_token.as_ref(), self.access_token_env.as_ref())?;
        Ok(HoiioTrunk {
            from: self.from.clone(),
            reach: self.http.reach(section)?,
            ..HoiioTrunk::new(name, &self.url, &self.app_id, token)
        })
    }
}

impl Voicent {
    /// The trunk as its carrier wants it. It stands in this section, as `trunk.office.voicent`.
    pub fn settings(&self, name: &str, section: &str) -> Result<VoicentTrunk, ConfigError> {
        Ok(VoicentTrunk {
            from: self.from.clone(),
            audio: self.audio.clone(),
            audio_there: self.audio_there.clone(),
            reach: self.http.reach(section)?,
            ..VoicentTrunk::new(name, &self.url)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_named() {
        let exotel = |text: &str| {
            let section: Exotel = toml::from_str(text).unwrap();
            section.settings("india", "trunk.india.exotel")
        };
        let well = exotel("sid = \"a\"\ntoken = \"t\"\n[http]\nfirst_poll = 0.5\nallow = [\"127.0.0.1\"]").unwrap();
        assert_eq!(well.reach.polling.first, Duration::from_millis(500));
        assert_eq!(well.requests_per_minute, 200);
        for (text, key) in [
            ("sid = \"a\"", "trunk.india.exotel.token"),
            ("sid = \"a\"\ntoken = \"t\"\ntoken_env = \"T\"", "either"),
            (
                "sid = \"a\"\ntoken = \"t\"\n[http]\nfirst_poll = 0",
                "trunk.india.exotel.http.first_poll",
            ),
            (
                "sid = \"a\"\ntoken = \"t\"\n[http]\nallow = [\"a b\"]",
                "trunk.india.exotel.http.allow",
            ),
        ] {
            let error = exotel(text).unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
        let hoiio: Hoiio =
            toml::from_str("url = \"https://a/open/\"\napp_id = \"A\"\naccess_token = \"sesame\"").unwrap();
        let shown = format!("{hoiio:?} {:?}", hoiio.settings("sg", "trunk.sg.hoiio").unwrap());
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
