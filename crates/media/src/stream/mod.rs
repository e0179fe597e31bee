//! The media of one leg: one RTP stream out, one in, and what is heard on it.

mod config;
mod event;

use std::sync::Arc;
use std::time::Instant;

pub use config::{PayloadTypes, StreamConfig};
pub use event::{DigitWay, StreamEvent};

use crate::digit::Digit;
use crate::player::QueueFull;
use crate::quality::Quality;

/// The media machine of one leg. Turn it with [`tick`](Self::tick) every 20 ms and hand it every packet as it arrives.
#[derive(Debug)]
pub struct MediaStream {
    config: StreamConfig,
}

impl MediaStream {
    /// A stream that begins now. It sends from its first tick; stop it with [`set_sending`](Self::set_sending).
    pub fn new(config: StreamConfig, now: Instant) -> Self {
        let _ = now;
        Self { config }
    }

    /// Takes one datagram from the RTP socket. Whatever is not ours is dropped and counted.
    pub fn handle_packet(&mut self, datagram: &[u8], now: Instant) {
        let _ = (datagram, now);
    }

    /// Takes one datagram from the RTCP socket. Whatever cannot be read is dropped.
    pub fn handle_rtcp(&mut self, datagram: &[u8], now: Instant) {
        let _ = (datagram, now);
    }

    /// Moves on by one frame of 20 ms and writes the next RTP packet, if one is due, returning its length.
    ///
    /// `out` should hold [`MAX_PACKET`](crate::MAX_PACKET) octets. Call it exactly every 20 ms, held or not.
    pub fn tick(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let _ = (now, out);
        None
    }

    /// Writes an RTCP report if one is due (about every five seconds), returning its length.
    pub fn poll_rtcp(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let _ = (now, out);
        None
    }

    /// Writes the RTCP goodbye, for the moment before the socket closes.
    pub fn write_goodbye(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let _ = (now, out);
        None
    }

    /// The next thing that happened, oldest first.
    pub fn poll_event(&mut self) -> Option<StreamEvent> {
        None
    }

    /// The frame received for the last tick, at the codec's sample rate; silence where the peer was silent.
    /// `None` until the first packet came.
    pub fn received(&self) -> Option<&[i16]> {
        None
    }

    /// The frame sent in the last tick, before coding. `None` if the last tick sent no audio.
    pub fn sent(&self) -> Option<&[i16]> {
        None
    }

    /// Queues clips to be played one after the other without a gap, as one play, after those already queued.
    ///
    /// [`StreamEvent::PlayFinished`] with this id follows when the last sample was sent. The clips are at the codec's sample rate.
    pub fn play(&mut self, id: u64, clips: impl IntoIterator<Item = Arc<[i16]>>) -> Result<(), QueueFull> {
        let _ = (id, clips.into_iter().count());
        Ok(())
    }

    /// Queues clips to be played over and over until stopped.
    pub fn play_forever(&mut self, id: u64, clips: impl IntoIterator<Item = Arc<[i16]>>) -> Result<(), QueueFull> {
        self.play(id, clips)
    }

    /// Ends a play at once, whether it is sounding or waiting. `false` if there is none with this id.
    pub fn stop_play(&mut self, id: u64) -> bool {
        let _ = id;
        false
    }

    /// Ends every play at once.
    pub fn stop_all_plays(&mut self) {}

    /// Offers one frame of live audio for the next tick, for bridging. A play goes before it.
    pub fn feed(&mut self, frame: &[i16]) {
        let _ = frame;
    }

    /// Queues digits to be pressed one after the other; [`StreamEvent::DigitsSent`] follows the last. A play waits meanwhile.
    pub fn send_digits(&mut self, id: u64, digits: &[Digit]) -> Result<(), QueueFull> {
        let _ = (id, digits);
        Ok(())
    }

    /// Lets the stream send or not, for hold. While off, `tick` still receives, and plays wait.
    pub fn set_sending(&mut self, sending: bool) {
        let _ = sending;
    }

    /// Takes over what a new SDP answer said, keeping SSRC, sequence and timestamp.
    pub fn renegotiate(&mut self, config: StreamConfig) {
        self.config = config;
    }

    /// Where the last accepted packet stands, for detecting a dead peer.
    pub fn last_received(&self) -> Option<Instant> {
        None
    }

    /// How well the stream does so far.
    pub fn quality(&self) -> Quality {
        Quality::default()
    }
}
