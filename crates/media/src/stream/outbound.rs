//! The sending half of a stream.

mod packetiser;

use packetiser::Packetiser;

use super::{Frame, StreamConfig, StreamEvent};
use crate::codec::Encoder;
use crate::player::Player;
use crate::rtp::RtpSender;
use crate::telephone_event::{EventPacket, EventSender, EventStep, EventTiming};
use crate::tones::Tone;
use crate::{FRAME_MS, MAX_FRAME};

/// The noise that fills silence, evenly spread between ±56, which is about −60 dBov. Every frame begins at another place of the first half.
static NOISE: [i16; 4096] = {
    let mut noise = [0; 4096];
    let mut random = 1_u32;
    let mut index = 0;
    while index < noise.len() {
        random = draw(random);
        noise[index] = ((random >> 8) % 113) as i16 - 56;
        index += 1;
    }
    noise
};

/// The level of each tone of a key that is sent in the audio, in dBm0.
const KEY_LEVEL: f32 = -10.0;

#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) player: Player,
    pub(super) digits: EventSender,
    sender: RtpSender,
    encoder: Encoder,
    packetiser: Packetiser,
    /// Of the coming frame, in ticks of the audio's clock and of the events'.
    timestamp: u32,
    event_timestamp: u32,
    sending: bool,
    /// Whether the next audio packet begins a talk spurt.
    begins: bool,
    tone: Option<Tone>,
    fed: Frame,
    fed_samples: usize,
    frame: Frame,
    frame_samples: usize,
    random: u32,
}

impl Outbound {
    pub(super) fn new(config: &StreamConfig) -> Self {
        Self {
            player: Player::new(),
            digits: EventSender::new(config.event_clock, EventTiming::default()),
            sender: RtpSender::new(config.ssrc, config.sequence),
            encoder: Encoder::new(config.codec),
            packetiser: Packetiser::new(config.packet_ms()),
            timestamp: config.timestamp,
            event_timestamp: config.timestamp,
            sending: true,
            begins: true,
            tone: None,
            fed: [0; MAX_FRAME],
            fed_samples: 0,
            frame: [0; MAX_FRAME],
            frame_samples: 0,
            random: config.ssrc | 1,
        }
    }

    pub(super) fn renegotiate(&mut self, before: &StreamConfig, config: &StreamConfig) {
        if before.codec != config.codec {
            self.encoder = Encoder::new(config.codec);
            self.packetiser = Packetiser::new(config.packet_ms());
        } else if before.packet_ms() != config.packet_ms() {
            self.packetiser.set_packet_time(config.packet_ms());
        }
        if before.event_clock != config.event_clock {
            self.digits.set_clock_rate(config.event_clock);
        }
    }

    pub(super) const fn set_sending(&mut self, sending: bool) {
        self.sending = sending;
    }

    pub(super) fn feed(&mut self, frame: &[i16]) {
        let length = frame.len().min(MAX_FRAME);
        self.fed[..length].copy_from_slice(&frame[..length]);
        self.fed_samples = length;
    }

    /// What was sent, and the timestamp of the coming frame.
    pub(super) const fn sender(&self) -> (&RtpSender, u32) {
        (&self.sender, self.timestamp)
    }

    pub(super) fn frame(&self) -> Option<&[i16]> {
        self.frame.get(..self.frame_samples).filter(|frame| !frame.is_empty())
    }

    pub(super) fn poll_event(&mut self) -> Option<StreamEvent> {
        if let Some(finished) = self.player.poll_finished() {
            return Some(StreamEvent::PlayFinished {
                id: finished.id,
                stopped: finished.stopped,
            });
        }
        let id = self.digits.poll_finished()?;
        Some(StreamEvent::DigitsSent { id })
    }

