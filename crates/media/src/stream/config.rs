use std::time::Duration;

use crate::codec::Codec;

/// The payload types of one direction. Ours for receiving are those we wrote in our SDP; those for sending are the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadTypes {
    /// Of the audio codec.
    pub audio: u8,
    /// Of `telephone-event` (RFC 4733), where both sides have it.
    pub telephone_event: Option<u8>,
    /// Of comfort noise (RFC 3389), which is understood as silence and never sent.
    pub comfort_noise: Option<u8>,
}

/// What a [`MediaStream`](super::MediaStream) needs to know, mostly from the SDP answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamConfig {
    /// Our synchronisation source (RFC 3550, section 8), chosen at random.
    pub ssrc: u32,
    /// The first sequence number, chosen at random (RFC 3550, section 5.1).
    pub sequence: u16,
    /// The first RTP timestamp, chosen at random (RFC 3550, section 5.1).
    pub timestamp: u32,
    /// The codec of both directions.
    pub codec: Codec,
    /// How much audio goes into a packet of ours, in milliseconds: the peer's `a=ptime`. Rounded to what [`PACKET_TIMES`](Self::PACKET_TIMES) has.
    /// What comes in may have any length up to 60 ms, whatever was agreed on.
    pub packet_time: u8,
    /// The clock of `telephone-event` as in its `a=rtpmap`: 8000, or 16,000 where that was agreed on beside a codec of 16 kHz.
    pub event_clock: u32,
    /// What we put on our packets.
    pub send: PayloadTypes,
    /// What we accept; any other packet is dropped.
    pub receive: PayloadTypes,
    /// Whether to listen for DTMF tones in the audio. Wanted where the peer has no `telephone-event`, and never beside it.
    pub detect_inband: bool,
    /// Tell [`StreamEvent::Silent`](super::StreamEvent::Silent) when nothing, neither RTP nor RTCP, was received for so long. `None` while silence is nothing strange: before the answer, on hold.
    pub silent_after: Option<Duration>,
}

impl StreamConfig {
    /// The packet times that can be sent, in milliseconds.
    pub const PACKET_TIMES: [u8; 6] = [10, 20, 30, 40, 50, 60];

    /// The usual settings: the codec's static payload type, `telephone-event` as 101, comfort noise as 13, both ways, and packets of 20 ms.
    ///
    /// SSRC, sequence and timestamp come from `random`, which the caller draws anew for every stream.
    pub const fn new(codec: Codec, random: u128) -> Self {
        let both = PayloadTypes {
            audio: codec.payload_type(),
            telephone_event: Some(101),
            comfort_noise: Some(13),
        };
        Self {
            ssrc: random as u32,
            sequence: (random >> 32) as u16,
            timestamp: (random >> 64) as u32,
            codec,
            send: both,
            receive: both,
            packet_time: 20,
            event_clock: 8000,
            detect_inband: false,
            silent_after: None,
        }
    }

    /// The packet time to use, of [`PACKET_TIMES`](Self::PACKET_TIMES).
    pub const fn packet_ms(&self) -> u8 {
        match self.packet_time / 10 {
            0 => 10,
            tens @ 1..=6 => 10 * tens,
            _ => 60,
        }
    }

    /// The same with this payload type for `telephone-event` both ways; without one, digits travel as tones in the audio.
    pub const fn with_telephone_event(mut self, payload_type: Option<u8>) -> Self {
        self.send.telephone_event = payload_type;
        self.receive.telephone_event = payload_type;
        self.detect_inband = payload_type.is_none();
        self
    }
}
