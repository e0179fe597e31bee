//! Protected RTP and RTCP (RFC 3711) with keys from the SDP (RFC 4568).
//!
//! The cryptography is a library's; what is here decides which packets it gets to see. [`Srtp`] protects and opens packets
//! in place, [`sdes`] reads and writes the `a=crypto` lines that carry the keys. A packet costs an allocation or two, which
//! is the one exception from the rule that streams make none.
//!
//! ```
//! use outdial_media::srtp::{MasterKey, Srtp, SrtpKey, SrtpKeys, Suite};
//!
//! // In earnest both come out of a generator for secrets, one on each side of the line.
//! let [one, other] = [[1; 30], [2; 30]].map(|octets| SrtpKey::new(Suite::AesCm128HmacSha1_80, MasterKey::new(octets)));
//! let mut caller = Srtp::new(&SrtpKeys { send: one.clone(), receive: other.clone() });
//! let mut callee = Srtp::new(&SrtpKeys { send: other, receive: one });
//!
//! let mut packet = [0x80; 200];
//! let length = caller.protect(&mut packet, 172).expect("there is room for the tag");
//! assert_eq!(length, 182);
//! assert_eq!(callee.open(&mut packet, length), Ok(172));
//! assert!(packet.starts_with(&[0x80; 172]));
//! ```

mod key;
mod opener;
pub mod sdes;
mod sealer;

pub use key::{MasterKey, Mki, SrtpKey, SrtpKeys, Suite};
pub use opener::Refused;

use opener::Opener;
use sealer::Sealer;

/// The most octets that protection adds to a packet.
pub const MOST_ADDED: usize = 14;

/// The protection of one stream, both ways.
pub struct Srtp {
    keys: SrtpKeys,
    sealer: Sealer,
    opener: Opener,
}

impl Srtp {
    /// Protection that begins with these keys.
    pub fn new(keys: &SrtpKeys) -> Self {
        Self {
            keys: keys.clone(),
            sealer: Sealer::new(&keys.send),
            opener: Opener::new(&keys.receive),
        }
    }

    /// Goes on with other keys. A way whose key is the same goes on as it was, because its packets are still counted there.
    pub fn change(&mut self, keys: &SrtpKeys) {
        if keys.send != self.keys.send {
            self.sealer = Sealer::new(&keys.send);
        }
        if keys.receive != self.keys.receive {
            self.opener = Opener::new(&keys.receive);
        }
        self.keys = keys.clone();
    }

    /// Protects the RTP packet of `length` octets at the beginning of `buffer`, and returns its new length. `None`, and then nothing may be sent, if there is no room for the tag.
    pub fn protect(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        self.sealer.rtp(buffer, length)
    }

    /// The same for RTCP.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        self.sealer.rtcp(buffer, length)
    }

    /// Opens the RTP packet of `length` octets at the beginning of `buffer`, and returns its new length.
    ///
    /// # Errors
    ///
    /// [`Refused`] for whatever was not protected with the far side's key, or came before. It is no packet of the far side.
    pub fn open(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Refused> {
        self.opener.rtp(buffer, length)
    }

    /// The same for RTCP.
    ///
    /// # Errors
    ///
    /// [`Refused`], as for RTP.
    pub fn open_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Refused> {
        self.opener.rtcp(buffer, length)
    }
}

impl std::fmt::Debug for Srtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Srtp").field("keys", &self.keys).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
