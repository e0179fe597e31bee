//! The codecs of a leg and their numbers on the wire.

use audio_codec::{Decoder, Encoder, pcma, pcmu};

use crate::FRAME_MS;

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
            Self::Pcmu => pcmu::PcmuEncoder::new().encode_into(samples, payload),
            Self::Pcma => pcma::PcmaEncoder::new().encode_into(samples, payload),
        }
        .expect("both slices were cut to the same length")
    }

    /// Reads payload octets as samples and returns how many samples that made.
    ///
    /// Stops where the shorter of the two slices ends.
    pub fn decode(self, payload: &[u8], samples: &mut [i16]) -> usize {
        let length = samples.len().min(payload.len());
        let (payload, samples) = (&payload[..length], &mut samples[..length]);
        match self {
            Self::Pcmu => pcmu::PcmuDecoder::new().decode_into(payload, samples),
            Self::Pcma => pcma::PcmaDecoder::new().decode_into(payload, samples),
        }
        .expect("both slices were cut to the same length")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a µ-law octet as G.711 defines it, in 16 bits.
    fn mu_law(octet: u8) -> i32 {
        let bits = i32::from(!octet);
        let magnitude = (((bits & 0x0F) << 3) + 132) << ((bits >> 4) & 7);
        if bits & 0x80 != 0 {
            132 - magnitude
        } else {
            magnitude - 132
        }
    }

    /// The value of an A-law octet as G.711 defines it, in 16 bits.
    fn a_law(octet: u8) -> i32 {
        let bits = i32::from(octet ^ 0x55);
        let (segment, step) = ((bits >> 4) & 7, bits & 0x0F);
        let magnitude = match segment {
            0 => (step << 4) + 8,
            _ => ((step << 4) + 0x108) << (segment - 1),
        };
        if bits & 0x80 != 0 {
            magnitude
        } else {
            -magnitude
        }
    }

    fn each_octet_decodes_by(codec: Codec, rule: fn(u8) -> i32) {
        for octet in 0..=255 {
            let mut sample = [0];
            codec.decode(&[octet], &mut sample);
            assert_eq!(i32::from(sample[0]), rule(octet), "{codec:?} {octet:#x}");
            let mut again = [0];
            codec.encode(&sample, &mut again);
            // The two zeros of µ-law are the only octets that share a value.
            if !(codec == Codec::Pcmu && octet == 0x7F) {
                assert_eq!(again[0], octet, "{codec:?} {octet:#x}");
            }
        }
    }

    #[test]
    fn mu_law_octets_have_the_values_of_g711() {
        each_octet_decodes_by(Codec::Pcmu, mu_law);
    }

    #[test]
    fn a_law_octets_have_the_values_of_g711() {
        each_octet_decodes_by(Codec::Pcma, a_law);
    }

    #[test]
    fn every_sample_is_coded_to_within_half_a_step() {
        for codec in Codec::ALL {
            for sample in i16::MIN..=i16::MAX {
                let (mut octet, mut back) = ([0], [0]);
                codec.encode(&[sample], &mut octet);
                codec.decode(&octet, &mut back);
                let error = (i32::from(back[0]) - i32::from(sample)).abs();
                // A step is a sixteenth of its segment; both laws clip at about 32,256.
                let allowed = (i32::from(sample).abs() + 132) / 32 + 8;
                let clipped = i32::from(sample).abs() > 32_000;
                assert!(
                    error <= allowed || (clipped && error <= 650),
                    "{codec:?} {sample}"
                );
            }
        }
    }

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
