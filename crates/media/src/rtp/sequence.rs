//! Sequence numbers beyond 16 bits (RFC 3550, appendix A.1).

/// What a sequence number turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The very next one.
    Next,
    /// A later one: those between are lost, or on their way.
    Ahead,
    /// An earlier one: out of order, or a duplicate.
    Behind,
    /// So far off that the sender may have restarted. Not counted; a second one in order makes it [`Restarted`](Self::Restarted).
    Suspect,
    /// The sender restarted: counting began anew with this packet.
    Restarted,
}

/// Extends sequence numbers beyond 16 bits and counts packets (appendix A.1).
#[derive(Debug, Clone)]
pub struct SequenceTracker {
    base: u16,
    highest: u16,
    cycles: u32,
    received: u64,
    suspect: Option<u16>,
}

impl SequenceTracker {
    /// A jump forward by this much is taken for a restart (MAX_DROPOUT).
    const MAX_DROPOUT: u16 = 3000;
    /// A step back by less than this is taken for reordering (MAX_MISORDER).
    const MAX_MISORDER: u16 = 100;

    /// Begins with the first packet of a source, which counts as received.
    pub const fn new(first: u16) -> Self {
        Self {
            base: first,
            highest: first,
            cycles: 0,
            received: 1,
            suspect: None,
        }
    }

    /// Takes the sequence number of the next packet to arrive.
    pub fn update(&mut self, sequence: u16) -> Arrival {
        let ahead = sequence.wrapping_sub(self.highest);
        let arrival = if ahead == 0 {
            Arrival::Behind
        } else if ahead < Self::MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.highest = sequence;
            if ahead == 1 { Arrival::Next } else { Arrival::Ahead }
        } else if ahead > u16::MAX - Self::MAX_MISORDER {
            Arrival::Behind
        } else if self.suspect == Some(sequence) {
            *self = Self::new(sequence);
            return Arrival::Restarted;
        } else {
            self.suspect = Some(sequence.wrapping_add(1));
            return Arrival::Suspect;
        };
        self.suspect = None;
        self.received += 1;
        arrival
    }

    /// The highest sequence number so far, with its cycles in the upper half, as reports carry it.
    pub const fn extended_highest(&self) -> u32 {
        self.cycles.wrapping_add(self.highest as u32)
    }

    /// Packets that should have come by now (appendix A.3).
    pub const fn expected(&self) -> u64 {
        self.extended_highest().wrapping_sub(self.base as u32) as u64 + 1
    }

    /// Packets that came, duplicates included, as the standard counts them.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Packets that did not come; below zero where duplicates came (appendix A.3).
    pub const fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_extend_over_the_wrap() {
        let mut tracker = SequenceTracker::new(65_534);
        assert_eq!(tracker.update(65_535), Arrival::Next);
        assert_eq!(tracker.update(1), Arrival::Ahead);
        assert_eq!(tracker.update(0), Arrival::Behind);
        assert_eq!(tracker.extended_highest(), 65_537);
        assert_eq!((tracker.expected(), tracker.lost()), (4, 0));
        assert_eq!(tracker.update(3), Arrival::Ahead);
        assert_eq!(tracker.lost(), 1);
        assert_eq!(tracker.update(3), Arrival::Behind);
        assert_eq!(tracker.lost(), 0);
    }

    #[test]
    fn a_restart_needs_two_packets_in_order() {
        let mut tracker = SequenceTracker::new(100);
        assert_eq!(tracker.update(30_000), Arrival::Suspect);
        assert_eq!(tracker.update(101), Arrival::Next);
        assert_eq!(tracker.update(30_001), Arrival::Suspect);
        assert_eq!(tracker.update(30_002), Arrival::Restarted);
        assert_eq!((tracker.expected(), tracker.lost()), (1, 0));
        assert_eq!(tracker.update(30_003), Arrival::Next);
    }

    proptest::proptest! {
        #[test]
        fn counting_never_fails(numbers: Vec<u16>) {
            let mut tracker = SequenceTracker::new(0);
            for number in numbers {
                tracker.update(number);
                proptest::prop_assert!(tracker.expected() >= 1);
            }
        }
    }
}
