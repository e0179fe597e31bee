//! The media of one leg: one RTP stream out, one in, and what is heard on it.

mod config;
mod event;
mod inbound;
mod outbound;

use std::sync::Arc;
use std::time::Instant;

pub use config::{PayloadTypes, StreamConfig};
pub use event::{DigitWay, Passed, StreamEvent};

use crate::codec::Encoder;
use crate::digit::Digit;
use crate::player::QueueFull;
use crate::quality::{self, Quality};
use crate::rtcp::Reporter;
use crate::{FRAME_MS, MAX_FRAME};

use event::EventRing;
use inbound::Inbound;
use outbound::Outbound;

/// The media machine of one leg.
///
/// Hand it every packet as it arrives, turn it with [`tick`](Self::tick) every 20 ms, and ask it for what happened.
/// It sends from its first tick on: what is played, the keys that are pressed, or else a noise that nobody hears, which keeps the ways through NATs open.
/// Media before the answer is no different from media after it.
///
/// ```
/// use std::time::Instant;
/// use outdial_media::codec::Codec;
/// use outdial_media::digit::Digit;
/// use outdial_media::stream::{DigitWay, MediaStream, StreamConfig, StreamEvent};
///
/// let mut now = Instant::now();
/// let mut caller = MediaStream::new(StreamConfig::new(Codec::Pcma, 1 << 70 | 1), now);
/// let mut callee = MediaStream::new(StreamConfig::new(Codec::Pcma, 1 << 80 | 2), now);
/// let digit = Digit::try_from('5')?;
/// callee.send_digits(1, &[digit]).expect("nothing is queued yet");
///
/// let mut packet = [0; outdial_media::MAX_PACKET];
/// if let Some(length) = callee.tick(now, &mut packet) {
///     caller.handle_packet(&packet[..length], now);
/// }
/// assert_eq!(caller.poll_event(), Some(StreamEvent::FirstPacket { ssrc: 2 }));
/// let pressed = StreamEvent::Digit { digit, way: DigitWay::TelephoneEvent };
/// assert_eq!(caller.poll_event(), Some(pressed));
/// # Ok::<(), outdial_media::digit::NotADigit>(())
/// ```
#[derive(Debug)]
pub struct MediaStream {
    config: StreamConfig,
    inbound: Inbound,
    outbound: Outbound,
    reporter: Reporter,
    events: EventRing,
}

impl MediaStream {
    /// A stream that begins now.
    pub fn new(config: StreamConfig, now: Instant) -> Self {
        Self {
            config,
            inbound: Inbound::new(now),
            outbound: Outbound::new(&config),
            reporter: Reporter::new(config.ssrc, now),
            events: EventRing::new(),
        }
    }

    /// What the stream was told when it began, or at the last [`renegotiate`](Self::renegotiate).
    pub const fn config(&self) -> &StreamConfig {
        &self.config
    }

    /// Takes one datagram from the RTP socket. Whatever was not agreed on is dropped and counted.
    ///
    /// The first that is taken makes the jitter buffer and what belongs to it; no other allocates.
    pub fn handle_packet(&mut self, datagram: &[u8], now: Instant) {
        self.inbound.handle(datagram, &self.config, now, &mut self.events);
    }

    /// Counts a datagram that was refused before it came here.
    pub const fn note_refused(&mut self) {
        self.inbound.note_refused();
    }

    /// Takes one datagram from the RTCP socket, or one for which [`is_rtcp`](crate::rtcp::is_rtcp) is true where both share a port.
    pub fn handle_rtcp(&mut self, datagram: &[u8], now: Instant) {
        let heard = self.reporter.handle(datagram, self.config.ssrc, now);
        if heard.readable {
            self.inbound.note_alive(now);
        }
        if heard.goodbye {
            self.events.push(StreamEvent::Goodbye);
        }
    }

    /// Moves on by one frame: takes what was received and writes the next RTP packet, returning its length.
    ///
    /// `out` should hold [`MAX_PACKET`](crate::MAX_PACKET) octets. Call it exactly every 20 ms, while held too; then it returns `None`.
    pub fn tick(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.tick_inbound(now);
        self.tick_outbound(out)
    }

