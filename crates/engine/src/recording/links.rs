//! Links that open one recording for a while, without a key.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{AccountId, RecordingId};
use ring::hmac;
use tokio::sync::OnceCell;

use crate::{Engine, ports::StoreError};

/// The name of the secret in the store.
const SECRET: &str = "recording links";

/// What signs links, once its secret was read.
#[derive(Debug, Default)]
pub(crate) struct Links(OnceCell<LinkSigner>);

/// Signs links with the secret of the server, and knows its own.
#[derive(Debug, Clone)]
pub struct LinkSigner {
    key: hmac::Key,
    /// How long a link opens its recording.
    lives: Duration,
}

/// What a link says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Whose recording it opens.
    pub account: AccountId,
    /// The recording.
    pub recording: RecordingId,
    /// From when on it opens nothing, in seconds since 1970.
    pub expires: i64,
}

impl Link {
    /// What is signed. No part of it can hold the sign between the parts.
    fn text(&self) -> String {
        format!("{}\n{}\n{}", self.account, self.recording, self.expires)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires <= now.as_second()
    }
}

impl Links {
    /// What signs links here.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the secret cannot be read.
    pub(crate) async fn signer(&self, engine: &Engine) -> Result<&LinkSigner, StoreError> {
        let read = async || {
            let secret = engine.store.server_secret(SECRET, engine.ids.secret()).await?;
            Ok(LinkSigner {
                key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
                lives: engine.settings.recordings.link,
            })
        };
        self.0.get_or_try_init(read).await
    }
}

impl LinkSigner {
    /// The same for links that open their recordings for so long.
    #[must_use]
    pub fn opening_for(self, lives: Duration) -> Self {
        Self { lives, ..self }
    }

    /// A link that opens a recording from now on for a while, and its signature in hexadecimal.
    #[must_use]
    pub fn link(&self, account: AccountId, recording: RecordingId, now: Timestamp) -> (Link, String) {
        let lives = i64::try_from(self.lives.as_secs()).unwrap_or(i64::MAX);
        let link = Link {
            account,
            recording,
            expires: now.as_second().saturating_add(lives),
        };
        let signature = self.sign(&link);
        (link, signature)
    }

    fn sign(&self, link: &Link) -> String {
        use std::fmt::Write as _;
        let tag = hmac::sign(&self.key, link.text().as_bytes());
        let mut text = String::with_capacity(64);
        for byte in tag.as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Whether this is the signature of a link, found out in a time that does not tell how much of it is right.
    pub(crate) fn is_signed(&self, link: &Link, signature: &str) -> bool {
        let signature = unhex(signature);
        signature.is_some_and(|signature| hmac::verify(&self.key, link.text().as_bytes(), &signature).is_ok())
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |index: usize| char::from(pair[index]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_read_strictly() {
        assert_eq!(unhex(&"0f".repeat(32)), Some([15; 32]));
        for bad in ["", "0f", &"0g".repeat(32), &"ä".repeat(32), &"0".repeat(65)] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }
}
