//! The names of rooms.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of a room within an account: by it later ones find in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomName(String);

/// Why a text names no room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomNameError {
    /// It has no character, or too many.
    #[error("the name of a room has 1 to {} characters", RoomName::LONGEST)]
    Length,
    /// A character that would have to be escaped in some place.
    #[error("`{0}` cannot stand in the name of a room: use letters, digits, `_`, `-` and `.`")]
    Character(char),
    /// Nothing but marks, as `..`, which means something else in a path.
    #[error("the name of a room needs a letter or a digit")]
    Marks,
}

impl RoomName {
    /// The most characters a name may have.
    pub const LONGEST: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomName {
    type Err = RoomNameError;

    fn from_str(text: &str) -> Result<Self, RoomNameError> {
        if text.is_empty() || text.len() > Self::LONGEST {
            return Err(RoomNameError::Length);
        }
        let stranger = text.chars().find(|c| !c.is_ascii_alphanumeric() && !"_-.".contains(*c));
        match stranger {
            Some(stranger) => Err(RoomNameError::Character(stranger)),
            None if !text.contains(|c: char| c.is_ascii_alphanumeric()) => Err(RoomNameError::Marks),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for RoomName {
    type Error = RoomNameError;

    fn try_from(text: String) -> Result<Self, RoomNameError> {
        text.parse()
    }
}

impl From<RoomName> for String {
    fn from(name: RoomName) -> Self {
        name.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!("stand-up_2.b".parse::<RoomName>().unwrap().as_str(), "stand-up_2.b");
        assert_eq!("".parse::<RoomName>(), Err(RoomNameError::Length));
        assert_eq!("x".repeat(1024).parse::<RoomName>(), Err(RoomNameError::Length));
        assert_eq!("a/b".parse::<RoomName>(), Err(RoomNameError::Character('/')));
        for marks in [".", "..", "-", "_._"] {
            assert_eq!(marks.parse::<RoomName>(), Err(RoomNameError::Marks), "{marks}");
        }
        assert_eq!("a b".parse::<RoomName>(), Err(RoomNameError::Character(' ')));
    }
}
