use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Key,
    invalid::{FieldProblem, Reason},
    print,
};

/// Whom to ring: `Technology/destination`, the value of the key `Channel`.
///
/// The constructors refuse what would make another channel of it. A number taken from a form can
/// therefore not choose its own context or trunk.
///
/// ```
/// use outdial_callfile::Channel;
///
/// assert_eq!(Channel::local("100", "from-internal")?.to_string(), "Local/100@from-internal");
/// assert_eq!(Channel::trunk("PJSIP", "provider", "6598765432")?.to_string(), "PJSIP/6598765432@provider");
/// assert_eq!(Channel::trunk("DAHDI", "g1", "98765432")?.to_string(), "DAHDI/g1/98765432");
/// assert_eq!(Channel::raw("PJSIP/6001")?.technology(), "PJSIP");
/// assert!(Channel::local("100@trusted", "from-internal").is_err());
/// # Ok::<(), outdial_callfile::InvalidChannel>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channel {
    technology: String,
    destination: String,
}

/// A text that is no channel, or a part of one that would change the others.
///
/// Remedy: give a number and a name without `/`, `@`, blanks and control characters; what needs
/// them goes through [`Channel::raw`], and must not come from a stranger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidChannel(FieldProblem);

impl InvalidChannel {
    fn new(value: &str, reason: Reason) -> Self {
        Self(FieldProblem::new(Key::Channel, value, reason))
    }

    /// What is wrong with which text.
    #[must_use]
    pub fn problem(&self) -> &FieldProblem {
        &self.0
    }
}

impl Channel {
    /// A number dialled in a context of the dialplan: `Local/number@context`.
    ///
    /// # Errors
    ///
    /// When the number or the context is empty or holds `/`, `@`, a blank or a control character.
    pub fn local(number: &str, context: &str) -> Result<Self, InvalidChannel> {
        Self::trunk("Local", context, number)
    }

    /// A number dialled over a trunk.
    ///
    /// `Local` and `PJSIP` want `number@name` as the destination, all others `name/number`.
    ///
    /// # Errors
    ///
    /// When a part is empty or holds `/`, `@`, a blank or a control character.
    pub fn trunk(kind: &str, name: &str, number: &str) -> Result<Self, InvalidChannel> {
        for part in [kind, name, number] {
            is_one_word(part).map_err(|reason| InvalidChannel::new(part, reason))?;
        }
        let number_first = ["Local", "PJSIP"].iter().any(|word| kind.eq_ignore_ascii_case(word));
        Self::checked(
            kind,
            &if number_first {
                format!("{number}@{name}")
            } else {
                format!("{name}/{number}")
            },
        )
    }

    /// Any channel, as Asterisk takes it; it is divided at the first `/`.
    ///
    /// # Errors
    ///
    /// When there is no `/`, a side of it is empty, or the text cannot stand in a call file.
    pub fn raw(text: &str) -> Result<Self, InvalidChannel> {
        let (technology, destination) = text
            .split_once('/')
            .ok_or_else(|| InvalidChannel::new(text, Reason::NoSlash))?;
        Self::checked(technology, destination)
    }

    fn checked(technology: &str, destination: &str) -> Result<Self, InvalidChannel> {
        let channel = Self::as_read(technology.to_owned(), destination.to_owned());
        match channel.problem() {
            Some(problem) => Err(InvalidChannel(problem)),
            None => Ok(channel),
        }
    }

    /// What a foreign file says, which need not be what we would write.
    pub(crate) fn as_read(technology: String, destination: String) -> Self {
        Self {
            technology,
            destination,
        }
    }

    pub(crate) fn problem(&self) -> Option<FieldProblem> {
        let text = self.to_string();
        let reason = if self.technology.is_empty() || self.destination.is_empty() {
            Some(Reason::Empty)
        } else {
            print::unfit(Key::Channel, &text)
        };
        reason.map(|reason| FieldProblem::new(Key::Channel, &text, reason))
    }

    /// The part before the first `/`, such as `Local`, `PJSIP`, `DAHDI`.
    #[must_use]
    pub fn technology(&self) -> &str {
        &self.technology
    }

    /// All after the first `/`.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }
}

fn is_one_word(part: &str) -> Result<(), Reason> {
    if part.is_empty() {
        return Err(Reason::Empty);
    }
    match part
        .chars()
        .find(|c| matches!(c, '/' | '@') || c.is_whitespace() || c.is_control())
    {
        Some(other) => Err(Reason::Character(other)),
        None => Ok(()),
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.technology, self.destination)
    }
}

impl FromStr for Channel {
    type Err = InvalidChannel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::raw(text)
    }
}

impl TryFrom<String> for Channel {
    type Error = InvalidChannel;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::raw(&text)
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_is_written_as_its_technology_wants_it() {
        let text = |kind| Channel::trunk(kind, "name", "1").unwrap().to_string();
        assert_eq!(text("local"), "local/1@name");
        assert_eq!(text("PJSIP"), "PJSIP/1@name");
        for kind in ["SIP", "IAX2", "DAHDI", "Zap"] {
            assert_eq!(text(kind), format!("{kind}/name/1"));
        }
    }

    #[test]
    fn a_part_cannot_change_the_others() {
        for number in ["", "1@elsewhere", "1/n", "1\nApplication: System", "1 2", "1\u{7f}"] {
            let refused = Channel::local(number, "from-internal").unwrap_err();
            assert_eq!(refused.problem().key, Key::Channel, "{number:?}");
        }
        assert!(Channel::local("1", "a/b").is_err());
        assert!(Channel::trunk("SIP/other", "name", "1").is_err());
    }

    #[test]
    fn a_raw_channel_is_divided_at_the_first_slash() {
        let channel: Channel = "Local/100@ctx/n".parse().unwrap();
        assert_eq!((channel.technology(), channel.destination()), ("Local", "100@ctx/n"));
        for text in [
            "", "noslash", "/x", "Local/", "SIP/a #b", "SIP/a\rb", " SIP/a", "SIP/a ",
        ] {
            assert!(Channel::raw(text).is_err(), "{text:?}");
        }
    }
}
