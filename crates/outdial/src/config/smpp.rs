//! `[[sms_trunk]]`: a way out for texts, over SMPP 3.4 unless it says otherwise; and `[texts]`.

use std::{path::PathBuf, time::Duration};

use outdial_carrier_smpp::{Binds, MessageIds, NumberRule, SmppTrunk, TlsSettings};
use outdial_domain::text::{Concatenation, MOST_PARTS, compose};
use outdial_engine::{
    KeywordAnswers, SmsTrunk,
    pacing::{bucket::Rate, limits::Limit},
};
use secrecy::SecretString;
use serde::Deserialize;

use super::{ConfigError, EXOTEL, HOIIO, SMPP, VOICENT, hosted, trunk::read_file};

/// `[texts]`: what is said of texts in general.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Texts {
    /// The languages, by their codes, whose words for stop, start and help are known beside the English ones.
    pub languages: Vec<String>,
    /// What is answered to the words for stop; nothing if not given.
    pub stop_answer: Option<String>,
    /// What is answered to the words for start.
    pub start_answer: Option<String>,
    /// What is answered to the words for help.
    pub help_answer: Option<String>,
}

impl Texts {
    /// What is answered to words, each of which some phone must be able to show.
    ///
    /// # Errors
    ///
    /// For an answer that is empty or too long.
    pub fn answers(&self) -> Result<KeywordAnswers, ConfigError> {
        let checked = |key: &str, answer: &Option<String>| match answer {
            None => Ok(None),
            Some(answer) => compose(answer, false, Concatenation::Udh8, MOST_PARTS)
                .map(|_| Some(answer.clone()))
                .map_err(|error| ConfigError::value(format!("texts.{key}"), error.to_string())),
        };
        Ok(KeywordAnswers {
            stop: checked("stop_answer", &self.stop_answer)?,
            start: checked("start_answer", &self.start_answer)?,
            help: checked("help_answer", &self.help_answer)?,
        })
    }
}

/// A kind of carrier for texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextCarrierKind {
    /// SMPP 3.4.
    #[default]
    Smpp,
    /// An account at Exotel.
    Exotel,
    /// An application at Hoiio.
    Hoiio,
    /// A gateway of Voicent's.
    Voicent,
}

impl TextCarrierKind {
    /// Its name, as the engine knows the carrier by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smpp => SMPP,
            Self::Exotel => EXOTEL,
            Self::Hoiio => HOIIO,
            Self::Voicent => VOICENT,
        }
    }
}

/// `[[sms_trunk]]`: a way out for texts, over SMPP 3.4 unless it says otherwise.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsTrunkSection {
    /// Its name.
    pub name: String,
    /// The kind of carrier that it belongs to.
    #[serde(default)]
    pub carrier: TextCarrierKind,
    /// What Exotel needs to know, when it leads there.
    pub exotel: Option<hosted::Exotel>,
    /// What Hoiio needs to know, when it leads there.
    pub hoiio: Option<hosted::Hoiio>,
    /// What a gateway of Voicent's needs to know, when it leads to one.
    pub voicent: Option<hosted::Voicent>,
    /// The host of the SMSC.
    #[serde(default)]
    pub host: String,
    /// Its port.
    #[serde(default = "usual_port")]
    pub port: u16,
    /// Who we are there.
    #[serde(default)]
    pub system_id: String,
    /// What proves it.
    password: Option<String>,
    /// The environment variable that holds it.
    password_env: Option<String>,
    /// What kind of system we are, where the SMSC wants to know.
    #[serde(default)]
    pub system_type: String,
    /// So many binds that both send and receive.
    pub transceivers: Option<usize>,
    /// So many that send, in place of transceivers.
    pub transmitters: Option<usize>,
    /// So many that receive.
    pub receivers: Option<usize>,
    /// How many texts may be unanswered at one time, on each bind where it has such.
    #[serde(default = "ten")]
    pub window: usize,
    /// After so many seconds without a word we ask whether the SMSC is there.
    #[serde(default = "thirty")]
    pub enquire_after: u64,
    /// How many seconds the SMSC may take to answer.
    #[serde(default = "thirty")]
    pub answer_within: u64,
    /// How parts are told to belong together.
    #[serde(default = "udh8")]
    pub concatenation: String,
    /// How the SMSC writes its names for texts.
    #[serde(default = "same")]
    pub message_ids: String,
    /// Whether receipts are asked for.
    #[serde(default = "yes")]
    pub receipts: bool,
    /// Whether the SMSC is asked what became of a text whose receipt did not come in its time.
    #[serde(default = "yes")]
    pub query: bool,
    /// The value of `data_coding` for a text in GSM 03.38.
    #[serde(default)]
    pub gsm_coding: u8,
    /// Numbers that begin so go out by it; all when empty.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// How many texts may leave by it in a second; 0 for no limit.
    #[serde(default)]
    pub messages_per_second: f64,
    /// How many of them may leave at once after a pause.
    #[serde(default = "one")]
    pub burst: u32,
    /// TLS, where the SMSC speaks it.
    pub tls: Option<SmsTls>,
    /// How senders are written.
    #[serde(default)]
    pub sender: Vec<NumberRuleSection>,
    /// How receivers are written.
    #[serde(default)]
    pub receiver: Vec<NumberRuleSection>,
}

