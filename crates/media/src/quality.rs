//! How good a stream is, in figures and as an estimated opinion score.

/// Figures of one stream pair since it began. All counts are of the received direction unless they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quality {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Payload octets sent.
    pub octets_sent: u64,
    /// RTP packets accepted, duplicates included.
    pub packets_received: u64,
    /// Payload octets accepted.
    pub octets_received: u64,
    /// Packets that never came (RFC 3550, appendix A.3).
    pub packets_lost: u64,
    /// Packets that came again.
    pub packets_duplicated: u64,
    /// Packets that came too late to be heard.
    pub packets_late: u64,
    /// Datagrams that were not ours: not RTP, or of a payload type that was not agreed on.
    pub packets_refused: u64,
    /// Share of the expected packets that was lost or late, 0 to 1.
    pub loss: f32,
    /// Interarrival jitter in milliseconds (RFC 3550, appendix A.8).
    pub jitter_ms: f32,
    /// What the jitter buffer holds back at present, in milliseconds.
    pub buffer_ms: f32,
    /// Frames that had to be made up.
    pub frames_concealed: u64,
    /// Time to the peer and back in milliseconds, once its RTCP told.
    pub round_trip_ms: Option<f32>,
    /// Share of our packets that the peer lost lately, 0 to 1, once its RTCP told.
    pub remote_loss: Option<f32>,
    /// Jitter that the peer sees in our packets in milliseconds, once its RTCP told.
    pub remote_jitter_ms: Option<f32>,
    /// Estimated mean opinion score of what is heard here, 1 (bad) to 4.4 (as good as a telephone gets).
    pub mos: f32,
}
