//! A call file as Asterisk reads it.

use crate::{Action, CallFile, InvalidCallFile, Key, print};

impl CallFile {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallerId, Channel, Variable};

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
}
