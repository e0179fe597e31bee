//! The sound of the far side, from its packets to frames.

use super::super::Passed;
use super::super::{EventRing, Frame, StreamConfig};
use super::noise::ComfortNoise;
use super::{DigitWay, StreamEvent};
use crate::MAX_FRAME;
use crate::codec::Decoder;
use crate::conceal::Concealer;
use crate::dtmf_inband::DtmfDetector;
use crate::jitter::{JitterBuffer, Pull};

/// The mean sample below which a frame can be left out without being missed, about −50 dBFS.
const QUIET: u32 = 64;

/// What hears one codec. It is made when the first packet comes: many far sides never send one, and this is most of the
/// memory of a stream.
#[derive(Debug)]
pub(super) struct Voice {
    pub(super) buffer: JitterBuffer,
    pub(super) decoder: Decoder,
    pub(super) noise: ComfortNoise,
    concealer: Concealer,
    detector: Option<DtmfDetector>,
    frame: Frame,
    frame_samples: usize,
    /// Whether the last frame was passed on as it came, so that the concealer missed it.
    passing: bool,
    /// Frames that were made up.
    pub(super) concealed: u64,
}

impl Voice {
    pub(super) fn new(config: &StreamConfig) -> Self {
        Self {
            buffer: JitterBuffer::new(config.codec.clock_rate(), config.codec.silence()),
            decoder: Decoder::new(config.codec),
            noise: ComfortNoise::new(config.ssrc),
            concealer: Concealer::new(config.codec.sample_rate()),
            detector: detector(config),
            frame: [0; MAX_FRAME],
            frame_samples: 0,
            passing: false,
            concealed: 0,
        }
    }

    /// Begins or ends to listen for tones.
    pub(super) fn listen(&mut self, config: &StreamConfig) {
        self.detector = detector(config);
    }

    /// The frame made last, if any was.
    pub(super) fn frame(&self) -> Option<&[i16]> {
        self.frame.get(..self.frame_samples).filter(|frame| !frame.is_empty())
    }

    /// Makes the next frame.
    pub(super) fn tick(&mut self, config: &StreamConfig, ring: &mut EventRing) {
        let samples = config.codec.frame_samples();
        self.frame_samples = samples;
        if std::mem::take(&mut self.passing) {
            self.concealer.reset();
        }
        let pull = self.next_frame(samples);
        self.detect(samples, ring);
        if pull == Pull::Empty {
            self.noise.fill(&mut self.frame[..samples]);
        }
    }

    /// Writes the next frame as it came into `out`, and decodes it only if somebody listens for tones in it.
    pub(super) fn pass(&mut self, config: &StreamConfig, ring: &mut EventRing, out: &mut [u8]) -> Passed {
        self.frame_samples = 0;
        self.passing = true;
        let count = self.buffer.frame_octets().min(out.len());
        let octets = &mut out[..count];
        match self.buffer.pull(octets) {
            Pull::Frame | Pull::FirstHalfLost | Pull::SecondHalfLost => {}
            Pull::Lost => return Passed::Lost,
            Pull::Empty => {
                if self.buffer.is_too_deep() {
                    self.buffer.skip_frame();
                }
                return Passed::Nothing;
            }
        }
        if self.detector.is_none() && !self.buffer.is_too_deep() {
            self.decoder.follow(octets);
            return Passed::Octets(count);
        }
        let samples = config.codec.frame_samples();
        self.decoder.decode(octets, &mut self.frame[..samples]);
        if self.buffer.is_too_deep() && is_quiet(&self.frame[..samples]) {
            self.buffer.skip_frame();
        }
        self.detect(samples, ring);
        Passed::Octets(count)
    }

    fn detect(&mut self, samples: usize, ring: &mut EventRing) {
        if let Some(detector) = &mut self.detector {
            detector.feed(&self.frame[..samples], |digit| {
                let way = DigitWay::InBand;
                ring.push(StreamEvent::Digit { digit, way });
            });
        }
    }

    fn next_frame(&mut self, samples: usize) -> Pull {
        let mut octets = [0; MAX_FRAME];
        let octets = &mut octets[..self.buffer.frame_octets()];
        let frame = &mut self.frame[..samples];
        let pull = self.buffer.pull(octets);
        let (first, second) = frame.split_at_mut(samples / 2);
        let (first_octets, second_octets) = octets.split_at(octets.len() / 2);
        match pull {
            Pull::Frame => {
                self.decoder.decode(octets, frame);
                self.concealer.good(frame);
                if self.buffer.is_too_deep() && is_quiet(frame) {
                    self.buffer.skip_frame();
                }
            }
            Pull::FirstHalfLost => {
                self.concealer.lost(first);
                self.decoder.decode(second_octets, second);
                self.concealer.good(second);
                self.concealed += 1;
            }
            Pull::SecondHalfLost => {
                self.decoder.decode(first_octets, first);
                self.concealer.good(first);
                self.concealer.lost(second);
                self.concealed += 1;
            }
            Pull::Lost => {
                self.concealer.lost(frame);
                self.concealed += 1;
            }
            Pull::Empty => {
                self.concealer.reset();
                frame.fill(0);
                if self.buffer.is_too_deep() {
                    self.buffer.skip_frame();
                }
            }
        }
        pull
    }
}

fn detector(config: &StreamConfig) -> Option<DtmfDetector> {
    config
        .detect_inband
        .then(|| DtmfDetector::new(config.codec.sample_rate()))
}

fn is_quiet(frame: &[i16]) -> bool {
    let sum: u32 = frame.iter().map(|sample| u32::from(sample.unsigned_abs())).sum();
    sum < QUIET * frame.len() as u32
}
