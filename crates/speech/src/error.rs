//! Why a library cannot be opened, and the words its failures share.

use std::{io, path::PathBuf};

use outdial_engine::ports::PromptError;

use crate::config::ConfigError;

/// Why a [`PromptLibrary`](crate::PromptLibrary) cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The directory of the cache cannot be made or read.
    #[error("speech.cache.directory: {} cannot be used: {source}; name a directory that can be written, or leave it out", .directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file that is played when speaking fails cannot be read.
    #[error("speech.fallback: {} cannot be read: {source}", .file.display())]
    FallbackFile {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file that is played when speaking fails is no audio that can be played.
    #[error("speech.fallback: {} cannot be played: {source}", .file.display())]
    FallbackAudio {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: PromptError,
    },
}

/// An engine that cannot be used.
pub(crate) fn unusable(reason: impl Into<String>, remedy: impl Into<String>) -> PromptError {
    PromptError::Engine {
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

/// The beginning of what a stranger said, on one line and without control characters.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const LONGEST: usize = 300;
    let text = String::from_utf8_lossy(bytes);
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    let mut said = String::new();
    for character in words.collect::<Vec<_>>().join(" ").chars() {
        if said.len() + character.len_utf8() > LONGEST {
            said.push('…');
            break;
        }
        said.push(character);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(b" no\n\x1b[31m such\xff voice "), "no [31m such\u{fffd} voice");
        assert_eq!(excerpt(&[b'x'; 5_000]).len(), 300 + '…'.len_utf8());
        assert_eq!(excerpt(b""), "");
    }
}
