//! The codecs of a leg and their numbers on the wire.

use crate::{FRAME_MS, g711};

/// A codec that a leg can speak. Chosen by the SDP answer and then fixed until the next one.
///
/// Both of today's are G.711: 8 kHz, one octet a sample, stateless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, the custom in North America and Japan.
    Pcmu,
    /// G.711 A-law, the custom elsewhere.
    Pcma,
}

impl Codec {
    /// Every codec, in the order in which we offer them.
    pub const ALL: [Self; 2] = [Self::Pcmu, Self::Pcma];

    /// The codec with this static payload type (RFC 3551, section 6), if we speak it.
    pub const fn from_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            _ => None,
        }
    }

    /// The codec with this name in an `a=rtpmap` line, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// The static payload type (RFC 3551, section 6).
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The name in an `a=rtpmap` line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The RTP clock in ticks a second, as written in `a=rtpmap`.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8000,
        }
    }

    /// Samples a second of the decoded audio. Differs from the clock for G.722 only.
    pub const fn sample_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8000,
        }
    }

    /// Samples in one frame of 20 ms.
    pub const fn frame_samples(self) -> usize {
        (self.sample_rate() * FRAME_MS / 1000) as usize
    }

    /// Ticks of the RTP clock in one frame of 20 ms; for every codec here also its octets.
    pub const fn frame_ticks(self) -> u32 {
        self.clock_rate() * FRAME_MS / 1000
    }

    /// The octet that decodes to (almost) nothing.
    pub const fn silence(self) -> u8 {
        match self {
            Self::Pcmu => 0xFF,
            Self::Pcma => 0xD5,
        }
    }

    /// Writes `samples` as payload octets and returns how many octets that made.
    ///
    /// Stops where the shorter of the two slices ends.
    pub fn encode(self, samples: &[i16], payload: &mut [u8]) -> usize {
        let length = samples.len().min(payload.len());
        let (samples, payload) = (&samples[..length], &mut payload[..length]);
        match self {
            Self::Pcmu => convert(samples, payload, g711::to_mu_law),
            Self::Pcma => convert(samples, payload, g711::to_a_law),
        }
        length
    }

    /// Reads payload octets as samples and returns how many samples that made.
    ///
    /// Stops where the shorter of the two slices ends.
    pub fn decode(self, payload: &[u8], samples: &mut [i16]) -> usize {
        let length = samples.len().min(payload.len());
        let (payload, samples) = (&payload[..length], &mut samples[..length]);
        match self {
            Self::Pcmu => convert(payload, samples, |octet| g711::FROM_MU_LAW[usize::from(octet)]),
            Self::Pcma => convert(payload, samples, |octet| g711::FROM_A_LAW[usize::from(octet)]),
        }
        length
    }
}

fn convert<A: Copy, B>(from: &[A], to: &mut [B], rule: impl Fn(A) -> B) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = rule(*from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_silent_and_lengths_are_the_shorter_ones() {
        for codec in Codec::ALL {
            let mut samples = [99; 4];
            assert_eq!(codec.decode(&[codec.silence(); 3], &mut samples), 3);
            assert!(samples[..3].iter().all(|sample| sample.abs() <= 8));
            assert_eq!(samples[3], 99);
            assert_eq!(codec.encode(&samples, &mut [0; 2]), 2);
            assert_eq!(Codec::from_payload_type(codec.payload_type()), Some(codec));
            assert_eq!(Codec::from_name(&codec.name().to_lowercase()), Some(codec));
            assert_eq!(codec.frame_samples(), 160);
        }
    }
}
