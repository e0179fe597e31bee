use crate::{
    Action, CallFile, CallerId, Channel, Key, Variable,
    invalid::{FieldProblem, InvalidCallFile, Reason},
};

/// Builds a [`CallFile`] word by word; [`build`](Self::build) checks it.
///
/// ```
/// use outdial_callfile::{CallFile, Channel};
///
/// let file = CallFile::builder(Channel::local("100", "from-internal")?)
///     .caller_id("Wake Up", "555")
///     .wait_time(15)
///     .variable("greeting", "hello")
///     .application("Playback", "hello-world")
///     .build()?;
/// assert_eq!(file.wait_time, 15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is built before `build`"]
pub struct CallFileBuilder {
    file: CallFile,
    has_action: bool,
}

impl CallFileBuilder {
    pub(crate) fn new(channel: Channel) -> Self {
        Self {
            // Stands there only until an action is given.
            file: CallFile::new(channel, Action::application("", "")),
            has_action: false,
        }
    }

    /// What happens after the answer.
    pub fn action(mut self, action: Action) -> Self {
        self.file.action = action;
        self.has_action = true;
        self
    }

    /// Runs an application after the answer. Empty data is none.
    pub fn application(self, name: impl Into<String>, data: impl Into<String>) -> Self {
        self.action(Action::application(name, data))
    }

    /// Goes to the first priority of an extension after the answer.
    pub fn dialplan(self, context: impl Into<String>, extension: impl Into<String>) -> Self {
        self.action(Action::dialplan(context, extension))
    }

    /// The name and the number that the called phone shows.
    pub fn caller_id(mut self, name: impl Into<String>, number: impl Into<String>) -> Self {
        self.file.caller_id = Some(CallerId::new(name, number));
        self
    }

    /// The number that the called phone shows.
    pub fn caller_number(mut self, number: impl Into<String>) -> Self {
        self.file.caller_id = Some(CallerId::number(number));
        self
    }

    /// Attempts after the first one.
    pub fn max_retries(mut self, retries: i32) -> Self {
        self.file.max_retries = retries;
        self
    }

    /// Seconds between attempts.
    pub fn retry_time(mut self, seconds: u32) -> Self {
        self.file.retry_time = seconds;
        self
    }

    /// Seconds that the phone rings.
    pub fn wait_time(mut self, seconds: u32) -> Self {
        self.file.wait_time = seconds;
        self
    }

    /// Account code for the call's record.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.file.account = Some(account.into());
        self
    }

    /// Codecs that may be used.
    pub fn codecs<T: Into<String>>(mut self, codecs: impl IntoIterator<Item = T>) -> Self {
        self.file.codecs = codecs.into_iter().map(Into::into).collect();
        self
    }

    /// One more variable of the channel.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.file.variables.push(Variable::new(name, value));
        self
    }

    /// Goes to the dialplan at the first sound, before the answer.
    pub fn early_media(mut self, early: bool) -> Self {
        self.file.early_media = early;
        self
    }

    /// Whether the file goes after the call even if its time lies in the future.
    pub fn always_delete(mut self, delete: bool) -> Self {
        self.file.always_delete = delete;
        self
    }

    /// Whether the finished file is kept.
    pub fn archive(mut self, archive: bool) -> Self {
        self.file.archive = archive;
        self
    }

    /// The call file, checked.
    ///
    /// # Errors
    ///
    /// Names all values that are wrong, also a missing action.
    pub fn build(self) -> Result<CallFile, InvalidCallFile> {
        if !self.has_action {
            let missing = FieldProblem::new(Key::Application, "", Reason::Empty);
            return Err(InvalidCallFile::new(vec![missing]));
        }
        self.file.validate()?;
        Ok(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_kept() {
        let channel = Channel::raw("PJSIP/6001").unwrap();
        let built = CallFile::builder(channel.clone())
            .caller_number("555")
            .max_retries(2)
            .retry_time(60)
            .wait_time(15)
            .account("acct")
            .codecs(["ulaw"])
            .variable("a", "1")
            .variable("b", "2")
            .dialplan("flows", "100")
            .early_media(true)
            .always_delete(false)
            .archive(false)
            .build()
            .unwrap();
        let plain = CallFile {
            channel,
            action: Action::dialplan("flows", "100"),
            caller_id: Some(CallerId::number("555")),
            max_retries: 2,
            retry_time: 60,
            wait_time: 15,
            account: Some("acct".into()),
            codecs: vec!["ulaw".into()],
            variables: vec![Variable::new("a", "1"), Variable::new("b", "2")],
            early_media: true,
            always_delete: false,
            archive: false,
        };
        assert_eq!(built, plain);
    }

    #[test]
    fn an_action_is_needed() {
        let channel = Channel::raw("PJSIP/6001").unwrap();
        let refused = CallFile::builder(channel).build().unwrap_err();
        assert_eq!(refused.problems()[0].key, Key::Application);
    }
}
