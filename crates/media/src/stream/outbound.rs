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

/// Octets of the longest frame.
const MAX_OCTETS: usize = MAX_FRAME / 2;

/// How loud live sound is in 256ths: as it is, and under something that is played.
const FULL: i32 = 256;
const DUCKED: i32 = 64;

/// Live sound for the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fed {
    Nothing,
    /// So many samples.
    Sound(usize),
    /// So many octets, of an encoder that is not ours; ours follows it, or goes on from it by itself.
    Octets {
        count: usize,
        follow: bool,
    },
    /// It was lost before it came to us.
    Lost,
}

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
    fed: Fed,
    /// What was fed, as samples, or as octets.
    sound: Frame,
    octets: [u8; MAX_OCTETS],
    /// How loud what is fed is under what is played, in 256ths.
    gain: i32,
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
            fed: Fed::Nothing,
            sound: [0; MAX_FRAME],
            octets: [0; MAX_OCTETS],
            gain: FULL,
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

    /// Whether it has nothing of its own to say.
    pub(super) fn is_plain(&self) -> bool {
        self.sending && self.gain == FULL && !self.player.is_playing() && !self.digits.is_busy()
    }

    pub(super) const fn is_sending(&self) -> bool {
        self.sending
    }

    pub(super) fn feed(&mut self, frame: &[i16]) {
        let length = frame.len().min(MAX_FRAME);
        self.sound[..length].copy_from_slice(&frame[..length]);
        self.fed = Fed::Sound(length);
    }

    pub(super) fn feed_octets(&mut self, octets: &[u8], follow: bool) {
        let count = octets.len().min(MAX_OCTETS);
        self.octets[..count].copy_from_slice(&octets[..count]);
        self.fed = Fed::Octets { count, follow };
    }

    pub(super) const fn feed_loss(&mut self) {
        self.fed = Fed::Lost;
    }

    pub(super) fn go_on_from(&mut self, encoder: &Encoder) {
        self.encoder.go_on_from(encoder);
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
        let fed = std::mem::replace(&mut self.fed, Fed::Nothing);
        if step == EventStep::Idle && !self.player.is_playing() {
            match fed {
                Fed::Octets { count, follow } => return self.pass(count, follow, timestamp, config, out),
                Fed::Lost => {
                    self.sender.skip();
                    self.packetiser.skip();
                    return None;
                }
                Fed::Sound(_) | Fed::Nothing => {}
            }
        }
        let filled = match (step, config.send.telephone_event) {
            (EventStep::Tone(packet) | EventStep::EndAgain(packet), Some(payload_type)) => {
                self.packetiser.clear();
                return self.write_event(packet, payload_type, out);
            }
            (EventStep::Tone(packet), None) => self.fill_key(packet, config, samples),
            (EventStep::EndAgain(_) | EventStep::Pause, _) => 0,
            (EventStep::Idle, _) => self.fill_audio(fed, samples),
        };
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

    /// Sends a frame that somebody else encoded.
    fn pass(
        &mut self,
        count: usize,
        follow: bool,
        timestamp: u32,
        config: &StreamConfig,
        out: &mut [u8],
    ) -> Option<usize> {
        let octets = &self.octets[..count];
        if follow {
            self.encoder.follow(octets);
        }
        self.packetiser.add(timestamp, |place| {
            let length = place.len().min(octets.len());
            place[..length].copy_from_slice(&octets[..length]);
            length
        });
        self.write_audio(config, out)
    }

    fn interrupt(&mut self) {
        self.begins = true;
        self.fed = Fed::Nothing;
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

    /// What is played, over what is fed.
    fn fill_audio(&mut self, fed: Fed, samples: usize) -> usize {
        let played = self.player.fill(&mut self.frame[..samples]);
        let Fed::Sound(length) = fed else {
            self.gain = FULL;
            return played;
        };
        let wanted = if played > 0 { DUCKED } else { FULL };
        let begin = std::mem::replace(&mut self.gain, wanted);
        let length = length.min(samples);
        self.frame[played.min(length)..length].fill(0);
        let all = self.frame[..length].iter_mut().zip(&self.sound);
        for (place, (sample, fed)) in (0..).zip(all) {
            // A change of loudness takes a whole frame, so that it is not heard as a click.
            let gain = begin + (wanted - begin) * place / samples as i32;
            let under = i32::from(*fed) * gain / FULL;
            *sample = (i32::from(*sample) + under).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
        played.max(length)
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