    /// Makes the next frame, and the packet that is due with its beginning.
    pub(super) fn tick(&mut self, config: &StreamConfig, out: &mut [u8]) -> Option<usize> {
        let (timestamp, event_timestamp) = (self.timestamp, self.event_timestamp);
        // Time goes on whether or not anything is sent.
        self.timestamp = timestamp.wrapping_add(config.codec.frame_ticks());
        self.event_timestamp = event_timestamp.wrapping_add(config.event_clock / 1000 * FRAME_MS);
        self.frame_samples = 0;
        if !self.sending {
            self.interrupt();
            return None;
        }
        let samples = config.codec.frame_samples();
        let step = self.digits.step(event_timestamp);
        let filled = match (step, config.send.telephone_event) {
            (EventStep::Tone(packet) | EventStep::EndAgain(packet), Some(payload_type)) => {
                self.fed_samples = 0;
                self.packetiser.clear();
                return self.write_event(packet, payload_type, out);
            }
            (EventStep::Tone(packet), None) => self.fill_key(packet, config, samples),
            (EventStep::EndAgain(_) | EventStep::Pause, _) => 0,
            (EventStep::Idle, _) => self.fill_audio(samples),
        };
        self.fed_samples = 0;
        self.fill_noise(filled, samples);
        self.frame_samples = samples;
        let (encoder, frame) = (&mut self.encoder, &self.frame[..samples]);
        self.packetiser.add(timestamp, |octets| encoder.encode(frame, octets));
        self.write_audio(config, out)
    }

    /// Whether a packet is ever due in the middle of a frame.
    pub(super) const fn has_halves(&self) -> bool {
        self.packetiser.has_halves()
    }

    /// The packet that is due in the middle of the frame made last.
    pub(super) fn half(&mut self, config: &StreamConfig, out: &mut [u8]) -> Option<usize> {
        self.write_audio(config, out)
    }

    fn write_audio(&mut self, config: &StreamConfig, out: &mut [u8]) -> Option<usize> {
        let (timestamp, octets) = self.packetiser.poll()?;
        let begins = std::mem::take(&mut self.begins);
        self.sender.write(out, config.send.audio, begins, timestamp, |payload| {
            let length = octets.len().min(payload.len());
            payload[..length].copy_from_slice(&octets[..length]);
            length
        })
    }

    fn interrupt(&mut self) {
        self.begins = true;
        self.fed_samples = 0;
        self.packetiser.clear();
    }

    fn write_event(&mut self, packet: EventPacket, payload_type: u8, out: &mut [u8]) -> Option<usize> {
        let octets = packet.event.write();
        self.sender
            .write(out, payload_type, packet.marker, packet.timestamp, |payload| {
                let length = payload.len().min(octets.len());
                payload[..length].copy_from_slice(&octets[..length]);
                length
            })
    }

    fn fill_key(&mut self, packet: EventPacket, config: &StreamConfig, samples: usize) -> usize {
        if packet.marker {
            self.tone = crate::digit::Digit::from_event(packet.event.event)
                .map(|digit| Tone::dtmf(config.codec.sample_rate(), digit, KEY_LEVEL));
        }
        let Some(tone) = &mut self.tone else { return 0 };
        tone.fill(&mut self.frame[..samples]);
        samples
    }

    fn fill_audio(&mut self, samples: usize) -> usize {
        let played = self.player.fill(&mut self.frame[..samples]);
        if played > 0 {
            return played;
        }
        let length = self.fed_samples.min(samples);
        self.frame[..length].copy_from_slice(&self.fed[..length]);
        length
    }

    fn fill_noise(&mut self, from: usize, to: usize) {
        self.random = draw(self.random);
        let place = self.random as usize % (NOISE.len() / 2);
        let length = to.saturating_sub(from);
        self.frame[from..to].copy_from_slice(&NOISE[place..place + length]);
    }
}

/// The next of a row of numbers that look random; good enough for noise.
const fn draw(mut random: u32) -> u32 {
    random ^= random << 13;
    random ^= random >> 17;
    random ^ (random << 5)
}
