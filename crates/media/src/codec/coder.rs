//! The two halves of a codec as a stream needs them: with a memory.

use std::fmt;

use super::Codec;
use crate::g722::{G722Decoder, G722Encoder};

/// Turns the samples of one stream into payload octets, in parts of any length.
pub struct Encoder {
    codec: Codec,
    memory: Option<Box<G722Encoder>>,
}

/// Turns the payload octets of one stream into samples, in parts of any length.
pub struct Decoder {
    codec: Codec,
    memory: Option<Box<G722Decoder>>,
}

impl Encoder {
    /// An encoder that has heard nothing yet. This allocates; encoding does not.
    pub fn new(codec: Codec) -> Self {
        let memory = (codec == Codec::G722).then(|| Box::new(G722Encoder::new()));
        Self { codec, memory }
    }

    /// Writes the next samples and returns how many octets that made. Stops where either slice ends.
    ///
    /// G.722 takes samples in pairs; an odd one at the end is left out.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> usize {
        let Some(memory) = &mut self.memory else {
            return self.codec.encode(samples, payload);
        };
        let (pairs, _) = samples.as_chunks::<2>();
        for (octet, pair) in payload.iter_mut().zip(pairs) {
            *octet = memory.encode(*pair);
        }
        payload.len().min(pairs.len())
    }

    /// Learns from octets of somebody else that are sent in place of ours, so that whoever hears them notices nothing
    /// when ours follow again.
    pub fn follow(&mut self, payload: &[u8]) {
        if let Some(memory) = &mut self.memory {
            payload.iter().for_each(|octet| memory.follow(*octet));
        }
    }

    /// Goes on where another encoder of the same codec is, whose octets were sent in place of ours.
    pub fn go_on_from(&mut self, other: &Self) {
        if let (Some(memory), Some(other)) = (&mut self.memory, &other.memory) {
            memory.clone_from(other);
        }
    }
}

impl Decoder {
    /// A decoder that has heard nothing yet. This allocates; decoding does not.
    pub fn new(codec: Codec) -> Self {
        let memory = (codec == Codec::G722).then(|| Box::new(G722Decoder::new()));
        Self { codec, memory }
    }

    /// Reads the next octets and returns how many samples that made. Stops where either slice ends.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> usize {
        let Some(memory) = &mut self.memory else {
            return self.codec.decode(payload, samples);
        };
        let (pairs, _) = samples.as_chunks_mut::<2>();
        for (pair, octet) in pairs.iter_mut().zip(payload) {
            *pair = memory.decode(*octet);
        }
        2 * payload.len().min(pairs.len())
    }

    /// Learns from octets that nobody has to hear, so that those after them can be heard.
    pub fn follow(&mut self, payload: &[u8]) {
        if let Some(memory) = &mut self.memory {
            payload.iter().for_each(|octet| memory.follow(*octet));
        }
    }

    /// Forgets what was heard, for a source that begins anew.
    pub fn reset(&mut self) {
        if let Some(memory) = &mut self.memory {
            **memory = G722Decoder::new();
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoder({:?})", self.codec)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoder({:?})", self.codec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loudness::rms_dbfs;
    use crate::tones;

    #[test]
    fn parts_make_the_same_as_the_whole() {
        let clip = tones::sine(16_000, 1300.0, -10.0, 200);
        for codec in Codec::ALL {
            let mut whole = vec![0; clip.len() / codec.samples_per_octet()];
            codec.encode(&clip, &mut whole);
            let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
            let (mut octets, mut heard): (Vec<u8>, Vec<i16>) = (Vec::new(), Vec::new());
            for part in clip.chunks(94) {
                let mut payload = [0; 94];
                let length = encoder.encode(part, &mut payload);
                octets.extend(&payload[..length]);
                let mut samples = [0; 94];
                let length = decoder.decode(&payload[..length], &mut samples);
                heard.extend(&samples[..length]);
            }
            assert_eq!(octets, whole, "{codec:?}");
            let mut at_once = vec![0; heard.len()];
            codec.decode(&octets, &mut at_once);
            assert_eq!(heard, at_once, "{codec:?}");
        }
    }

    #[test]
    fn g722_carries_the_wide_band() {
        for frequency in [300.0, 1000.0, 3000.0, 5000.0, 6500.0] {
            let clip = tones::sine(16_000, frequency, -10.0, 500);
            let mut octets = vec![0; clip.len() / 2];
            Codec::G722.encode(&clip, &mut octets);
            let mut heard = vec![0; clip.len()];
            Codec::G722.decode(&octets, &mut heard);
            let change = rms_dbfs(&heard[1600..]) - rms_dbfs(&clip);
            assert!(change.abs() < 1.0, "{frequency} Hz: {change} dB");
        }
    }

    #[test]
    fn a_reset_decoder_is_a_new_one() {
        let octets: Vec<u8> = (0..320_u32).map(|n| (n * 37) as u8).collect();
        let (mut first, mut again) = (vec![0; 640], vec![0; 640]);
        let mut decoder = Decoder::new(Codec::G722);
        decoder.decode(&octets, &mut first);
        decoder.reset();
        decoder.decode(&octets, &mut again);
        assert_eq!(first, again);
    }

    #[test]
    fn who_follows_goes_on_as_if_it_had_coded_itself() {
        let clip = tones::sine(16_000, 1300.0, -10.0, 200);
        let (before, after) = clip.split_at(1600);
        for codec in Codec::ALL {
            let (mut encoder, mut follower) = (Encoder::new(codec), Encoder::new(codec));
            let (mut decoder, mut deaf) = (Decoder::new(codec), Decoder::new(codec));
            let mut octets = vec![0; 1600];
            let length = encoder.encode(before, &mut octets);
            follower.follow(&octets[..length]);
            let mut copy = Encoder::new(codec);
            copy.go_on_from(&encoder);
            decoder.decode(&octets[..length], &mut vec![0; 1600]);
            deaf.follow(&octets[..length]);
            // The follower has not heard what went before, which its filter forgets in 12 octets.
            let mut outputs = [&mut encoder, &mut copy, &mut follower].map(|encoder| {
                let mut octets = vec![0; 1600];
                let length = encoder.encode(after, &mut octets);
                octets.truncate(length);
                octets
            });
            assert_eq!(outputs[0], outputs[1], "{codec:?}");
            let mut heard = vec![0; 1600];
            let mut heard_deaf = vec![0; 1600];
            decoder.decode(&outputs[0], &mut heard);
            deaf.decode(&outputs[0], &mut heard_deaf);
            assert_eq!(heard, heard_deaf, "{codec:?}");
            let mut of_follower = vec![0; 1600];
            let mut decoder = Decoder::new(codec);
            decoder.decode(&octets[..length], &mut vec![0; 1600]);
            decoder.decode(&std::mem::take(&mut outputs[2]), &mut of_follower);
            let loudest = of_follower.iter().map(|sample| sample.unsigned_abs()).max();
            assert!(loudest < Some(16_000), "{codec:?} clicks: {loudest:?}");
        }
    }

    #[test]
    fn odd_ends_are_left_out() {
        let mut encoder = Encoder::new(Codec::G722);
        assert_eq!(encoder.encode(&[1, 2, 3], &mut [0; 9]), 1);
        assert_eq!(encoder.encode(&[1, 2, 3, 4], &mut [0; 1]), 1);
        assert_eq!(Decoder::new(Codec::G722).decode(&[1, 2, 3], &mut [0; 5]), 4);
    }
}
