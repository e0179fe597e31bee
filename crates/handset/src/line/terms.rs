use std::net::SocketAddr;

use outdial_media::codec::Codec;

/// What both sides agreed on for the RTP of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) codec: Codec,
    /// The payload type of the audio, in both directions.
    pub(crate) audio: u8,
    /// The payload type of telephone events, in both directions, where the far side has them.
    pub(crate) events: Option<u8>,
    /// Where our packets go, if the far side wants any.
    pub(crate) remote: Option<SocketAddr>,
}
