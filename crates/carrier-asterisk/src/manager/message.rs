//! The text of the manager interface: lines `Key: value`, and an empty line after each message.

use std::fmt::Write;

/// The most bytes of a message; a longer one is not from an Asterisk.
pub(super) const LONGEST: usize = 256 * 1024;

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

    /// The channel that it is about. Of what one channel does to another, it is about the other.
    pub(super) fn channel(&self) -> Option<&str> {
        self.get("DestUniqueid").or_else(|| self.get("Uniqueid"))
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
    use super::*;

    #[test]
    fn messages_are_read_as_asterisk_writes_them() {
        let message =
            Message::parse("Event: Hangup\r\nUniqueid: leg_1\r\ncause: 17\r\nCause-txt: User: busy\r\nno line\r\n");
        assert!(message.is("Hangup") && !message.is("Newchannel"));
        assert_eq!((message.channel(), message.number("Cause")), (Some("leg_1"), Some(17)));
        assert_eq!(message.get("Cause-txt"), Some("User: busy"));
        let dial = Message::parse("Event: DialEnd\nUniqueid: a\nDestUniqueid: b\n");
        assert_eq!(dial.channel(), Some("b"));
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
