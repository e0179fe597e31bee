//! The text of the manager interface: lines `Key: value`, and an empty line after each message.

use std::{fmt::Write, io};

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// The most bytes of a message; a longer one is not from an Asterisk.
const LONGEST: usize = 256 * 1024;

/// The most bytes of a line that Asterisk reads; it drops the whole action for a longer one, and does not
/// say which action that was.
const LONGEST_LINE: usize = 1_000;

/// What Asterisk says: a response or an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Message(Vec<(String, String)>);

impl Message {
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        Self(
            lines
                .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
                .collect(),
        )
    }

    /// The first value of a key, in whatever case it is written.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(key))?;
        Some(value)
    }

    /// Whether it is this event.
    pub(crate) fn is(&self, event: &str) -> bool {
        self.get("Event") == Some(event)
    }

    /// Whether it is a response that says yes.
    pub(crate) fn succeeded(&self) -> bool {
        self.get("Response") == Some("Success")
    }

    pub(crate) fn number(&self, key: &str) -> Option<u32> {
        self.get(key)?.parse().ok()
    }
}

/// Reads the next message.
pub(super) async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Message> {
    let mut text = Vec::new();
    loop {
        let before = text.len();
        let left = LONGEST - before;
        let read = (&mut *stream).take(left as u64).read_until(b'\n', &mut text).await?;
        if read == 0 {
            return Err(if left == 0 {
                io::Error::other("a message is too long")
            } else {
                io::ErrorKind::UnexpectedEof.into()
            });
        }
        if text[before..].trim_ascii().is_empty() {
            if before == 0 {
                text.clear();
                continue;
            }
            return Ok(Message::parse(&String::from_utf8_lossy(&text)));
        }
    }
}

/// What Asterisk is to do.
#[derive(Clone)]
pub(crate) struct Action {
    text: String,
    /// What is wrong with one of its values.
    wrong: Option<String>,
}

impl Action {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            text: format!("Action: {name}\r\n"),
            wrong: None,
        }
    }

    pub(crate) fn with(mut self, key: &'static str, value: impl std::fmt::Display) -> Self {
        let value = value.to_string();
        if value.contains(|c: char| c.is_control()) {
            self.wrong = Some(format!("the value of {key} holds a control character"));
        }
        if key.len() + ": ".len() + value.len() > LONGEST_LINE {
            self.wrong = Some(format!(
                "the value of {key} has more than the {LONGEST_LINE} bytes that a line to the manager interface may have"
            ));
        }
        write!(self.text, "{key}: {value}\r\n").expect("a string takes all");
        self
    }

    pub(super) fn text(self, id: &str) -> Result<String, String> {
        match self.wrong {
            Some(wrong) => Err(wrong),
            None => Ok(format!("{}ActionID: {id}\r\n\r\n", self.text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    /// All messages, and why there are no more.
    fn all(mut octets: &[u8]) -> (Vec<Message>, io::Error) {
        let mut messages = Vec::new();
        loop {
            match read(&mut octets).now_or_never().expect("nothing is waited for") {
                Ok(message) => messages.push(message),
                Err(error) => return (messages, error),
            }
        }
    }

    #[test]
    fn a_message_without_an_end_is_given_up() {
        let (messages, error) = all(&vec![b'x'; LONGEST + 1]);
        assert_eq!((messages.len(), error.kind()), (0, io::ErrorKind::Other));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_ends(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
            let (messages, error) = all(&octets);
            prop_assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            prop_assert!(messages.len() <= octets.len() / 2);
            for message in messages {
                let _ = (message.get("Uniqueid"), message.number("Cause"), message.succeeded());
            }
        }

        #[test]
        fn values_come_back_whatever_is_around_them(value in "[ -9;-~]{0,40}", blank in "(\r?\n){0,3}") {
            let octets = format!("{blank}Event: Hangup\r\nUniqueid: {value}\r\n\r\nEvent: Next\n\n");
            let (messages, _) = all(octets.as_bytes());
            prop_assert_eq!(messages.len(), 2);
            prop_assert_eq!(messages[0].get("uniqueid"), Some(value.trim()));
        }
    }

    #[test]
    fn messages_are_read_as_asterisk_writes_them() {
        let message =
            Message::parse("Event: Hangup\r\nUniqueid: leg_1\r\ncause: 17\r\nCause-txt: User: busy\r\nno line\r\n");
        assert!(message.is("Hangup") && !message.is("Newchannel"));
        assert_eq!(
            (message.get("UniqueID"), message.number("Cause")),
            (Some("leg_1"), Some(17))
        );
        assert_eq!(message.get("Cause-txt"), Some("User: busy"));
    }

    #[test]
    fn a_value_stays_a_value() {
        let action = Action::new("Originate").with("Channel", "Local/1@a");
        assert_eq!(
            action.clone().text("7").unwrap(),
            "Action: Originate\r\nChannel: Local/1@a\r\nActionID: 7\r\n\r\n"
        );
        assert!(action.with("Account", "x\r\nAction: Command").text("7").is_err());
    }
}
