//! Makes packets of the agreed length out of frames of 20 ms.

use crate::FRAME_MS;

/// Octets of 10 ms: one for each tick of a clock of 8 kHz.
const OCTETS_PER_STEP: usize = 80;

/// Milliseconds between two moments at which a packet can be due.
const STEP_MS: u8 = 10;

/// The longest packet and what may wait behind it.
const CAPACITY: usize = 8 * OCTETS_PER_STEP;

/// Collects coded audio until a packet is full and the one before it was sent long enough ago.
///
/// It is asked every 10 ms, or every 20 where packets are whole frames.
#[derive(Debug)]
pub(super) struct Packetiser {
    octets: [u8; CAPACITY],
    filled: usize,
    /// Octets of the packet given out last, to be dropped before the next step.
    given: usize,
    /// The timestamp of the first octet.
    timestamp: u32,
    packet_ms: u8,
    since_last: u8,
}

impl Packetiser {
    pub(super) const fn new(packet_ms: u8) -> Self {
        Self {
            octets: [0; CAPACITY],
            filled: 0,
            given: 0,
            timestamp: 0,
            packet_ms,
            since_last: packet_ms,
        }
    }

    pub(super) const fn set_packet_time(&mut self, packet_ms: u8) {
        self.packet_ms = packet_ms;
    }

    /// Whether packets are due in the middle of frames too.
    pub(super) const fn has_halves(&self) -> bool {
        !(self.packet_ms as u32).is_multiple_of(FRAME_MS)
    }

    /// Takes a frame that begins at `timestamp`.
    pub(super) fn add(&mut self, timestamp: u32, fill: impl FnOnce(&mut [u8]) -> usize) {
        self.drop_given();
        let expected = self.timestamp.wrapping_add(self.filled as u32);
        if self.filled == 0 || expected != timestamp || self.filled + 2 * OCTETS_PER_STEP > CAPACITY {
            self.filled = 0;
            self.timestamp = timestamp;
        }
        self.filled += fill(&mut self.octets[self.filled..self.filled + 2 * OCTETS_PER_STEP]);
    }

    /// The packet that is due now, with its timestamp.
    pub(super) fn poll(&mut self) -> Option<(u32, &[u8])> {
        self.drop_given();
        let step = if self.has_halves() { STEP_MS } else { FRAME_MS as u8 };
        let since_last = self.since_last;
        self.since_last = since_last.saturating_add(step);
        let wanted = OCTETS_PER_STEP * usize::from(self.packet_ms / STEP_MS);
        if self.filled < wanted || since_last < self.packet_ms {
            return None;
        }
        self.since_last = step;
        self.given = wanted;
        Some((self.timestamp, &self.octets[..wanted]))
    }

    /// Lets the time of a frame pass of which nothing is to be sent. What waits is forgotten.
    pub(super) fn skip(&mut self) {
        self.filled = 0;
        self.given = 0;
        self.since_last = self.since_last.saturating_add(FRAME_MS as u8);
    }

    /// Forgets what waits, for when something else is sent instead.
    pub(super) const fn clear(&mut self) {
        self.filled = 0;
        self.given = 0;
        self.since_last = self.packet_ms;
    }

    fn drop_given(&mut self) {
        if self.given > 0 {
            self.octets.copy_within(self.given..self.filled, 0);
            self.filled -= self.given;
            self.timestamp = self.timestamp.wrapping_add(self.given as u32);
            self.given = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The packets of so many frames: the moment in milliseconds, the timestamp, and the octets.
    fn run(packet_ms: u8, frames: u32) -> Vec<(u32, u32, Vec<u8>)> {
        let mut packetiser = Packetiser::new(packet_ms);
        let mut packets = Vec::new();
        for frame in 0..frames {
            packetiser.add(7 + frame * 160, |octets| {
                for (index, octet) in octets.iter_mut().enumerate() {
                    *octet = ((frame * 160 + index as u32) / 3) as u8;
                }
                octets.len()
            });
            for half in 0..2 {
                if half == 1 && !packetiser.has_halves() {
                    continue;
                }
                if let Some((timestamp, octets)) = packetiser.poll() {
                    packets.push((frame * 20 + half * 10, timestamp, octets.to_vec()));
                }
            }
        }
        packets
    }

    #[test]
    fn packets_follow_each_other_at_their_time_and_without_a_gap() {
        for packet_ms in [10, 20, 30, 40, 50, 60] {
            let packets = run(packet_ms, 60);
            let ticks = u32::from(packet_ms) * 8;
            for (index, (at, timestamp, octets)) in packets.iter().enumerate() {
                let first = index as u32 * ticks;
                assert_eq!(*timestamp, 7 + first, "{packet_ms} ms");
                assert_eq!(
                    *at,
                    packets[0].0 + index as u32 * u32::from(packet_ms),
                    "{packet_ms} ms"
                );
                let expected: Vec<u8> = (first..first + ticks).map(|n| (n / 3) as u8).collect();
                assert_eq!(*octets, expected, "{packet_ms} ms");
            }
            assert!(packets[0].0 <= u32::from(packet_ms) && packets.len() >= 1140 / usize::from(packet_ms));
        }
    }

    #[test]
    fn a_change_of_the_packet_time_loses_nothing() {
        let mut packetiser = Packetiser::new(20);
        let mut next = 0;
        for frame in 0..40 {
            if frame == 13 {
                packetiser.set_packet_time(60);
            }
            if frame == 28 {
                packetiser.set_packet_time(20);
            }
            packetiser.add(frame * 160, |octets| octets.len());
            if let Some((timestamp, octets)) = packetiser.poll() {
                assert_eq!(timestamp, next);
                next += octets.len() as u32;
            }
        }
        // At most what did not fill a packet of 60 ms waits.
        assert!(next >= 37 * 160, "{next}");
    }
}
