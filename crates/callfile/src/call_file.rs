use serde::{Deserialize, Serialize};

use crate::{
    CallFileBuilder, CallerId, Channel, Key, Variable,
    invalid::{FieldProblem, InvalidCallFile, Reason},
    print,
};

/// Asterisk counts these times in milliseconds of 31 bits.
const MOST_SECONDS: u32 = 2_147_483;

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

/// What happens after the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Action {
    /// A dialplan application runs, then the call ends.
    Application {
        /// Its name, as `Playback`.
        name: String,
        /// Its argument.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
    },
    /// The call goes on in the dialplan.
    Dialplan {
        /// The context.
        context: String,
        /// The extension.
        extension: String,
        /// The priority, 1 when not given. Labels are not understood here.
        #[serde(default = "first_priority")]
        priority: u32,
    },
}

impl Action {
    /// Runs an application with an argument; an empty one is none.
    #[must_use]
    pub fn application(name: impl Into<String>, data: impl Into<String>) -> Self {
        Self::Application {
            name: name.into(),
            data: Some(data.into()).filter(|data| !data.is_empty()),
        }
    }

    /// Goes to the first priority of an extension.
    #[must_use]
    pub fn dialplan(context: impl Into<String>, extension: impl Into<String>) -> Self {
        Self::Dialplan {
            context: context.into(),
            extension: extension.into(),
            priority: first_priority(),
        }
    }
}

impl CallFile {
    /// A call with everything else as [the table of keys](Key) has it, except that the finished
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

    /// Checks every value.
    ///
    /// # Errors
    ///
    /// Names all that are wrong.
    pub fn validate(&self) -> Result<(), InvalidCallFile> {
        let mut problems = Vec::new();
        problems.extend(self.channel.problem());
        problems.extend(self.caller_id.as_ref().and_then(CallerId::problem));
        let mut number = |key, value: i64, least: i64, most: u32| {
            if value < least || value > i64::from(most) {
                let most = i64::from(most);
                problems.push(FieldProblem::new(
                    key,
                    &value.to_string(),
                    Reason::OutOfRange { least, most },
                ));
            }
        };
        // One attempt more than this is counted, so the largest number of all would overflow.
        number(
            Key::MaxRetries,
            self.max_retries.into(),
            0,
            i32::MAX.cast_unsigned() - 1,
        );
        number(Key::RetryTime, self.retry_time.into(), 1, MOST_SECONDS);
        number(Key::WaitTime, self.wait_time.into(), 1, MOST_SECONDS);
        if let Action::Dialplan { priority, .. } = &self.action {
            number(Key::Priority, (*priority).into(), 1, i32::MAX.cast_unsigned());
        }
        let mut text = |key, value: &str| {
            problems.extend(print::unfit(key, value).map(|reason| FieldProblem::new(key, value, reason)));
        };
        if let Some(account) = &self.account {
            text(Key::Account, account);
        }
        match &self.action {
            Action::Application { name, data } => {
                text(Key::Application, name);
                if let Some(data) = data {
                    text(Key::Data, data);
                }
            }
            Action::Dialplan { context, extension, .. } => {
                text(Key::Context, context);
                text(Key::Extension, extension);
            }
        }
        if !self.codecs.is_empty() {
            text(Key::Codecs, &self.codecs.join(","));
        }
        problems.extend(self.codecs.iter().filter_map(|codec| wrong_codec(codec)));
        if self.early_media && matches!(self.action, Action::Application { .. }) {
            problems.push(FieldProblem::new(Key::EarlyMedia, "yes", Reason::OnlyForDialplan));
        }
        problems.extend(self.variables.iter().filter_map(Variable::problem));
        if problems.is_empty() {
            Ok(())
        } else {
            Err(InvalidCallFile::new(problems))
        }
    }