/// `[sms_trunk.tls]`: whom we trust and what we show.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmsTls {
    /// The file with the roots that are trusted; those of the machine if not given.
    pub roots: Option<PathBuf>,
    /// The file with our certificate, where the SMSC wants one.
    pub certificate: Option<PathBuf>,
    /// The file with its key.
    pub key: Option<PathBuf>,
    /// The name in the SMSC's certificate; the host if not given.
    pub name: Option<String>,
}

/// `[[sms_trunk.sender]]` or `[[sms_trunk.receiver]]`: how numbers are written that begin so. The first that fits
/// is used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberRuleSection {
    /// What they begin with; nothing for any.
    #[serde(default)]
    pub begins_with: String,
    /// The most digits that they may have.
    pub at_most: Option<usize>,
    /// The type of number.
    pub ton: u8,
    /// The numbering plan.
    pub npi: u8,
    /// Whether what they begin with is left out.
    #[serde(default)]
    pub strip: bool,
    /// What is written before them.
    #[serde(default)]
    pub prepend: String,
}

fn usual_port() -> u16 {
    2775
}

fn ten() -> usize {
    10
}

fn thirty() -> u64 {
    30
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn udh8() -> String {
    Concatenation::Udh8.as_str().to_owned()
}

fn same() -> String {
    "same".to_owned()
}

/// Never shows the password.
impl std::fmt::Debug for SmsTrunkSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let far: Option<&dyn std::fmt::Debug> = match self.carrier {
            TextCarrierKind::Smpp => None,
            TextCarrierKind::Exotel => Some(&self.exotel),
            TextCarrierKind::Hoiio => Some(&self.hoiio),
            TextCarrierKind::Voicent => Some(&self.voicent),
        };
        if let Some(far) = far {
            return write!(f, "SmsTrunk({} to {far:?}, prefixes {:?})", self.name, self.prefixes);
        }
        let Self {
            name,
            host,
            port,
            system_id,
            prefixes,
            ..
        } = self;
        write!(
            f,
            "SmsTrunk({name} at {host}, port {port}, system_id {system_id:?}, prefixes {prefixes:?})"
        )
    }
}

impl SmsTrunkSection {
    /// The trunk as the engine knows it.
    pub(super) fn route(&self, index: usize) -> Result<SmsTrunk, ConfigError> {
        let wrong = |key: &str, message: &str| Err(ConfigError::value(format!("sms_trunk.{index}.{key}"), message));
        // Negated, so that what is no number is wrong, too.
        if !(0.0..=100_000.0).contains(&self.messages_per_second) {
            return wrong(
                "messages_per_second",
                "give 0 for no limit, or a number up to 100000, as 10 or 0.5",
            );
        }
        if self.burst == 0 {
            return wrong("burst", "give at least 1");
        }
        Ok(SmsTrunk {
            name: self.name.clone(),
            carrier: self.carrier.name().to_owned(),
            prefixes: self.prefixes.clone(),
            built_in: false,
            limit: Limit {
                rate: Rate::per_second(self.messages_per_second, self.burst),
                at_once: None,
            },
            under_way: match self.carrier {
                TextCarrierKind::Smpp => under_way(self.binds()?, self.window),
                TextCarrierKind::Exotel | TextCarrierKind::Hoiio | TextCarrierKind::Voicent => {
                    u32::try_from(self.window).unwrap_or(u32::MAX).max(1)
                }
            },
        })
    }

