//! Reads a script file and says what is wrong with it.

use std::path::{Path, PathBuf};

use super::read_steps::{steps, steps_before_the_answer};
use super::table::{ChallengeTable, File, PhoneTable, ThenName, VoicemailTable};
use super::{Behaviour, Challenge, Network, Phone, Script, Sound, Then, Voicemail};

/// Why a script cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file could not be read.
    #[error("cannot read the handset script {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not TOML, or a key is unknown or has a value of another kind; the message shows the line and the keys there are.
    #[error("the handset script is not right: {0}")]
    Toml(#[from] toml::de::Error),
    /// A phone says something that cannot be done.
    #[error("in the handset script, phone {number:?}: {problem}")]
    Phone {
        /// Its number, or its place in the file where it has none.
        number: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// What shall become of texts cannot be done.
    #[error("in the handset script, text {number:?}: {problem}")]
    Text {
        /// The number, or the place in the file where it has none.
        number: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
}

impl Script {
    /// Reads a script file. The sounds it names are relative to its directory, and are read when the phones are started.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScriptError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads the text of a script, whose files are relative to `directory`.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, ScriptError> {
        let file: File = toml::from_str(text)?;
        let smsc = crate::smsc::read(file.smsc, file.text);
        let mut script = Self {
            smsc: smsc.map_err(|(number, problem)| ScriptError::Text { number, problem })?,
            phones: Vec::new(),
            ring_log: file.ring_log.map(|path| directory.join(path)),
        };
        for (index, table) in file.phone.into_iter().enumerate() {
            let number = table.number.clone().unwrap_or_else(|| format!("no. {}", index + 1));
            let phone = phone(table, directory).map_err(|problem| ScriptError::Phone {
                number: number.clone(),
                problem,
            })?;
            if script.phones.iter().any(|other| other.number == number) {
                let problem = "is there twice; give what it does on repeated calls in on_call".to_owned();
                return Err(ScriptError::Phone { number, problem });
            }
            script.phones.push(phone);
        }
        Ok(script)
    }
}

fn phone(mut table: PhoneTable, directory: &Path) -> Result<Phone, String> {
    let number = table.number.take().filter(|number| !number.is_empty());
    let number = number.ok_or("has no number; write number = \"+6598765432\", or \"*\" for all others")?;
    let challenge = table.challenge.take().map(challenge).transpose()?;
    let (record, rtp) = (table.record.take(), table.rtp.take());
    let mut on_call = Vec::new();
    for table in table.on_call.take().unwrap_or_default() {
        let misplaced = [
            ("number", table.number.is_some()),
            ("challenge", table.challenge.is_some()),
            ("record", table.record.is_some()),
            ("rtp", table.rtp.is_some()),
            ("on_call", table.on_call.is_some()),
        ];
        if let Some((key, _)) = misplaced.into_iter().find(|(_, there)| *there) {
            return Err(format!(
                "{key} stands in on_call; it belongs to the phone as a whole, move it there"
            ));
        }
        on_call.push(behaviour(table, directory)?);
    }
    Ok(Phone {
        on_call,
        challenge,
        record: record.unwrap_or(true),
        rtp: rtp.unwrap_or(true),
        ..Phone::new(number, behaviour(table, directory)?)
    })
}

fn challenge(table: ChallengeTable) -> Result<Challenge, String> {
    let status = table.status.unwrap_or(407);
    if ![401, 407].contains(&status) {
        return Err(format!("challenge.status is {status}; use 401 or 407"));
    }
    let challenge = Challenge::new(table.user, table.password);
    let realm = table.realm.unwrap_or(challenge.realm);
    if realm.contains(['"', '\\', '\r', '\n']) {
        return Err("challenge.realm contains a quote, a backslash or a line break; leave them out".to_owned());
    }
    Ok(Challenge {
        status,
        realm,
        ..challenge
    })
}

fn behaviour(table: PhoneTable, directory: &Path) -> Result<Behaviour, String> {
    let voicemail = table.voicemail.map(|table| voicemail(table, directory));
    if voicemail.is_some() && table.steps.is_some() {
        return Err("has both voicemail and do; a voicemail is a list of steps by itself, keep one of them".to_owned());
    }
    let steps = match voicemail {
        Some(voicemail) => Some(voicemail.steps()),
        None => table.steps.map(|tables| steps(tables, directory)).transpose()?,
    };
    if let Some(gain) = table.echo {
        if steps.is_some() || table.early.is_some() || table.mute {
            return Err("echo does not go with do, voicemail, early or mute; remove them".to_owned());
        }
        if !(-60.0..=20.0).contains(&gain) {
            return Err(format!(
                "echo is {gain} dB; use -60 to 20, and 0 for as loud as it came"
            ));
        }
    }
    let then = table.then.unwrap_or(ThenName::Answer);
    let only = |key: &str, there: bool, with: &[ThenName]| match there && !with.contains(&then) {
        true => Err(format!("{key} does not go with then = {then:?}; remove one of them")),
        false => Ok(()),
    };
    only("do (or voicemail)", steps.is_some(), &[ThenName::Answer])?;
    only("code", table.code.is_some(), &[ThenName::Reject, ThenName::Redirect])?;
    only("contact", table.contact.is_some(), &[ThenName::Redirect])?;
    only("hang_up_after", table.hang_up_after.is_some(), &[ThenName::Answer])?;
    only("echo", table.echo.is_some(), &[ThenName::Answer])?;
    let code = |default: u16, allowed: std::ops::RangeInclusive<u16>| match table.code.unwrap_or(default) {
        code if allowed.contains(&code) => Ok(code),
        code => Err(format!(
            "code is {code}; with then = {then:?} use {} to {}",
            allowed.start(),
            allowed.end()
        )),
    };
    let mut behaviour = match then {
        ThenName::Answer => Behaviour::new(Then::Answer(steps.unwrap_or_default())),
        ThenName::Busy => Behaviour::busy(),
        ThenName::Reject => Behaviour::reject(code(603, 400..=699)?),
        ThenName::Redirect => {
            let contact = table.contact.ok_or("then = \"redirect\" needs contact = \"sip:…\"")?;
            let code = code(302, 300..=399)?;
            Behaviour::new(Then::Redirect { contact, code })
        }
        ThenName::EarlyMedia => Behaviour::early_media(),
        ThenName::NoAnswer => Behaviour::never_answer(),
        ThenName::Silent => Behaviour::silent(),
    };
    if let Some(early) = table.early {
        behaviour.early = steps_before_the_answer(early, directory)?;
    }
    behaviour.ring = table.ring.map_or(behaviour.ring, |length| length.0);
    behaviour.hang_up_after = table.hang_up_after.map(|length| length.0);
    behaviour.mute = table.mute;
    behaviour.deaf = table.deaf;
    behaviour.echo = table.echo;
    if let Some(table) = table.network {
        if !(0.0..=1.0).contains(&table.loss) {
            return Err(format!("network.loss is {}; use a share from 0 to 1", table.loss));
        }
        behaviour.network = Network {
            loss: table.loss,
            delay: table.delay.map(|length| length.0).unwrap_or_default(),
            jitter: table.jitter.map(|length| length.0).unwrap_or_default(),
            seed: table.seed,
        };
    }
    Ok(behaviour)
}

fn voicemail(table: VoicemailTable, directory: &Path) -> Voicemail {
    let usual = Voicemail::default();
    Voicemail {
        greeting: table
            .greeting
            .map_or(usual.greeting, |file| Sound::File(directory.join(file))),
        limit: table.limit.map_or(usual.limit, |length| length.0),
        silence: table.silence.map_or(usual.silence, |length| length.0),
    }
}
