//! What a trunk is told at its start.

use std::time::Duration;

use outdial_domain::text::Concatenation;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{ids::MessageIds, numbers::NumberRule, tls::TlsSettings};

/// One trunk: an SMSC, and how we are connected to it.
#[derive(Debug, Clone)]
pub struct SmppTrunk {
    /// Its name.
    pub name: String,
    /// The host of the SMSC.
    pub host: String,
    /// Its port, usually 2775.
    pub port: u16,
    /// TLS, where the SMSC speaks it.
    pub tls: Option<TlsSettings>,
    /// Who we are there.
    pub system_id: String,
    /// What proves it: at most 8 characters, says SMPP.
    pub password: SecretString,
    /// What kind of system we are, where the SMSC wants to know.
    pub system_type: String,
    /// The kinds of binds, and how many of each.
    pub binds: Binds,
    /// How many texts may be unanswered at one time on each bind.
    pub window: usize,
    /// After so long without a word we ask whether the SMSC is there.
    pub enquire_after: Duration,
    /// How long the SMSC may take to answer. A text that it does not answer may or may not have been sent.
    pub answer_within: Duration,
    /// The pause before connecting again: the first, which doubles, and the longest.
    pub reconnect: (Duration, Duration),
    /// How the parts of a text are told to belong together.
    pub concatenation: Concatenation,
    /// How the SMSC names texts.
    pub message_ids: MessageIds,
    /// Whether receipts are asked for.
    pub receipts: bool,
    /// Whether the SMSC is asked (`query_sm`) what became of a text whose receipt did not come in its time.
    pub query: bool,
    /// Rules for senders.
    pub senders: Vec<NumberRule>,
    /// Rules for receivers.
    pub receivers: Vec<NumberRule>,
    /// The value of `data_coding` for a text in GSM 03.38: 0, unless the SMSC's own alphabet is another.
    pub gsm_coding: u8,
}

/// The kinds of binds, and how many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binds {
    /// So many that both send and receive.
    Transceivers(usize),
    /// So many that send, and so many that receive.
    Separate {
        /// That send.
        transmitters: usize,
        /// That receive.
        receivers: usize,
    },
}

/// A trunk whose settings make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the trunk `{trunk}`: {reason}")]
pub struct WrongTrunk {
    /// The trunk.
    pub trunk: String,
    /// What is wrong and what to do.
    pub reason: String,
}

/// The most binds of a trunk.
const MOST_BINDS: usize = 64;

/// The most texts that may be unanswered on a bind.
const WIDEST_WINDOW: usize = 1000;

impl SmppTrunk {
    /// A trunk with one transceiver and the usual values.
    #[must_use]
    pub fn new(name: impl Into<String>, host: impl Into<String>, port: u16) -> Self {
        Self {
            name: name.into(),
            host: host.into(),
            port,
            tls: None,
            system_id: String::new(),
            password: SecretString::default(),
            system_type: String::new(),
            binds: Binds::Transceivers(1),
            window: 10,
            enquire_after: Duration::from_secs(30),
            answer_within: Duration::from_secs(30),
            reconnect: (Duration::from_secs(1), Duration::from_secs(60)),
            concatenation: Concatenation::Udh8,
            message_ids: MessageIds::Same,
            receipts: true,
            query: true,
            senders: Vec::new(),
            receivers: Vec::new(),
            gsm_coding: 0,
        }
    }

    /// Finds what would make every bind or every text fail.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), WrongTrunk> {
        self.wrong().map_or(Ok(()), |reason| {
            Err(WrongTrunk {
                trunk: self.name.clone(),
                reason,
            })
        })
    }

    fn wrong(&self) -> Option<String> {
        if self.host.is_empty() || self.port == 0 {
            return Some("give the `host` and `port` of the SMSC".to_owned());
        }
        if let Some(wrong) = field("system_id", &self.system_id, 15)
            .or_else(|| field("password", self.password.expose_secret(), 8))
            .or_else(|| field("system_type", &self.system_type, 12))
        {
            return Some(wrong);
        }
        if self.system_id.is_empty() {
            return Some("give the `system_id` that the operator has given you".to_owned());
        }
        let (sending, receiving) = match self.binds {
            Binds::Transceivers(count) => (count, count),
            Binds::Separate {
                transmitters,
                receivers,
            } => (transmitters, receivers),
        };
        if sending == 0 || sending + receiving > MOST_BINDS {
            return Some(format!(
                "it has {sending} binds that send and {receiving} that receive: give at least one that sends, and at most \
                 {MOST_BINDS} together"
            ));
        }
        if self.receipts && receiving == 0 {
            return Some(
                "it asks for receipts and has no bind that receives: give one, or set `receipts = false`".to_owned(),
            );
        }
        if !(1..=WIDEST_WINDOW).contains(&self.window) {
            return Some(format!("`window` is {}: give 1 to {WIDEST_WINDOW}", self.window));
        }
        if self.enquire_after.is_zero() || self.answer_within.is_zero() || self.reconnect.0.is_zero() {
            return Some("its times must be longer than nothing".to_owned());
        }
        None
    }
}

/// What is wrong with a text of a bind; never says what the text is, because it may be the password.
fn field(name: &str, value: &str, most: usize) -> Option<String> {
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    (value.len() > most || !plain).then(|| format!("`{name}` may have {most} characters of ASCII at most"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(change: impl FnOnce(&mut SmppTrunk)) -> String {
        let mut trunk = SmppTrunk::new("smsc", "smsc.example.com", 2775);
        trunk.system_id = "outdial".to_owned();
        change(&mut trunk);
        trunk.check().map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_would_make_everything_fail_is_named() {
        assert_eq!(wrong(|_| {}), "");
        assert!(wrong(|trunk| trunk.port = 0).contains("port"));
        assert!(wrong(|trunk| trunk.system_id.clear()).contains("system_id"));
        assert!(wrong(|trunk| trunk.system_id = "a".repeat(16)).contains("15 characters"));
        assert!(wrong(|trunk| trunk.window = 0).contains("window"));
        assert!(wrong(|trunk| trunk.binds = Binds::Transceivers(0)).contains("at least one"));
        assert!(wrong(|trunk| trunk.enquire_after = Duration::ZERO).contains("times"));
        let only_sends = |receipts| {
            move |trunk: &mut SmppTrunk| {
                trunk.receipts = receipts;
                trunk.binds = Binds::Separate {
                    transmitters: 2,
                    receivers: 0,
                };
            }
        };
        assert!(wrong(only_sends(true)).contains("no bind that receives"));
        assert_eq!(wrong(only_sends(false)), "");
    }

    #[test]
    fn a_password_is_neither_shown_nor_told() {
        let secret = "longer than eight";
        let said = wrong(|trunk| trunk.password = SecretString::from(secret));
        assert!(said.contains("password") && !said.contains(secret));
        let mut trunk = SmppTrunk::new("smsc", "localhost", 2775);
        trunk.password = SecretString::from("hidden");
        assert!(!format!("{trunk:?}").contains("hidden"));
    }
}