    /// The text of the file.
    ///
    /// Whatever the values are, each directive in it is one that this value holds, and
    /// [`parse`](crate::parse()) and Asterisk read the same value back.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    pub fn to_text(&self) -> Result<String, InvalidCallFile> {
        self.validate()?;
        let mut text = String::with_capacity(256);
        let out = &mut text;
        print::add(out, Key::Channel, &self.channel.to_string());
        if let Some(caller_id) = &self.caller_id {
            print::add(out, Key::CallerId, &caller_id.to_string());
        }
        print::add(out, Key::MaxRetries, &self.max_retries.to_string());
        print::add(out, Key::RetryTime, &self.retry_time.to_string());
        print::add(out, Key::WaitTime, &self.wait_time.to_string());
        if let Some(account) = &self.account {
            print::add(out, Key::Account, account);
        }
        if !self.codecs.is_empty() {
            print::add(out, Key::Codecs, &self.codecs.join(","));
        }
        match &self.action {
            Action::Application { name, data } => {
                print::add(out, Key::Application, name);
                if let Some(data) = data {
                    print::add(out, Key::Data, data);
                }
            }
            Action::Dialplan {
                context,
                extension,
                priority,
            } => {
                print::add(out, Key::Context, context);
                print::add(out, Key::Extension, extension);
                print::add(out, Key::Priority, &priority.to_string());
            }
        }
        if self.early_media {
            print::add(out, Key::EarlyMedia, "yes");
        }
        for variable in &self.variables {
            print::add(out, Key::Set, &variable.text());
        }
        if !self.always_delete {
            print::add(out, Key::AlwaysDelete, "no");
        }
        // Last and always there: the status that Asterisk appends then stands after a line of ours.
        print::add(out, Key::Archive, if self.archive { "yes" } else { "no" });
        Ok(text)
    }
}

/// The list is divided at its commas, and each part is looked up without its blanks.
fn wrong_codec(codec: &str) -> Option<FieldProblem> {
    let wrong = |c: &char| !(c.is_ascii_alphanumeric() || "!_:-.".contains(*c));
    let reason = if codec.is_empty() {
        Some(Reason::Empty)
    } else {
        codec.chars().find(wrong).map(Reason::Character)
    };
    reason.map(|reason| FieldProblem::new(Key::Codecs, codec, reason))
}

pub(crate) fn default_retry_time() -> u32 {
    300
}

pub(crate) fn default_wait_time() -> u32 {
    45
}

fn first_priority() -> u32 {
    1
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
    fn a_file_is_written_in_a_fixed_order() {
        let file = CallFile {
            caller_id: Some(CallerId::new("Wake; Up", "555")),
            account: Some("acct".into()),
            codecs: vec!["ulaw".into(), "alaw".into()],
            variables: vec![Variable::new("greeting", "#hello")],
            ..playback()
        };
        assert_eq!(
            file.to_text().unwrap(),
            "Channel: Local/100@from-internal\nCallerID: \"Wake\\; Up\" <555>\nMaxRetries: 0\nRetryTime: 300\n\
             WaitTime: 45\nAccount: acct\nCodecs: ulaw,alaw\nApplication: Playback\nData: hello-world\n\
             Set: greeting=#hello\nArchive: yes\n"
        );
        let dialplan = CallFile {
            early_media: true,
            always_delete: false,
            archive: false,
            ..CallFile::new(file.channel, Action::dialplan("flows", "#31#1"))
        };
        assert!(dialplan.to_text().unwrap().ends_with(
            "Context: flows\nExtension:#31#1\nPriority: 1\nEarly_media: yes\nAlwaysDelete: no\nArchive: no\n"
        ));
    }

    #[test]
    fn every_field_is_checked_and_named() {
        let bad = "x\nArchive: no";
        let file = CallFile {
            caller_id: Some(CallerId::new(bad, "1")),
            max_retries: -1,
            retry_time: 0,
            wait_time: u32::MAX,
            account: Some(bad.into()),
            codecs: vec!["a,b".into()],
            variables: vec![Variable::new("SHELL(x)", "1")],
            early_media: true,
            action: Action::application(bad, bad),
            ..playback()
        };
        let invalid = file.to_text().unwrap_err();
        let keys: Vec<Key> = invalid.problems().iter().map(|problem| problem.key).collect();
        assert_eq!(
            keys,
            [
                Key::CallerId,
                Key::MaxRetries,
                Key::RetryTime,
                Key::WaitTime,
                Key::Account,
                Key::Application,
                Key::Data,
                Key::Codecs,
                Key::EarlyMedia,
                Key::Set
            ]
        );
        let dialplan = Action::Dialplan {
            context: String::new(),
            extension: bad.into(),
            priority: 0,
        };
        let invalid = CallFile::new(playback().channel, dialplan).validate().unwrap_err();
        let keys: Vec<Key> = invalid.problems().iter().map(|problem| problem.key).collect();
        assert_eq!(keys, [Key::Priority, Key::Context, Key::Extension]);
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
