//! The receiving half of a stream.

mod noise;

use std::time::Instant;

use noise::ComfortNoise;

use super::{DigitWay, EventRing, Frame, StreamConfig, StreamEvent};
use crate::MAX_FRAME;
use crate::codec::Decoder;
use crate::conceal::Concealer;
use crate::dtmf_inband::DtmfDetector;
use crate::jitter::{JitterBuffer, Pull};
use crate::quality::Quality;
use crate::rtcp::Reception;
use crate::rtp::{Arrival, RtpHeader, RtpPacket};
use crate::telephone_event::{EventReceiver, TelephoneEvent};

/// The mean sample below which a frame can be left out without being missed, about −50 dBFS.
const QUIET: u32 = 64;

#[derive(Debug)]
struct Source {
    ssrc: u32,
    reception: Reception,
}

#[derive(Debug)]
pub(super) struct Inbound {
    begin: Instant,
    source: Option<Source>,
    /// Another source that sent one packet, and the sequence number that would make it two in order.
    rival: Option<(u32, u16)>,
    buffer: JitterBuffer,
    decoder: Decoder,
    concealer: Concealer,
    noise: ComfortNoise,
    events: EventReceiver,
    detector: Option<DtmfDetector>,
    frame: Frame,
    frame_samples: usize,
    last_received: Option<Instant>,
    /// Since when nothing was heard, neither RTP nor RTCP, while that matters.
    silent_since: Instant,
    told_silent: bool,
    packets: u64,
    octets: u64,
    refused: u64,
    /// Packets expected and lost of sources that are gone.
    expected_before: u64,
    lost_before: u64,
    /// Counts of buffers that are gone.
    late_before: u64,
    duplicates_before: u64,
    concealed: u64,
}

impl Inbound {
    pub(super) fn new(config: &StreamConfig, now: Instant) -> Self {
        Self {
            begin: now,
            source: None,
            rival: None,
            buffer: buffer(config),
            decoder: Decoder::new(config.codec),
            concealer: Concealer::new(config.codec.sample_rate()),
            noise: ComfortNoise::new(config.ssrc),
            events: EventReceiver::new(),
            detector: detector(config),
            frame: [0; MAX_FRAME],
            frame_samples: 0,
            last_received: None,
            silent_since: now,
            told_silent: false,
            packets: 0,
            octets: 0,
            refused: 0,
            expected_before: 0,
            lost_before: 0,
            late_before: 0,
            duplicates_before: 0,
            concealed: 0,
        }
    }

    pub(super) fn renegotiate(&mut self, before: &StreamConfig, config: &StreamConfig) {
        if before.codec != config.codec {
            let counts = self.buffer.counts();
            self.late_before += counts.late;
            self.duplicates_before += counts.duplicates;
            self.buffer = buffer(config);
            self.decoder = Decoder::new(config.codec);
            self.concealer = Concealer::new(config.codec.sample_rate());
        }
        if before.detect_inband != config.detect_inband || before.codec != config.codec {
            self.detector = detector(config);
        }
    }

    pub(super) fn handle(&mut self, datagram: &[u8], config: &StreamConfig, now: Instant, ring: &mut EventRing) {
        let Ok(packet) = RtpPacket::parse(datagram) else {
            self.refused += 1;
            return;
        };
        let header = packet.header;
        let payload_type = Some(header.payload_type);
        let is_audio = header.payload_type == config.receive.audio;
        let is_event = payload_type == config.receive.telephone_event;
        let is_noise = payload_type == config.receive.comfort_noise;
        // Our own packets come back from a peer that loops, and must not be taken for its voice.
        if header.ssrc == config.ssrc || !(is_audio || is_event || is_noise) {
            self.refused += 1;
            return;
        }
        let accepted = self.accept(header, config.codec.clock_rate(), ring);
        // Some gateways send their events from a source of their own, so an event need not come from the voice's.
        if !accepted && !is_event {
            self.refused += 1;
            return;
        }
        self.packets += 1;
        self.octets += packet.payload.len() as u64;
        self.last_received = Some(now);
        self.note_alive(now);
        if is_audio {
            self.noise.end();
            if let Some(source) = &mut self.source {
                let arrival = now.saturating_duration_since(self.begin);
                source.reception.time(header.timestamp, arrival);
            }
            self.buffer
                .push(header.ssrc, header.sequence, header.timestamp, packet.payload);
            return;
        }
        self.buffer.note_other(header.ssrc, header.sequence);
        if is_noise {
            self.noise.begin(packet.payload);
        }
        if let Some(event) = TelephoneEvent::parse(packet.payload).filter(|_| is_event) {
            let reception = self.events.handle(header.ssrc, header.timestamp, event, now);
            if let Some(digit) = reception.pressed {
                let way = DigitWay::TelephoneEvent;
                ring.push(StreamEvent::Digit { digit, way });
            }
        }
    }

