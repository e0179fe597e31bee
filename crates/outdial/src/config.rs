//! The configuration: one TOML file and `OUTDIAL_…` variables, a typed section for each concern.
//!
//! `outdial.example.toml` shows every key with its default and is compiled in; a test reads it.

mod asterisk;
mod faces;
mod handsets;
mod hosted;
mod pacing;
mod recordings;
mod sections;
mod smpp;
mod store;
mod trace;
mod trunk;
mod webhooks;

use std::path::{Path, PathBuf};

use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use outdial_domain::{Account, Address, Number, NumberUse, message::Keyword};
use outdial_engine::{Settings, SmsTrunk, policy::OpeningError, routing};
use outdial_flow::Problem;
use secrecy::SecretString;
use serde::Deserialize;

pub use asterisk::Asterisk;
pub use faces::{Faces, Spool};
pub use handsets::Handsets;
pub use pacing::Pacing;
pub use recordings::Recordings;
pub use sections::{Limits, Media, NumberSection, Policy, Server, Sip, SipTls};
pub use smpp::{SmsTrunkSection, TextCarrierKind, Texts, under_way};
pub use store::Store;
pub use trace::{Hep, Trace};
pub use trunk::{CarrierKind, Transport, Trunk};
pub use webhooks::Webhooks;

/// The commented configuration with every key and its default.
pub const EXAMPLE: &str = include_str!("../../../outdial.example.toml");

/// The name of the kind of carrier that `[sip]` starts.
pub const SIP: &str = "sip";

/// The name of the kind of carrier that hands whole calls to an Asterisk.
pub const ASTERISK: &str = "asterisk";

/// The names of the kinds of carriers that hand calls and texts to hosted services.
pub const EXOTEL: &str = "exotel";
/// See [`EXOTEL`].
pub const HOIIO: &str = "hoiio";
/// See [`EXOTEL`].
pub const VOICENT: &str = "voicent";

/// The name of the kind of carrier that sends texts over SMPP.
pub const SMPP: &str = "smpp";

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The HTTP server and this node.
    pub server: Server,
    /// Where the state is kept.
    pub store: Store,
    /// The SIP side.
    pub sip: Sip,
    /// The sound.
    pub media: Media,
    /// What is shown and told of the messages of calls.
    pub trace: Trace,
    /// Defaults and bounds of requests.
    pub limits: Limits,
    /// How fast calls may go.
    pub pacing: Pacing,
    /// Which destinations are open.
    pub policy: Policy,
    /// How long recordings are kept.
    pub recordings: Recordings,
    /// Who may be told of events.
    pub webhooks: Webhooks,
    /// Who speaks the texts.
    pub speech: outdial_speech::SpeechConfig,
    /// The built-in handsets.
    pub handsets: Handsets,
    /// The interfaces that programs of others call us by.
    pub faces: Faces,
    /// The ways out, in the order they are tried.
    pub trunk: Vec<Trunk>,
    /// What is said of texts in general.
    pub texts: Texts,
    /// The ways out for texts, in the order they are tried.
    pub sms_trunk: Vec<SmsTrunkSection>,
    /// The numbers of the accounts.
    pub number: Vec<NumberSection>,
    /// Stored flows, by name, in the format of the API.
    pub flow: std::collections::BTreeMap<String, serde_json::Value>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {path} cannot be read: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A key is unknown, missing, or has a value of the wrong kind.
    #[error("{0}")]
    Wrong(String),
    /// A value makes no sense.
    #[error("configuration key `{key}`: {message}")]
    Value {
        /// The key, as `trunk.1.host`.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
}

impl ConfigError {
    /// A value that makes no sense.
    pub fn value(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Value {
            key: key.into(),
            message: message.into(),
        }
    }
}

