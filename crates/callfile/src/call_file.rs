mod text;
mod validate;

use serde::{Deserialize, Serialize};

use crate::{Action, CallFileBuilder, CallerId, Channel, Variable};

/// One call for Asterisk to place: whom to ring, how often, and what happens after the answer.
///
/// It is plain data. [`to_text`](Self::to_text) checks every value and gives the file's text.
///
/// ```
/// use outdial_callfile::{Action, CallFile, Channel};
///
/// let file = CallFile {
///     wait_time: 15,
///     ..CallFile::new(
///         Channel::local("100", "from-internal")?,
///         Action::application("Playback", "hello-world"),
///     )
/// };
/// assert!(file.to_text()?.starts_with("Channel: Local/100@from-internal\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With serde it reads like this; unknown keys are refused, and all but the first two are optional:
///
/// ```
/// let file: outdial_callfile::CallFile = serde_json::from_str(r#"{
///     "channel": "Local/100@from-internal",
///     "action": { "application": { "name": "Playback", "data": "hello-world" } },
///     "caller_id": { "name": "Wake Up", "number": "555" },
///     "max_retries": 2,
///     "variables": [{ "name": "greeting", "value": "hello" }]
/// }"#)?;
/// assert_eq!(file.max_retries, 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFile {
    /// Whom to ring.
    pub channel: Channel,
    /// What happens after the answer.
    pub action: Action,
    /// What the called phone shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<CallerId>,
    /// Attempts after the first one, 0 when not given. A file that was read may hold a negative
    /// number, with which Asterisk rings nobody.
    #[serde(default)]
    pub max_retries: i32,
    /// Seconds between attempts, 300 when not given. Asterisk keeps to it roughly.
    #[serde(default = "default_retry_time")]
    pub retry_time: u32,
    /// Seconds that the phone rings, 45 when not given.
    #[serde(default = "default_wait_time")]
    pub wait_time: u32,
    /// Account code for the call's record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Codecs that may be used, as `ulaw`; Asterisk's choice when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codecs: Vec<String>,
    /// Variables of the channel, set in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Variable>,
    /// Whether the call goes to the dialplan at the first sound, before the answer.
    #[serde(default)]
    pub early_media: bool,
    /// Whether the file goes after the call even if its time lies in the future, yes when not given.
    ///
    /// With `false`, Asterisk 22 on Linux leaves the file in the queue, to be run again only after
    /// a restart or when another file of its name is renamed over it. Few want that.
    #[serde(default = "yes")]
    pub always_delete: bool,
    /// Whether the finished file is kept in `outgoing_done`, from where
    /// [`Spool::outcome`](crate::Spool::outcome) reads the result. Yes when not given.
    #[serde(default = "yes")]
    pub archive: bool,
}

impl CallFile {
    /// A call with everything else as [the table of keys](crate::Key) has it, except that the finished
    /// file is kept.
    #[must_use]
    pub fn new(channel: Channel, action: Action) -> Self {
        Self {
            channel,
            action,
            caller_id: None,
            max_retries: 0,
            retry_time: default_retry_time(),
            wait_time: default_wait_time(),
            account: None,
            codecs: Vec::new(),
            variables: Vec::new(),
            early_media: false,
            always_delete: true,
            archive: true,
        }
    }

    /// The same, built word by word.
    pub fn builder(channel: Channel) -> CallFileBuilder {
        CallFileBuilder::new(channel)
    }
}

pub(crate) fn default_retry_time() -> u32 {
    300
}

pub(crate) fn default_wait_time() -> u32 {
    45
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playback() -> CallFile {
        CallFile::new(
            Channel::local("100", "from-internal").unwrap(),
            Action::application("Playback", "hello-world"),
        )
    }

    #[test]
    fn unknown_keys_are_refused_everywhere() {
        let text = serde_json::to_value(playback()).unwrap();
        assert_eq!(serde_json::from_value::<CallFile>(text.clone()).unwrap(), playback());
        for pointer in ["", "/action/application"] {
            let mut text = text.clone();
            text.pointer_mut(pointer).unwrap()["surprise"] = 1.into();
            let refused = serde_json::from_value::<CallFile>(text).unwrap_err();
            assert!(refused.to_string().contains("surprise"), "{refused}");
        }
        let channel = r#"{"channel": "nothing", "action": {"application": {"name": "Hangup"}}}"#;
        let refused = serde_json::from_str::<CallFile>(channel).unwrap_err();
        assert!(refused.to_string().contains("Channel"), "{refused}");
    }
}
