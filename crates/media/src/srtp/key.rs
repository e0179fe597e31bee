//! Keys, which nobody gets to see.

use std::fmt;

use rtc_srtp::context::Context;
use rtc_srtp::crypto::providers::RingCrypto;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;
use zeroize::Zeroizing;

/// How a stream is protected (RFC 4568, section 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES in counter mode with 128 bits, a tag of 80 bits: what everybody has.
    AesCm128HmacSha1_80,
    /// The same with a tag of 32 bits on RTP, for lines where every octet counts.
    AesCm128HmacSha1_32,
}

impl Suite {
    /// Every suite, in the order in which we offer them.
    pub const ALL: [Self; 2] = [Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// The name in an `a=crypto` line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The suite with this name in an `a=crypto` line.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Octets of the tag of an RTP packet.
    pub(super) const fn rtp_tag(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
        }
    }

    const fn profile(self) -> ProtectionProfile {
        match self {
            Self::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            Self::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        }
    }
}

/// A master key and its salt. Neither printed nor left behind in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey(Zeroizing<[u8; MasterKey::LENGTH]>);

impl MasterKey {
    /// Octets of key and salt together.
    pub const LENGTH: usize = 30;

    /// A key of these octets: 16 of key, 14 of salt. A new one comes from a generator for secrets, anew for every call.
    pub fn new(octets: [u8; Self::LENGTH]) -> Self {
        Self(Zeroizing::new(octets))
    }

    pub(super) fn octets(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// The name of a key that goes with every packet (RFC 3711, section 3.1), where the far side asked for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mki {
    /// The name.
    pub value: u64,
    /// In how many octets it is written, 1 to 8.
    pub octets: u8,
}

/// The key of one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKey {
    /// How it is used.
    pub suite: Suite,
    /// The key.
    pub master: MasterKey,
    /// Its name in the packets, if it is written there. Ours has none.
    pub mki: Option<Mki>,
}

impl SrtpKey {
    /// A key without a name.
    pub const fn new(suite: Suite, master: MasterKey) -> Self {
        Self {
            suite,
            master,
            mki: None,
        }
    }

    /// What the library makes of the key, with a window of 64 packets in which order does not matter.
    pub(super) fn context(&self) -> Context {
        const WINDOW: usize = 64;
        let (key, salt) = self.master.octets().split_at(16);
        Context::new(
            key,
            salt,
            self.suite.profile(),
            Some(srtp_replay_protection(WINDOW)),
            Some(srtcp_replay_protection(WINDOW)),
            &RingCrypto,
        )
        .expect("the lengths are those of the suite, and the library has it")
    }
}

/// The keys of both ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// Ours: of our `a=crypto` line.
    pub send: SrtpKey,
    /// The far side's: of its `a=crypto` line.
    pub receive: SrtpKey,
}
