//! The receiving half of a stream.

mod noise;
mod voice;

use std::time::Instant;

use voice::Voice;

use super::{DigitWay, EventRing, Passed, StreamConfig, StreamEvent};
use crate::quality::Quality;
use crate::rtcp::Reception;
use crate::rtp::{Arrival, RtpHeader, RtpPacket};
use crate::telephone_event::{EventReceiver, TelephoneEvent};

#[derive(Debug)]
struct Source {
    ssrc: u32,
    reception: Reception,
    /// Taken over from the source before, if there was one.
    voice: Box<Voice>,
}

#[derive(Debug)]
pub(super) struct Inbound {
    begin: Instant,
    source: Option<Source>,
    /// Another source that sent one packet, and the sequence number that would make it two in order.
    rival: Option<(u32, u16)>,
    events: EventReceiver,
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
    /// Counts of voices that are gone.
    late_before: u64,
    duplicates_before: u64,
    concealed_before: u64,
}

impl Inbound {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            begin: now,
            source: None,
            rival: None,
            events: EventReceiver::new(),
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
            concealed_before: 0,
        }
    }

    pub(super) fn renegotiate(&mut self, before: &StreamConfig, config: &StreamConfig) {
        let Some(Source { voice, .. }) = &mut self.source else {
            return;
        };
        if before.codec != config.codec {
            let counts = voice.buffer.counts();
            self.late_before += counts.late;
            self.duplicates_before += counts.duplicates;
            self.concealed_before += voice.concealed;
            **voice = Voice::new(config);
        } else if before.detect_inband != config.detect_inband {
            voice.listen(config);
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
        let accepted = self.accept(header, config, ring);
        // Some gateways send their events from a source of their own, so an event need not come from the voice's.
        if !accepted && !is_event {
            self.refused += 1;
            return;
        }
        let Some(source) = &mut self.source else { return };
        self.packets += 1;
        self.octets += packet.payload.len() as u64;
        self.last_received = Some(now);
        let voice = &mut source.voice;
        if is_audio {
            voice.noise.end();
            let arrival = now.saturating_duration_since(self.begin);
            source.reception.time(header.timestamp, arrival);
            voice
                .buffer
                .push(header.ssrc, header.sequence, header.timestamp, packet.payload);
            return self.note_alive(now);
        }
        voice.buffer.note_other(header.ssrc, header.sequence);
        if is_noise {
            voice.noise.begin(packet.payload);
        }
        self.note_alive(now);
        if let Some(event) = TelephoneEvent::parse(packet.payload).filter(|_| is_event) {
            let reception = self.events.handle(header.ssrc, header.timestamp, event, now);
            if let Some(digit) = reception.pressed {
                let way = DigitWay::TelephoneEvent;
                ring.push(StreamEvent::Digit { digit, way });
            }
        }
    }

    /// Whether the packet is of the source we listen to. Another source takes over by two packets in order while the first is silent (RFC 3550, appendix A.1).
    fn accept(&mut self, header: RtpHeader, config: &StreamConfig, ring: &mut EventRing) -> bool {
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
                source.ssrc = ssrc;
                source.reception = Reception::new(config.codec.clock_rate(), sequence);
                source.voice.decoder.reset();
                ring.push(StreamEvent::SourceChanged { ssrc });
            }
            None => {
                self.source = Some(Source {
                    ssrc,
                    reception: Reception::new(config.codec.clock_rate(), sequence),
                    voice: Box::new(Voice::new(config)),
                });
                ring.push(StreamEvent::FirstPacket { ssrc });
            }
        }
        self.rival = None;
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
        if let Some(source) = &mut self.source {
            source.voice.tick(config, ring);
        }
    }

    /// The same without making sound of it.
    pub(super) fn pass(&mut self, config: &StreamConfig, now: Instant, ring: &mut EventRing, out: &mut [u8]) -> Passed {
        self.events.expire(now);
        self.watch(config, now, ring);
        match &mut self.source {
            Some(source) => source.voice.pass(config, ring, out),
            None => Passed::Nothing,
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

    pub(super) fn frame(&self) -> Option<&[i16]> {
        self.source.as_ref().and_then(|source| source.voice.frame())
    }

    pub(super) fn reception(&mut self) -> Option<(u32, &mut Reception)> {
        self.source.as_mut().map(|source| (source.ssrc, &mut source.reception))
    }

    pub(super) const fn last_received(&self) -> Option<Instant> {
        self.last_received
    }

    /// The figures of this half.
    pub(super) fn quality(&self) -> Quality {
        let reception = self.source.as_ref().map(|source| &source.reception);
        let voice = self.source.as_ref().map(|source| &source.voice);
        let counts = voice.map(|voice| voice.buffer.counts()).unwrap_or_default();
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
            buffer_ms: voice.map_or(0.0, |voice| voice.buffer.depth_ms()),
            frames_concealed: self.concealed_before + voice.map_or(0, |voice| voice.concealed),
            ..Quality::default()
        }
    }
}
