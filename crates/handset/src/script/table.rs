//! The tables of a script file as they are written, before they are checked.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::smsc::{SmscTable, TextTable};

/// A length of time such as `"2s"` or `"80ms"`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length(pub(crate) Duration);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length: Option<jiff::SignedDuration> = text.parse().ok();
        length
            .and_then(|length| Duration::try_from(length).ok())
            .map(Self)
            .ok_or_else(|| {
                let advice = "is not a length of time; write for example \"2s\", \"80ms\" or \"1m 30s\"";
                serde::de::Error::custom(format!("{text:?} {advice}"))
            })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) ring_log: Option<PathBuf>,
    #[serde(default)]
    pub(super) phone: Vec<PhoneTable>,
    pub(super) smsc: Option<SmscTable>,
    #[serde(default)]
    pub(super) text: Vec<TextTable>,
}

/// A phone, or one of its `on_call`, which has no number.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhoneTable {
    pub(super) number: Option<String>,
    pub(super) ring: Option<Length>,
    pub(super) then: Option<ThenName>,
    pub(super) code: Option<u16>,
    pub(super) contact: Option<String>,
    pub(super) early: Option<Vec<StepTable>>,
    #[serde(rename = "do")]
    pub(super) steps: Option<Vec<StepTable>>,
    pub(super) voicemail: Option<VoicemailTable>,
    pub(super) hang_up_after: Option<Length>,
    #[serde(default)]
    pub(super) mute: bool,
    #[serde(default)]
    pub(super) deaf: bool,
    pub(super) echo: Option<f32>,
    pub(super) network: Option<NetworkTable>,
    pub(super) challenge: Option<ChallengeTable>,
    pub(super) record: Option<bool>,
    pub(super) rtp: Option<bool>,
    pub(super) on_call: Option<Vec<PhoneTable>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ThenName {
    Answer,
    Busy,
    Reject,
    Redirect,
    EarlyMedia,
    NoAnswer,
    Silent,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepTable {
    pub(super) wait: Option<Length>,
    pub(super) wait_for: Option<WaitFor>,
    pub(super) limit: Option<Length>,
    pub(super) silence: Option<Length>,
    pub(super) press: Option<String>,
    pub(super) way: Option<WayName>,
    pub(super) speak: Option<PathBuf>,
    pub(super) murmur: Option<Length>,
    pub(super) tone: Option<f32>,
    #[serde(rename = "for")]
    pub(super) length: Option<Length>,
    pub(super) listen: Option<Length>,
    pub(super) hang_up: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WaitFor {
    Prompt,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WayName {
    Rtp,
    Info,
    InBand,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VoicemailTable {
    pub(super) greeting: Option<PathBuf>,
    pub(super) limit: Option<Length>,
    pub(super) silence: Option<Length>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkTable {
    #[serde(default)]
    pub(super) loss: f64,
    pub(super) delay: Option<Length>,
    pub(super) jitter: Option<Length>,
    #[serde(default)]
    pub(super) seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeTable {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) status: Option<u16>,
    pub(super) realm: Option<String>,
}

impl std::fmt::Debug for ChallengeTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChallengeTable")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
