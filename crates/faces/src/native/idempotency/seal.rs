//! Seals answers that hold a secret, so that whoever reads the store does not learn it.
//!
//! The sealing key comes from the secret of the API key that asked, of which the store has only the hash.
//! So the answer can be read again by that key and by nobody else.

use ring::{aead, hkdf};

const NONCE: usize = aead::NONCE_LEN;

/// Seals and opens answers to the requests of one API key.
#[derive(Clone)]
pub(super) struct Sealer {
    root: hkdf::Prk,
    key: String,
}

impl Sealer {
    /// The sealer of the API key with this secret.
    pub(super) fn new(secret: &str) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"outdial: an answer that holds a secret");
        Self {
            root: salt.extract(secret.as_bytes()),
            key: String::new(),
        }
    }

    /// The same for requests with this idempotency key.
    pub(super) fn for_key(self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self
        }
    }

    fn cipher(&self) -> aead::LessSafeKey {
        let info = [self.key.as_bytes()];
        let material = self.root.expand(&info, &aead::CHACHA20_POLY1305);
        let material = material.expect("a key is shorter than what HKDF can give");
        aead::LessSafeKey::new(aead::UnboundKey::from(material))
    }

    /// The sealed text, behind its nonce, which is the beginning of these random bytes.
    pub(super) fn seal(&self, text: &[u8], random: &[u8; 32]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&random[..NONCE]);
        let mut sealed = text.to_vec();
        self.cipher()
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::empty(),
                &mut sealed,
            )
            .expect("an answer is shorter than what the cipher can seal");
        [&nonce[..], &sealed].concat()
    }

    /// The text again, if this API key sealed it.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let mut text = sealed.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let length = self
            .cipher()
            .open_in_place(nonce, aead::Aad::empty(), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_sealed_it_opens_it() {
        let sealer = |secret, key| Sealer::new(secret).for_key(key);
        let sealed = sealer("od_1", "a").seal(b"od_new", &[7; 32]);
        assert!(!sealed.windows(6).any(|part| part == b"od_new"));
        assert_eq!(sealer("od_1", "a").open(&sealed), Some(b"od_new".to_vec()));
        assert_eq!(sealer("od_2", "a").open(&sealed), None);
        assert_eq!(sealer("od_1", "b").open(&sealed), None);
        assert_eq!(sealer("od_1", "a").open(&sealed[..8]), None);
    }
}
