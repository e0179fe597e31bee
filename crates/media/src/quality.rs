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
    /// Estimated mean opinion score of what is heard here, 1 (bad) to 4.4 (as good as a telephone gets). None where so
    /// little came that nobody could form an opinion.
    pub mos: Option<f32>,
}

/// So many packets have to come before what was heard is judged: a fifth of a second, of the usual ones.
pub const JUDGED: u64 = 10;

/// The estimated mean opinion score of G.711 under this loss (0 to 1) and delay from mouth to ear (milliseconds).
///
/// A short form of the E-model (ITU-T G.107): the loss as G.113, appendix I, has it for G.711 without concealment of its own, which is a little less kind than what we do; the delay by its usual two straight lines.
pub fn estimate_mos(loss: f32, delay_ms: f32) -> f32 {
    /// The rating of a faultless call with all defaults.
    const BEST: f32 = 93.2;
    /// How robust G.711 is against loss.
    const ROBUSTNESS: f32 = 4.3;
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    let for_loss = 95.0 * percent / (percent + ROBUSTNESS);
    let for_delay = 0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0);
    let rating = (BEST - for_loss - for_delay).clamp(0.0, 100.0);
    1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_falls_with_loss_and_delay() {
        assert!((estimate_mos(0.0, 0.0) - 4.41).abs() < 0.01);
        assert!(estimate_mos(0.01, 20.0) > 3.5);
        assert!((2.0..3.2).contains(&estimate_mos(0.03, 20.0)));
        assert!(estimate_mos(0.3, 20.0) < 1.5);
        assert!((3.0..4.2).contains(&estimate_mos(0.0, 300.0)));
    }

    proptest::proptest! {
        #[test]
        fn it_stays_on_its_scale(loss in -1_f32..2.0, delay in 0_f32..1e6) {
            proptest::prop_assert!((0.98..4.5).contains(&estimate_mos(loss, delay)));
        }
    }
}