    /// The first half of [`tick`](Self::tick), after which [`received`](Self::received) is what was heard. Where several streams are
    /// joined, all are turned by this half before the first is by the other, so that what one says the others hear in the same frame.
    pub fn tick_inbound(&mut self, now: Instant) {
        self.inbound.tick(&self.config, now, &mut self.events);
    }

    /// The same without making sound of what was received: the octets of the next frame are written into `out`, for a peer of the
    /// same codec. They are decoded only if somebody listens for tones in them.
    pub fn pass_inbound(&mut self, now: Instant, out: &mut [u8]) -> Passed {
        self.inbound.pass(&self.config, now, &mut self.events, out)
    }

    /// The second half of [`tick`](Self::tick): writes the next RTP packet and returns its length.
    pub fn tick_outbound(&mut self, out: &mut [u8]) -> Option<usize> {
        self.outbound.tick(&self.config, out)
    }

    /// Whether packets are due in the middle of frames too, which is so for packet times of 10, 30 and 50 ms; see [`tick_half`](Self::tick_half).
    pub const fn has_halves(&self) -> bool {
        self.outbound.has_halves()
    }

    /// Writes the RTP packet that is due 10 ms after the last [`tick`](Self::tick), returning its length. Call it then, once, where [`has_halves`](Self::has_halves).
    pub fn tick_half(&mut self, out: &mut [u8]) -> Option<usize> {
        self.outbound.half(&self.config, out)
    }

    /// Writes an RTCP report if one is due, about every five seconds, and returns its length. Ask once per tick.
    pub fn poll_rtcp(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let reception = self.inbound.reception();
        let (sender, timestamp) = self.outbound.sender();
        self.reporter.poll(sender, timestamp, reception, now, out)
    }

    /// Writes the RTCP goodbye and returns its length, for the moment before the socket closes.
    pub fn write_goodbye(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let reception = self.inbound.reception();
        let (sender, timestamp) = self.outbound.sender();
        self.reporter.goodbye(sender, timestamp, reception, now, out)
    }

    /// The next thing that happened. Ask until there is none, at the latest once per tick.
    pub fn poll_event(&mut self) -> Option<StreamEvent> {
        self.events.pop().or_else(|| self.outbound.poll_event())
    }

    /// The frame received for the last tick, at the codec's sample rate: silence where the peer was silent, something made up where packets were lost.
    /// `None` until the first packet came.
    pub fn received(&self) -> Option<&[i16]> {
        self.inbound.frame()
    }

    /// The frame of audio sent in the last tick, before coding, for recordings of both sides. `None` if it sent no audio.
    pub fn sent(&self) -> Option<&[i16]> {
        self.outbound.frame()
    }

    /// Queues clips to be played without a gap between them, as one play, after those already queued.
    ///
    /// [`StreamEvent::PlayFinished`] with this id follows with the frame that holds the last sample. The clips must be at the codec's sample rate.
    pub fn play(&mut self, id: u64, clips: impl IntoIterator<Item = Arc<[i16]>>) -> Result<(), QueueFull> {
        self.outbound.player.play(id, clips)
    }

    /// Queues clips to be played over and over until stopped.
    pub fn play_forever(&mut self, id: u64, clips: impl IntoIterator<Item = Arc<[i16]>>) -> Result<(), QueueFull> {
        self.outbound.player.play_forever(id, clips)
    }

    /// Ends a play at once, whether it is sounding or waiting. `false` if there is none with this id.
    pub fn stop_play(&mut self, id: u64) -> bool {
        self.outbound.player.stop(id)
    }

    /// Ends every play at once.
    pub fn stop_all_plays(&mut self) {
        self.outbound.player.stop_all();
    }

    /// Whether a play is sounding or waiting.
    pub fn is_playing(&self) -> bool {
        self.outbound.player.is_playing()
    }

