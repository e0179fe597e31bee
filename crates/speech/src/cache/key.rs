//! The name of a sound: a hash of everything that makes it what it is.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::engine::{Identity, Speech};

/// The way sounds are made from what an engine gives. Raised when that changes, so that nothing of the old way is found.
const MAKING: &[u8] = b"1";

/// The name of a sound.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The name of a spoken text.
    pub(crate) fn speech(by: &Identity, speech: &Speech, rate: u32) -> Self {
        let voice = speech.voice.as_ref().map_or("", |name| name.as_str());
        let language = speech.language.as_ref().map_or("", |name| name.as_str());
        Self::of(&[
            b"speech",
            MAKING,
            by.name.as_bytes(),
            by.version.as_bytes(),
            by.settings.as_bytes(),
            voice.as_bytes(),
            language.as_bytes(),
            speech.text.as_bytes(),
            &rate.to_be_bytes(),
        ])
    }

    /// The name of an upload at a rate.
    pub(crate) fn upload(hash: &str, rate: u32) -> Self {
        Self::of(&[b"upload", hash.as_bytes(), &rate.to_be_bytes()])
    }

    /// Each part goes in behind its length, so that no two lists of parts read the same.
    fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// Reads what [`fmt::Display`] wrote.
    pub(crate) fn parse(hex: &str) -> Option<Self> {
        let mut key = [0; 32];
        if hex.len() != 64 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
        }
        Some(Self(key))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::voice::Name;

    #[test]
    fn whatever_changes_the_sound_changes_the_key() {
        let by = Identity {
            name: "espeak-ng".into(),
            version: "1.51".into(),
            settings: "175".into(),
        };
        let speech = Speech {
            text: "Hello".into(),
            voice: None,
            language: None,
        };
        let name = |name| Some(Name::parse(name).unwrap());
        let keys = [
            Key::speech(&by, &speech, 8_000),
            Key::speech(&by, &speech, 16_000),
            Key::speech(
                &by,
                &Speech {
                    text: "Hallo".into(),
                    ..speech.clone()
                },
                8_000,
            ),
            Key::speech(
                &by,
                &Speech {
                    voice: name("en"),
                    ..speech.clone()
                },
                8_000,
            ),
            Key::speech(
                &by,
                &Speech {
                    language: name("en"),
                    ..speech.clone()
                },
                8_000,
            ),
            Key::speech(
                &Identity {
                    name: "flite".into(),
                    ..by.clone()
                },
                &speech,
                8_000,
            ),
            Key::speech(
                &Identity {
                    version: "1.52".into(),
                    ..by.clone()
                },
                &speech,
                8_000,
            ),
            Key::speech(
                &Identity {
                    settings: "90".into(),
                    ..by.clone()
                },
                &speech,
                8_000,
            ),
            Key::upload("Hello", 8_000),
        ];
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
        assert_eq!(keys[0], Key::speech(&by, &speech, 8_000));
    }

    #[test]
    fn a_key_is_read_back_as_it_was_written() {
        let key = Key::upload("a", 8_000);
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        for bad in ["", "zz", &"A".repeat(64), &"é".repeat(32)] {
            assert_eq!(Key::parse(bad), None);
        }
    }
}
