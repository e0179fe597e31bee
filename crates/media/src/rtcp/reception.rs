//! What a receiver counts of one source.

use std::time::Duration;

use crate::rtp::{Arrival, SequenceTracker};

/// Statistics of one received source (appendices A.3 and A.8).
#[derive(Debug, Clone)]
pub struct Reception {
    sequence: SequenceTracker,
    clock_rate: u32,
    transit: Option<u32>,
    /// Sixteen times the jitter, as the standard keeps it.
    jitter: u32,
    expected_before: u64,
    received_before: u64,
}

impl Reception {
    /// Begins with the sequence number of a source's first packet, which counts as received.
    pub const fn new(clock_rate: u32, first_sequence: u16) -> Self {
        Self {
            sequence: SequenceTracker::new(first_sequence),
            clock_rate,
            transit: None,
            jitter: 0,
            expected_before: 0,
            received_before: 0,
        }
    }

    /// Counts a later packet.
    pub fn count(&mut self, sequence: u16) -> Arrival {
        let arrival = self.sequence.update(sequence);
        if arrival == Arrival::Restarted {
            (self.expected_before, self.received_before) = (0, 0);
            self.transit = None;
        }
        arrival
    }

    /// Takes the timing of an audio packet that arrived this long after some fixed moment.
    ///
    /// Packets of one telephone event share their timestamp and must not come here.
    pub fn time(&mut self, timestamp: u32, arrival: Duration) {
        let ticks = arrival.as_micros() * u128::from(self.clock_rate) / 1_000_000;
        let transit = (ticks as u32).wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A jump of the timestamp is no jitter.
            if difference < self.clock_rate {
                self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
            }
        }
    }

    /// The interarrival jitter in ticks of the RTP clock.
    pub const fn jitter_ticks(&self) -> u32 {
        self.jitter >> 4
    }

    /// The interarrival jitter in milliseconds.
    pub fn jitter_ms(&self) -> f32 {
        self.jitter as f32 / 16.0 * 1000.0 / self.clock_rate as f32
    }

    /// Packets that should have come.
    pub const fn expected(&self) -> u64 {
        self.sequence.expected()
    }

    /// Packets that did not come; duplicates count against it.
    pub const fn lost(&self) -> i64 {
        self.sequence.lost()
    }

    pub(super) const fn extended_highest(&self) -> u32 {
        self.sequence.extended_highest()
    }

    /// The loss as the 24 bits with sign of a report block.
    pub(super) fn cumulative_lost_field(&self) -> u32 {
        let lost = self.lost().clamp(-0x80_0000, 0x7F_FFFF) as i32;
        lost.cast_unsigned() & 0xFF_FFFF
    }

    /// The share lost since the last report, of 256.
    pub(super) fn take_fraction_lost(&mut self) -> u8 {
        let (expected, received) = (self.sequence.expected(), self.sequence.received());
        let expected_now = expected.saturating_sub(self.expected_before);
        let received_now = received.saturating_sub(self.received_before);
        (self.expected_before, self.received_before) = (expected, received);
        let lost = expected_now.saturating_sub(received_now);
        (lost * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_told_since_the_last_report_and_in_total() {
        let mut reception = Reception::new(8000, 10);
        for sequence in [11, 12, 14] {
            reception.count(sequence);
        }
        assert_eq!(reception.take_fraction_lost(), 51);
        assert_eq!((reception.expected(), reception.lost()), (5, 1));
        for sequence in 15..=18 {
            reception.count(sequence);
        }
        assert_eq!(reception.take_fraction_lost(), 0);
        assert_eq!(reception.cumulative_lost_field(), 1);
        assert_eq!(reception.take_fraction_lost(), 0);
    }

    #[test]
    fn duplicates_make_the_total_negative() {
        let mut reception = Reception::new(8000, 10);
        reception.count(10);
        assert_eq!(reception.lost(), -1);
        assert_eq!(reception.cumulative_lost_field(), 0xFF_FFFF);
        assert_eq!(reception.take_fraction_lost(), 0);
    }

    #[test]
    fn a_steady_stream_has_no_jitter_and_an_alternating_one_settles() {
        let mut reception = Reception::new(8000, 0);
        for packet in 0..100 {
            reception.time(packet * 160, Duration::from_millis(20) * packet);
        }
        assert_eq!(reception.jitter_ticks(), 0);
        for packet in 100..400 {
            let late = Duration::from_millis(10) * (packet % 2);
            reception.time(packet * 160, Duration::from_millis(20) * packet + late);
        }
        // Every packet is 10 ms off the one before it.
        assert!((reception.jitter_ms() - 10.0).abs() < 0.2);
        reception.time(5_000_000, Duration::from_secs(9));
        assert!(reception.jitter_ms() < 11.0);
    }
}