    /// Whether the packet is of the source we listen to. Another source takes over by two packets in order while the first is silent (RFC 3550, appendix A.1).
    fn accept(&mut self, header: RtpHeader, clock_rate: u32, ring: &mut EventRing) -> bool {
        let RtpHeader { ssrc, sequence, .. } = header;
        match &mut self.source {
            Some(source) if source.ssrc == ssrc => {
                self.rival = None;
                return source.reception.count(sequence) != Arrival::Suspect;
            }
            Some(source) => {
                if self.rival != Some((ssrc, sequence)) {
                    self.rival = Some((ssrc, sequence.wrapping_add(1)));
                    return false;
                }
                self.expected_before += source.reception.expected();
                self.lost_before += source.reception.lost().max(0).cast_unsigned();
                ring.push(StreamEvent::SourceChanged { ssrc });
            }
            None => ring.push(StreamEvent::FirstPacket { ssrc }),
        }
        self.rival = None;
        self.decoder.reset();
        self.source = Some(Source {
            ssrc,
            reception: Reception::new(clock_rate, sequence),
        });
        true
    }

    pub(super) const fn note_refused(&mut self) {
        self.refused += 1;
    }

    /// Notes that the far side is there, by whatever it sent.
    pub(super) const fn note_alive(&mut self, now: Instant) {
        self.silent_since = now;
        self.told_silent = false;
    }

    pub(super) fn tick(&mut self, config: &StreamConfig, now: Instant, ring: &mut EventRing) {
        self.events.expire(now);
        self.watch(config, now, ring);
        if self.source.is_none() {
            return;
        }
        let samples = config.codec.frame_samples();
        self.frame_samples = samples;
        let pull = self.next_frame(samples);
        if let Some(detector) = &mut self.detector {
            detector.feed(&self.frame[..samples], |digit| {
                let way = DigitWay::InBand;
                ring.push(StreamEvent::Digit { digit, way });
            });
        }
        if pull == Pull::Empty {
            self.noise.fill(&mut self.frame[..samples]);
        }
    }

    /// Tells when the far side has been silent for too long.
    fn watch(&mut self, config: &StreamConfig, now: Instant, ring: &mut EventRing) {
        match config.silent_after {
            None => self.note_alive(now),
            Some(longest) => {
                if !self.told_silent && now.saturating_duration_since(self.silent_since) >= longest {
                    self.told_silent = true;
                    ring.push(StreamEvent::Silent);
                }
            }
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

    pub(super) fn frame(&self) -> Option<&[i16]> {
        self.frame.get(..self.frame_samples).filter(|frame| !frame.is_empty())
    }

    pub(super) fn reception(&mut self) -> Option<(u32, &mut Reception)> {
        self.source.as_mut().map(|source| (source.ssrc, &mut source.reception))
    }

    pub(super) const fn last_received(&self) -> Option<Instant> {
        self.last_received
    }

    /// The figures of this half.
    pub(super) fn quality(&self) -> Quality {
        let counts = self.buffer.counts();
        let reception = self.source.as_ref().map(|source| &source.reception);
        let expected = self.expected_before + reception.map_or(0, Reception::expected);
        let lost = reception.map_or(0, Reception::lost).max(0).cast_unsigned();
        let (lost, late) = (self.lost_before + lost, self.late_before + counts.late);
        Quality {
            packets_received: self.packets,
            octets_received: self.octets,
            packets_lost: lost,
            packets_duplicated: self.duplicates_before + counts.duplicates,
            packets_late: late,
            packets_refused: self.refused,
            // A source that counts anew forgets what was expected of it, but not what came late.
            loss: ((lost + late) as f32 / expected.max(1) as f32).min(1.0),
            jitter_ms: reception.map_or(0.0, Reception::jitter_ms),
            buffer_ms: self.buffer.depth_ms(),
            frames_concealed: self.concealed,
            ..Quality::default()
        }
    }
}

fn buffer(config: &StreamConfig) -> JitterBuffer {
    JitterBuffer::new(config.codec.clock_rate(), config.codec.silence())
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
