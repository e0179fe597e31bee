//! Telephone digits: the sixteen DTMF signals (ITU-T Q.23).

use std::{fmt, str::FromStr};

/// One DTMF signal: `0`–`9`, `*`, `#`, `A`–`D`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digit(u8);

impl Digit {
    /// The digit that a character stands for; letters may be small.
    #[must_use]
    pub fn from_char(character: char) -> Option<Self> {
        let upper = character.to_ascii_uppercase();
        matches!(upper, '0'..='9' | '*' | '#' | 'A'..='D').then_some(Self(upper as u8))
    }

    /// The character that stands for this digit.
    #[must_use]
    pub fn as_char(self) -> char {
        char::from(self.0)
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

/// A sequence of digits to be sent, with pauses.
///
/// Its text form is the digits with `w` for a pause of half a second and `W` for one of a second,
/// as dial strings have been written since the days of modems.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Digits(Vec<Tone>);

/// One element of [`Digits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Press this digit.
    Press(Digit),
    /// Stay silent for so many milliseconds.
    Pause(u16),
}

impl Digits {
    /// The most elements that one sequence may have.
    pub const MOST: usize = 64;

    /// The elements in the order they are sent.
    #[must_use]
    pub fn tones(&self) -> &[Tone] {
        &self.0
    }
}

/// Why a text is not a sequence of digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigitsError {
    /// A character is neither a digit nor a pause.
    #[error("`{0}` is not a digit: use 0-9, *, #, A-D, and w or W for a pause of 0.5 or 1 second")]
    Character(char),
    /// The sequence has no element.
    #[error("give at least one digit")]
    Empty,
    /// The sequence is too long.
    #[error("give at most {} digits and pauses", Digits::MOST)]
    TooLong,
}

impl FromStr for Digits {
    type Err = DigitsError;

    fn from_str(text: &str) -> Result<Self, DigitsError> {
        if text.len() > Self::MOST {
            return Err(DigitsError::TooLong);
        }
        let tones: Vec<Tone> = text
            .chars()
            .map(|character| match character {
                'w' => Ok(Tone::Pause(500)),
                'W' => Ok(Tone::Pause(1000)),
                other => Digit::from_char(other)
                    .map(Tone::Press)
                    .ok_or(DigitsError::Character(other)),
            })
            .collect::<Result<_, _>>()?;
        if tones.is_empty() {
            Err(DigitsError::Empty)
        } else {
            Ok(Self(tones))
        }
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|tone| match tone {
            Tone::Press(digit) => write!(f, "{digit}"),
            Tone::Pause(500) => f.write_str("w"),
            Tone::Pause(_) => f.write_str("W"),
        })
    }
}

macro_rules! serde_as_text {
    ($name:ty, $read:expr) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                let read: fn(&str) -> Result<$name, String> = $read;
                read(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

serde_as_text!(Digit, |text| {
    let mut characters = text.chars();
    match (characters.next().and_then(Digit::from_char), characters.next()) {
        (Some(digit), None) => Ok(digit),
        _ => Err(format!("`{text}` is not one digit")),
    }
});
serde_as_text!(Digits, |text| text
    .parse()
    .map_err(|error: DigitsError| error.to_string()));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_with_pauses_read_back() {
        let digits: Digits = "12w#W*a".parse().unwrap();
        assert_eq!(digits.to_string(), "12w#W*A");
        assert_eq!(digits.tones()[2], Tone::Pause(500));
    }

    #[test]
    fn what_is_no_digit_is_named() {
        assert_eq!("12x".parse::<Digits>(), Err(DigitsError::Character('x')));
        assert_eq!("".parse::<Digits>(), Err(DigitsError::Empty));
        assert_eq!("1".repeat(65).parse::<Digits>(), Err(DigitsError::TooLong));
    }
}
