//! The sixteen keys of a telephone.

use std::fmt;
use std::str::FromStr;

const KEYS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];

/// One key of a telephone: `0` to `9`, `*`, `#`, `A` to `D`.
///
/// Used wherever a digit is pressed or heard, whichever way it travels.
/// Its number is the event code of RFC 4733, section 3.2, table 3.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digit(u8);

/// The character is not on any telephone's keypad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a telephone key; use 0 to 9, *, # or A to D")]
pub struct NotADigit(pub char);

impl Digit {
    /// All sixteen, in the order of their event codes.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..16).map(Self)
    }

    /// The digit with this RFC 4733 event code, or `None` for an event that is not a key (16 is the hook flash).
    pub const fn from_event(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// The RFC 4733 event code, 0 to 15.
    pub const fn event(self) -> u8 {
        self.0
    }

    /// The key as it is printed on the telephone.
    pub const fn as_char(self) -> char {
        KEYS[self.0 as usize]
    }

    /// Reads a row of keys such as `12#`, for callers that take them as text.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, NotADigit> {
        text.chars().map(Self::try_from).collect()
    }
}

impl TryFrom<char> for Digit {
    type Error = NotADigit;

    fn try_from(key: char) -> Result<Self, NotADigit> {
        let printed = key.to_ascii_uppercase();
        (0..16)
            .map(Self)
            .find(|digit| digit.as_char() == printed)
            .ok_or(NotADigit(key))
    }
}

impl FromStr for Digit {
    type Err = NotADigit;

    fn from_str(text: &str) -> Result<Self, NotADigit> {
        let mut keys = text.chars();
        match (keys.next(), keys.next()) {
            (Some(key), None) => Self::try_from(key),
            (first, second) => Err(NotADigit(second.or(first).unwrap_or(' '))),
        }
    }
}

impl From<Digit> for char {
    fn from(digit: Digit) -> Self {
        digit.as_char()
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digit({})", self.as_char())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_survives_its_character_and_its_event_code() {
        for digit in Digit::all() {
            assert_eq!(Digit::try_from(digit.as_char()), Ok(digit));
            assert_eq!(Digit::from_event(digit.event()), Some(digit));
            assert_eq!(digit.to_string().parse(), Ok(digit));
        }
        assert_eq!(Digit::all().count(), 16);
    }

    #[test]
    fn codes_follow_the_table_of_rfc_4733() {
        let codes = Digit::parse_all("09*#ad").unwrap();
        let codes: Vec<u8> = codes.into_iter().map(Digit::event).collect();
        assert_eq!(codes, [0, 9, 10, 11, 12, 15]);
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(Digit::from_event(16), None);
        assert_eq!(Digit::try_from('e'), Err(NotADigit('e')));
        assert_eq!("12".parse::<Digit>(), Err(NotADigit('2')));
        assert_eq!("".parse::<Digit>(), Err(NotADigit(' ')));
        assert_eq!(Digit::parse_all("1w2"), Err(NotADigit('w')));
    }
}