impl Config {
    /// Reads the file, if one is given, and the variables over it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key and the remedy.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        if let Some(path) = path {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                path: path.to_owned(),
                source,
            })?;
            // Read once by itself, because these errors show the line.
            toml::from_str::<Self>(&text).map_err(|error| ConfigError::Wrong(explained(path, &text, &error)))?;
            figment = figment.merge(Toml::string(&text));
        }
        let environment = Env::prefixed("OUTDIAL_")
            .ignore(&["url", "key", "config", "data", "log", "webhook_secret", "fault"])
            .split("__");
        figment
            .merge(environment)
            .extract()
            .map_err(|error| ConfigError::Wrong(format!("the configuration: {error}")))
    }

    /// What the engine needs of all this.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key and the remedy.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let mut trunks: Vec<routing::Trunk> = Vec::new();
        for (index, trunk) in self.trunk.iter().enumerate() {
            if trunk.name == Handsets::TRUNK || trunk.name == routing::DIRECT {
                return Err(ConfigError::value(
                    format!("trunk.{index}.name"),
                    "this name is taken: choose another",
                ));
            }
            if trunks.iter().any(|other| other.name == trunk.name) {
                return Err(ConfigError::value(
                    format!("trunk.{index}.name"),
                    "two trunks have this name",
                ));
            }
            trunks.push(routing::Trunk {
                name: trunk.name.clone(),
                carrier: trunk.carrier.name().to_owned(),
                prefixes: trunk.prefixes.clone(),
                built_in: false,
                limit: trunk.allowance().limit(&format!("trunk.{index}"))?,
                incoming: trunk.incoming_limit(&format!("trunk.{index}"))?,
            });
        }
        if self.handsets.enabled {
            // First, so that a number of a handset never leaves the machine by mistake.
            trunks.insert(0, self.handsets.trunk()?);
        }
        let open = self.policy.open.iter().enumerate().map(|(index, line)| {
            line.parse()
                .map_err(|error: OpeningError| ConfigError::value(format!("policy.open.{index}"), error.to_string()))
        });
        let flows = self.flows()?;
        self.refuse_handing_callers_over(&flows)?;
        Ok(Settings {
            sms_trunks: self.sms_trunks()?,
            keyword_languages: self.languages()?,
            keyword_answers: self.texts.answers()?,
            node: self.server.node.clone(),
            limits: self.limits.bounds()?,
            trunks,
            pacing: self.pacing.rules()?,
            outgoing: self.webhooks.outgoing()?,
            policy: outdial_engine::policy::Policy {
                open: open.collect::<Result<_, _>>()?,
            },
            unmasked: self.trace.unmasked,
            recordings: self.recordings.keeping()?,
            numbers: self.numbers()?,
            flows,
        })
    }

    /// The trunks for texts, with the one to the built-in SMSC first.
    fn sms_trunks(&self) -> Result<Vec<SmsTrunk>, ConfigError> {
        let mut trunks: Vec<SmsTrunk> = Vec::new();
        for (index, trunk) in self.sms_trunk.iter().enumerate() {
            let name = &trunk.name;
            let key = format!("sms_trunk.{index}.name");
            if name == Handsets::TRUNK || name == routing::DIRECT {
                return Err(ConfigError::value(key, "this name is taken: choose another"));
            }
            // Limits are counted by the names of trunks, of whichever kind.
            if trunks.iter().any(|other| other.name == *name) || self.trunk.iter().any(|other| other.name == *name) {
                return Err(ConfigError::value(key, "two trunks have this name"));
            }
            trunks.push(trunk.route(index)?);
        }
        if self.handsets.enabled {
            // First, so that a number of a handset never leaves the machine by mistake.
            trunks.insert(0, self.handsets.sms_trunk()?);
        }
        Ok(trunks)
    }

    fn languages(&self) -> Result<Vec<String>, ConfigError> {
        let known = Keyword::languages();
        let unknown = self.texts.languages.iter().find(|code| !known.contains(&code.as_str()));
        match unknown {
            None => Ok(self.texts.languages.clone()),
            Some(code) => Err(ConfigError::value(
                "texts.languages",
                format!(
                    "the words of `{code}` are not known here; there are: {}",
                    known.join(", ")
                ),
            )),
        }
    }

    fn numbers(&self) -> Result<Vec<Number>, ConfigError> {
        let read = |(index, number): (usize, &NumberSection)| {
            let key = |name: &str| format!("number.{index}.{name}");
            let uses = number.uses.iter().map(|word| {
                NumberUse::from_word(word).ok_or_else(|| {
                    let known = NumberUse::ALL
                        .iter()
                        .map(|known| known.as_str())
                        .collect::<Vec<_>>()
                        .join(", ");
                    ConfigError::value(
                        key("uses"),
                        format!("`{word}` is no use of a number; there are: {known}"),
                    )
                })
            });
            if let Some(trunk) = &number.trunk
                && !self.trunk.iter().any(|known| known.name == *trunk)
                && !self.sms_trunk.iter().any(|known| known.name == *trunk)
            {
                return Err(ConfigError::value(key("trunk"), format!("there is no trunk `{trunk}`")));
            }
            let uses: Vec<NumberUse> = uses.collect::<Result<_, ConfigError>>()?;
            match &number.flow {
                None if uses.contains(&NumberUse::ReceivesCalls) => {
                    return Err(ConfigError::value(
                        key("flow"),
                        "a number that receives calls needs the name of a flow",
                    ));
                }
                Some(flow) if !self.flow.contains_key(flow) => {
                    return Err(ConfigError::value(
                        key("flow"),
                        format!("there is no flow `{flow}` under `[flow]`"),
                    ));
                }
                _ => {}
            }
            Ok(Number {
                address: Address::parse(&number.number)
                    .map_err(|error| ConfigError::value(key("number"), error.to_string()))?,
                account: number.account.clone(),
                trunk: number.trunk.clone(),
                uses,
                flow: number.flow.clone(),
            })
        };
        self.number.iter().enumerate().map(read).collect()
    }

    /// A call that comes in is carried by us, and no switch is there to take it.
    fn refuse_handing_callers_over(
        &self,
        flows: &std::collections::BTreeMap<String, outdial_flow::Flow>,
    ) -> Result<(), ConfigError> {
        for (index, number) in self.number.iter().enumerate() {
            let flow = number.flow.as_ref().and_then(|name| flows.get(name));
            if flow.is_some_and(outdial_flow::Flow::hands_over) {
                let message = "this flow has a `hand_over`, which is for calls that go out: give calls to this number \
                               to another flow";
                return Err(ConfigError::value(format!("number.{index}.flow"), message));
            }
        }
        Ok(())
    }

    fn flows(&self) -> Result<std::collections::BTreeMap<String, outdial_flow::Flow>, ConfigError> {
        let read = |(name, value): (&String, &serde_json::Value)| {
            outdial_flow::document::read(value, &format!("flow.{name}"))
                .map(|flow| (name.clone(), flow))
                .map_err(|problems| first(&problems))
        };
        self.flow.iter().map(read).collect()
    }
}