    /// The trunk as the carrier wants it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key and the remedy.
    pub fn settings(&self) -> Result<SmppTrunk, ConfigError> {
        let settings = SmppTrunk {
            tls: self.tls.as_ref().map(|tls| self.tls(tls)).transpose()?,
            system_id: self.system_id.clone(),
            password: self.password()?,
            system_type: self.system_type.clone(),
            binds: self.binds()?,
            window: self.window,
            enquire_after: Duration::from_secs(self.enquire_after),
            answer_within: Duration::from_secs(self.answer_within),
            concatenation: self.word("concatenation", &self.concatenation, Concatenation::from_word)?,
            message_ids: self.word("message_ids", &self.message_ids, |word| {
                let found = MessageIds::WORDS.into_iter().find(|(known, _)| *known == word);
                found.map(|(_, ids)| ids)
            })?,
            receipts: self.receipts,
            query: self.query,
            senders: self.sender.iter().map(NumberRule::from).collect(),
            receivers: self.receiver.iter().map(NumberRule::from).collect(),
            gsm_coding: self.gsm_coding,
            ..SmppTrunk::new(&self.name, &self.host, self.port)
        };
        settings.check().map_err(|wrong| self.wrong("", wrong.reason))?;
        Ok(settings)
    }

    /// What this carrier needs to know.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when there is no section for it.
    pub fn section<'t, T>(&self, section: &'t Option<T>) -> Result<(&'t T, String), ConfigError> {
        let carrier = self.carrier.name();
        match section {
            Some(section) => Ok((section, format!("sms_trunk.{}.{carrier}", self.name))),
            None => Err(self.wrong(
                carrier,
                format!("a trunk of this carrier needs `[sms_trunk.{carrier}]`"),
            )),
        }
    }

    fn wrong(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let name = &self.name;
        let key = if key.is_empty() {
            String::new()
        } else {
            format!(".{key}")
        };
        ConfigError::value(format!("sms_trunk.{name}{key}"), message)
    }

    fn word<T>(&self, key: &str, word: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ConfigError> {
        let known = match key {
            "concatenation" => "udh8, udh16, sar and message_payload",
            _ => "same, hex_then_decimal and decimal_then_hex",
        };
        read(word).ok_or_else(|| self.wrong(key, format!("`{word}` means nothing here; there are {known}")))
    }

    fn binds(&self) -> Result<Binds, ConfigError> {
        match (self.transceivers, self.transmitters, self.receivers) {
            (count, None, None) => Ok(Binds::Transceivers(count.unwrap_or(1))),
            (None, transmitters, receivers) => Ok(Binds::Separate {
                transmitters: transmitters.unwrap_or(0),
                receivers: receivers.unwrap_or(0),
            }),
            (Some(_), ..) => Err(self.wrong(
                "transceivers",
                "give either `transceivers`, or `transmitters` and `receivers`",
            )),
        }
    }

    fn password(&self) -> Result<SecretString, ConfigError> {
        match (&self.password, &self.password_env) {
            (Some(_), Some(_)) => Err(self.wrong("password", "give either `password` or `password_env`")),
            (Some(password), None) => Ok(password.clone().into()),
            (None, Some(variable)) => std::env::var(variable).map(SecretString::from).map_err(|_| {
                let message = format!("the environment has no variable `{variable}`: set it");
                self.wrong("password_env", message)
            }),
            (None, None) => Ok(SecretString::default()),
        }
    }

    fn tls(&self, tls: &SmsTls) -> Result<TlsSettings, ConfigError> {
        let read = |key: &str, path: &Option<PathBuf>| {
            let key = format!("sms_trunk.{}.tls.{key}", self.name);
            path.as_deref().map(|path| read_file(key, path)).transpose()
        };
        let identity = match (read("certificate", &tls.certificate)?, read("key", &tls.key)?) {
            (Some(certificate), Some(key)) => Some((certificate, SecretString::from(key))),
            (None, None) => None,
            _ => return Err(self.wrong("tls", "give both `certificate` and `key`, or neither")),
        };
        Ok(TlsSettings {
            name: tls.name.clone(),
            roots: read("roots", &tls.roots)?,
            identity,
        })
    }
}

/// How many texts may be in the journal and not answered: what the windows hold, and as many that are being written
/// there, so that no window runs empty while the disk is busy.
pub fn under_way(binds: Binds, window: usize) -> u32 {
    let binds = match binds {
        Binds::Transceivers(count) => count,
        Binds::Separate { transmitters, .. } => transmitters,
    };
    u32::try_from(2 * binds * window).unwrap_or(u32::MAX).max(2)
}

impl From<&NumberRuleSection> for NumberRule {
    fn from(rule: &NumberRuleSection) -> Self {
        Self {
            begins_with: rule.begins_with.clone(),
            at_most: rule.at_most,
            ton: rule.ton,
            npi: rule.npi,
            strip: rule.strip,
            prepend: rule.prepend.clone(),
        }
    }
}
