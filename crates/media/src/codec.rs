//! The codecs of a leg and their numbers on the wire.

mod coder;

pub use coder::{Decoder, Encoder};

use crate::{FRAME_MS, g711};

/// A codec that a leg can speak. Chosen by the SDP answer and then fixed until the next one.
///
/// All of today's put one octet into each tick of an RTP clock of 8 kHz. G.711 makes one sample of it and has no memory;
/// G.722 makes two, and remembers, so a stream of it goes through one [`Encoder`] or [`Decoder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, the custom in North America and Japan.
    Pcmu,
    /// G.711 A-law, the custom elsewhere.
    Pcma,
    /// G.722 at 64 kbit/s: 16,000 samples a second.
    G722,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Self; 3] = [Self::Pcmu, Self::Pcma, Self::G722];

    /// The two that every telephone speaks, for whoever can play and hear 8,000 samples a second only.
    pub const G711: [Self; 2] = [Self::Pcmu, Self::Pcma];

    /// The codec with this static payload type (RFC 3551, section 6), if we speak it.
    pub const fn from_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            9 => Some(Self::G722),
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
            Self::G722 => 9,
        }
    }

    /// The name in an `a=rtpmap` line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
        }
    }

    /// The RTP clock in ticks a second, as written in `a=rtpmap`. For G.722 it is 8000 by an old mistake that was kept (RFC 3551, section 4.5.2).
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8000,
        }
    }

    /// Samples a second of the decoded audio. Differs from the clock for G.722 only.
    pub const fn sample_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8000,
            Self::G722 => 16_000,
        }
    }

    /// Samples that one octet stands for.
    pub const fn samples_per_octet(self) -> usize {
        (self.sample_rate() / self.clock_rate()) as usize
    }

    /// Samples in one frame of 20 ms.
    pub const fn frame_samples(self) -> usize {
        (self.sample_rate() * FRAME_MS / 1000) as usize
    }

    /// Ticks of the RTP clock in one frame of 20 ms; for every codec here also its octets.
    pub const fn frame_ticks(self) -> u32 {
        self.clock_rate() * FRAME_MS / 1000
    }

    /// The octet that decodes to (almost) nothing, for as long as a loss lasts.
    pub const fn silence(self) -> u8 {
        match self {
            Self::Pcmu => 0xFF,
            Self::Pcma => 0xD5,
            // The smallest positive step of both bands.
            Self::G722 => 0xFA,
        }
    }

    /// Writes a whole recording as payload octets and returns how many octets that made; parts of one go through an [`Encoder`].
    ///
    /// For G.711, which remembers nothing, a part is as good as the whole. Stops where either slice ends.
    pub fn encode(self, samples: &[i16], payload: &mut [u8]) -> usize {
        match self {
            Self::Pcmu => convert(samples, payload, g711::to_mu_law),
            Self::Pcma => convert(samples, payload, g711::to_a_law),
            Self::G722 => Encoder::new(self).encode(samples, payload),
        }
    }

    /// Reads the payload octets of a whole recording as samples and returns how many samples that made; parts of one go through a [`Decoder`].
    ///
    /// For G.711, which remembers nothing, a part is as good as the whole. Stops where either slice ends.
    pub fn decode(self, payload: &[u8], samples: &mut [i16]) -> usize {
        match self {
            Self::Pcmu => convert(payload, samples, |octet| g711::FROM_MU_LAW[usize::from(octet)]),
            Self::Pcma => convert(payload, samples, |octet| g711::FROM_A_LAW[usize::from(octet)]),
            Self::G722 => Decoder::new(self).decode(payload, samples),
        }
    }
}

fn convert<A: Copy, B>(from: &[A], to: &mut [B], rule: impl Fn(A) -> B) -> usize {
    let length = from.len().min(to.len());
    for (to, from) in to.iter_mut().zip(from) {
        *to = rule(*from);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_silent_and_lengths_are_the_shorter_ones() {
        for codec in Codec::ALL {
            let per_octet = codec.samples_per_octet();
            let mut samples = [99; 400];
            assert_eq!(codec.decode(&[codec.silence(); 160], &mut samples), 160 * per_octet);
            let (silence, rest) = samples.split_at(160 * per_octet);
            assert!(silence.iter().all(|sample| sample.abs() <= 8), "{codec:?} {silence:?}");
            assert!(rest.iter().all(|sample| *sample == 99));
            assert_eq!(codec.decode(&[0; 9], &mut samples[..4]), 4);
            assert_eq!(codec.encode(&samples, &mut [0; 2]), 2);
            assert_eq!(codec.encode(&samples[..8], &mut [0; 99]), 8 / per_octet);
        }
    }

    #[test]
    fn names_and_numbers_are_those_of_rfc_3551() {
        for codec in Codec::ALL {
            assert_eq!(Codec::from_payload_type(codec.payload_type()), Some(codec));
            assert_eq!(Codec::from_name(&codec.name().to_lowercase()), Some(codec));
            assert_eq!((codec.clock_rate(), codec.frame_ticks()), (8000, 160));
            assert_eq!(codec.frame_samples(), 160 * codec.samples_per_octet());
        }
        assert_eq!(Codec::from_payload_type(9), Some(Codec::G722));
        assert_eq!(Codec::G722.sample_rate(), 16_000);
        assert_eq!(Codec::from_name("opus"), None);
    }
}