/// What is wrong and on which line. The line itself may hold a password, so it is not shown.
fn explained(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!(
        "{}, line {}: {}",
        path.display(),
        before.matches('\n').count() + 1,
        error.message()
    )
}

fn first(problems: &[Problem]) -> ConfigError {
    match problems.first() {
        Some(problem) => ConfigError::value(problem.field.clone(), &problem.message),
        None => ConfigError::value("flow", "it cannot be read"),
    }
}

/// A secret that stands in the configuration or in a variable of the environment.
fn secret(key: &str, given: Option<&SecretString>, variable: Option<&String>) -> Result<SecretString, ConfigError> {
    match (given, variable) {
        (Some(_), Some(_)) => Err(ConfigError::value(key, format!("give either `{key}` or `{key}_env`"))),
        (Some(secret), None) => Ok(secret.clone()),
        (None, Some(name)) => match std::env::var(name) {
            Ok(secret) if !secret.is_empty() => Ok(secret.into()),
            _ => Err(ConfigError::value(
                format!("{key}_env"),
                format!("the variable {name} is not set"),
            )),
        },
        (None, None) => Err(ConfigError::value(key, "a secret is needed here")),
    }
}

/// The account that exists from the first start, and that requests without another one belong to.
pub const DEFAULT_ACCOUNT: &str = "default";

/// Whether every number belongs to an account that exists, and every rule for recordings is for one.
///
/// # Errors
///
/// [`ConfigError`] names the number or the rule whose account does not.
pub fn check_accounts(settings: &Settings, accounts: &[Account]) -> Result<(), ConfigError> {
    for (index, number) in settings.numbers.iter().enumerate() {
        if !accounts.iter().any(|account| account.name == number.account) {
            let message = format!(
                "there is no account `{0}`: make it with `outdial accounts add {0}`",
                number.account
            );
            return Err(ConfigError::value(format!("number.{index}.account"), message));
        }
    }
    for name in settings.recordings.accounts.keys() {
        if !accounts.iter().any(|account| account.name == *name) {
            let message = format!("there is no account `{name}`: make it with `outdial accounts add {name}`");
            return Err(ConfigError::value(format!("recordings.accounts.{name}"), message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_shows_the_defaults() {
        let example: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(format!("{example:?}"), format!("{:?}", Config::default()));
        example.settings().unwrap();
    }

    #[test]
    fn the_keys_without_a_default_are_understood() {
        // A section that is shown as a comment comes after the sections that have defaults.
        let shown: Vec<&str> = EXAMPLE.lines().map(|line| line.trim_start_matches("#: ")).collect();
        let without = |key: &str| {
            shown
                .iter()
                .filter(|line| !line.starts_with(key))
                .copied()
                .collect::<Vec<_>>()
        };
        let config: Config = toml::from_str(&without("password_env").join("\n")).unwrap();
        assert_eq!(config.trunk[0].name, "provider");
        assert_eq!(config.sms_trunk[0].sender[0].ton, 1);
        assert_eq!(config.number[0].uses, ["caller_id"]);
        assert!(config.flow.contains_key("reminder"));
        let settings = Config {
            handsets: Handsets::default(),
            ..config
        }
        .settings()
        .unwrap();
        let carriers: Vec<&str> = settings.trunks.iter().map(|trunk| trunk.carrier.as_str()).collect();
        assert_eq!(carriers, [SIP, SIP, ASTERISK, EXOTEL, HOIIO, VOICENT]);
        let carriers = settings.sms_trunks.iter().map(|trunk| trunk.carrier.as_str());
        assert_eq!(carriers.collect::<Vec<_>>(), [SMPP, SMPP, EXOTEL]);
    }

    #[test]
    fn a_call_that_comes_in_is_not_handed_over() {
        let text = "[[number]]\nnumber = \"+6512345678\"\nuses = [\"receives_calls\"]\nflow = \"ivr\"\n[flow]\n\
                    ivr = [{ hand_over = { context = \"ivr\", extension = \"s\" } }]";
        let config: Config = toml::from_str(text).unwrap();
        let error = config.settings().unwrap_err().to_string();
        assert!(
            error.contains("number.0.flow") && error.contains("hand_over"),
            "{error}"
        );
    }

    #[test]
    fn passwords_are_not_shown() {
        let config: Config = toml::from_str("[[trunk]]\nname = \"a\"\nhost = \"b\"\npassword = \"hunter2\"").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
