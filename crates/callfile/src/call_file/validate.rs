//! Whether Asterisk would read every value as it was meant.

use crate::{
    Action, CallFile, CallerId, Key, Variable,
    invalid::{FieldProblem, InvalidCallFile, Reason},
    print,
};

/// Asterisk counts these times in milliseconds of 31 bits.
const MOST_SECONDS: u32 = 2_147_483;

impl CallFile {
    /// Checks every value.
    ///
    /// # Errors
    ///
    /// Names all that are wrong.
    pub fn validate(&self) -> Result<(), InvalidCallFile> {
        let mut problems = Vec::new();
        problems.extend(self.channel.problem());
        problems.extend(self.caller_id.as_ref().and_then(CallerId::problem));
        problems.extend(self.wrong_numbers());
        problems.extend(self.wrong_texts());
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

    fn wrong_numbers(&self) -> impl Iterator<Item = FieldProblem> {
        const LARGEST: u32 = i32::MAX.cast_unsigned();
        let priority = match &self.action {
            Action::Dialplan { priority, .. } => Some((Key::Priority, i64::from(*priority), 1, LARGEST)),
            Action::Application { .. } => None,
        };
        let numbers = [
            // One attempt more than this is counted, so the largest number of all would overflow.
            (Key::MaxRetries, self.max_retries.into(), 0, LARGEST - 1),
            (Key::RetryTime, self.retry_time.into(), 1, MOST_SECONDS),
            (Key::WaitTime, self.wait_time.into(), 1, MOST_SECONDS),
        ];
        let numbers = numbers.into_iter().chain(priority);
        numbers.filter_map(|(key, value, least, most): (Key, i64, i64, u32)| {
            let most = i64::from(most);
            let reason = Reason::OutOfRange { least, most };
            (value < least || value > most).then(|| FieldProblem::new(key, &value.to_string(), reason))
        })
    }

    fn wrong_texts(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
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
        problems
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
}
