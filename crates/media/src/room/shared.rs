//! What all listeners of a room are sent, encoded once per codec.

use super::member::{Member, has_memory};
use crate::MAX_FRAME;
use crate::codec::{Codec, Encoder};
use crate::mixer::{Band, Mixer};

/// Frames after which two encoders that code the same have forgotten in what they differed: half a second.
pub(super) const SETTLED: u8 = 25;

/// The encoders of a room. One that nobody would use stands still.
#[derive(Debug)]
pub(super) struct Shared {
    coders: [Coder; 3],
    /// Frames in a row that the encoder with a memory has coded.
    coded: u8,
}

#[derive(Debug)]
struct Coder {
    codec: Codec,
    encoder: Encoder,
    /// As it was before this frame.
    before: Encoder,
    /// How many listeners could use it.
    wanted: usize,
    /// Whether this frame is coded.
    done: bool,
    octets: [u8; MAX_FRAME / 2],
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            coders: Codec::ALL.map(|codec| Coder {
                codec,
                encoder: Encoder::new(codec),
                before: Encoder::new(codec),
                wanted: 0,
                done: false,
                octets: [0; MAX_FRAME / 2],
            }),
            coded: 0,
        }
    }
}

impl Shared {
    /// Begins a frame.
    pub(super) fn begin<'a>(&mut self, members: impl Iterator<Item = &'a Member>) {
        let mut wanted = [0; 3];
        for member in members.filter(|member| member.listens_only()) {
            wanted[place(member.codec)] += 1;
        }
        for (coder, wanted) in self.coders.iter_mut().zip(wanted) {
            if has_memory(coder.codec) {
                self.coded = if coder.done { self.coded.saturating_add(1) } else { 0 };
            }
            coder.wanted = wanted;
            coder.done = false;
        }
    }

    /// Whether it is worth coding for several.
    pub(super) fn is_wanted(&self, codec: Codec) -> bool {
        self.coders[place(codec)].wanted > 1
    }

    /// Whether the encoder with a memory has coded for so long that one may change to it.
    pub(super) fn is_settled(&self) -> bool {
        self.coded >= SETTLED
    }

    /// The octets of this frame.
    pub(super) fn octets(&mut self, codec: Codec, mixer: &Mixer) -> &[u8] {
        self.code(codec, mixer);
        let coder = &self.coders[place(codec)];
        &coder.octets[..codec.frame_ticks() as usize]
    }

    /// Lets the encoder with a memory code this frame, so that one may change to it later.
    pub(super) fn keep_up(&mut self, codec: Codec, mixer: &Mixer) {
        if has_memory(codec) && self.is_wanted(codec) {
            self.code(codec, mixer);
        }
    }

    fn code(&mut self, codec: Codec, mixer: &Mixer) {
        let coder = &mut self.coders[place(codec)];
        if std::mem::replace(&mut coder.done, true) {
            return;
        }
        let mut frame = [0; MAX_FRAME];
        let samples = codec.frame_samples();
        let band = Band::of(codec.sample_rate()).unwrap_or(Band::Narrow);
        mixer.hear_all(band, &mut frame[..samples]);
        coder.before.go_on_from(&coder.encoder);
        coder.encoder.encode(&frame[..samples], &mut coder.octets);
    }

    /// The encoder as it was after the last frame, for whoever has octets of its own again in this one.
    pub(super) fn encoder_before(&self, codec: Codec) -> &Encoder {
        let coder = &self.coders[place(codec)];
        if coder.done { &coder.before } else { &coder.encoder }
    }
}

fn place(codec: Codec) -> usize {
    match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 1,
        Codec::G722 => 2,
    }
}