    /// Offers one frame of live audio for the next tick, for bridging. Whatever is played meanwhile is heard over it.
    pub fn feed(&mut self, frame: &[i16]) {
        self.outbound.feed(frame);
    }

    /// Offers one frame for the next tick that a peer encoded in our codec. It is left out if anything is played or pressed, so
    /// ask [`is_plain`](Self::is_plain) before.
    pub fn feed_octets(&mut self, octets: &[u8]) {
        self.outbound.feed_octets(octets, true);
    }

    /// Offers one frame that was encoded in our codec for several. Before audio of its own follows again, the stream has to
    /// [go on](Self::go_on_from) from that encoder.
    pub fn feed_shared(&mut self, octets: &[u8]) {
        self.outbound.feed_octets(octets, false);
    }

    /// Goes on from an encoder whose octets were sent in place of ours, so that the change is not heard.
    pub fn go_on_from(&mut self, encoder: &Encoder) {
        self.outbound.go_on_from(encoder);
    }

    /// Lets the peer see that the frame of the next tick was lost on its way to us, so that it covers the loss.
    pub const fn feed_loss(&mut self) {
        self.outbound.feed_loss();
    }

    /// Whether the stream has nothing of its own to send: nothing is played and no key is pressed, and it is not held.
    pub fn is_plain(&self) -> bool {
        self.outbound.is_plain()
    }

    /// Whether it sends at all; see [`set_sending`](Self::set_sending).
    pub const fn is_sending(&self) -> bool {
        self.outbound.is_sending()
    }

    /// Queues keys to be pressed one after the other; [`StreamEvent::DigitsSent`] follows the pause after the last. Meanwhile plays wait.
    ///
    /// Where the peer has no telephone-event, they are sent as tones in the audio.
    pub fn send_digits(&mut self, id: u64, digits: &[Digit]) -> Result<(), QueueFull> {
        self.outbound.digits.push(id, digits)
    }

    /// Lets the stream send or not, for hold. While it does not, it still receives, and plays and keys wait.
    pub const fn set_sending(&mut self, sending: bool) {
        self.outbound.set_sending(sending);
    }

    /// Takes over codec and payload types of a new SDP answer. SSRC, sequence and timestamp go on as they were.
    ///
    /// If the sample rate changes, every play is stopped, for its clips have the old one.
    pub fn renegotiate(&mut self, config: StreamConfig) {
        let before = self.config;
        self.config = StreamConfig {
            ssrc: before.ssrc,
            sequence: before.sequence,
            timestamp: before.timestamp,
            ..config
        };
        self.inbound.renegotiate(&before, &self.config);
        self.outbound.renegotiate(&before, &self.config);
        if before.codec.sample_rate() != config.codec.sample_rate() {
            self.stop_all_plays();
        }
    }

    /// When the last packet was accepted, for noticing a peer that fell silent.
    pub const fn last_received(&self) -> Option<Instant> {
        self.inbound.last_received()
    }

    /// How well the stream has done so far. Cheap enough for every second.
    pub fn quality(&self) -> Quality {
        let mut quality = self.inbound.quality();
        let (sender, _) = self.outbound.sender();
        quality.packets_sent = sender.packets();
        quality.octets_sent = sender.octets();
        if let Some(view) = self.reporter.remote() {
            let clock = self.config.codec.clock_rate() as f32;
            quality.remote_loss = Some(view.loss);
            quality.remote_jitter_ms = Some(view.jitter_ticks as f32 * 1000.0 / clock);
            quality.round_trip_ms = view.round_trip.map(|time| time.as_secs_f32() * 1000.0);
        }
        let way = quality.round_trip_ms.unwrap_or(0.0) / 2.0;
        let delay = way + quality.buffer_ms + FRAME_MS as f32;
        let is_heard = quality.packets_received >= quality::JUDGED;
        quality.mos = is_heard.then(|| quality::estimate_mos(quality.loss, delay));
        quality
    }
}

/// Samples for the longest frame of any codec.
type Frame = [i16; MAX_FRAME];

#[cfg(test)]
mod tests;
