//! Holds the packets of a stream against the clock of its media: one every 20 ms.

use std::{fmt, time::Duration};

/// Nanoseconds from one packet to the next.
const FRAME: i64 = 20_000_000;
/// A packet that comes later than this after its time is late: a jitter buffer of usual depth has
/// given it up.
const LATE: i64 = 30_000_000;
/// The clock of a stream is set by the earliest of so many packets at its beginning, so that a first
/// packet that was late itself does not excuse the others.
const SETTING: usize = 50;

/// A packet, and when it came, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) sequence: u16,
    pub(crate) at: i64,
}

/// How well streams kept the time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Streams that were heard.
    pub(crate) streams: usize,
    /// Packets whose time came.
    pub(crate) expected: u64,
    /// Those that came late.
    pub(crate) late: u64,
    /// Those that did not come.
    pub(crate) missing: u64,
    /// Packets that arrived here and were dropped by the kernel. They count as missing.
    pub(crate) dropped: u64,
}

impl Tally {
    /// The share of packets, in percent, that were not there in time.
    pub(crate) fn late_percent(&self) -> f64 {
        100.0 * (self.late + self.missing) as f64 / self.expected.max(1) as f64
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.streams += other.streams;
        self.expected += other.expected;
        self.late += other.late;
        self.missing += other.missing;
    }

    /// Counts streams of which nothing came.
    pub(crate) fn add_silent(&mut self, streams: usize, length: Duration) {
        let packets = streams as u64 * (length.as_nanos() as u64 / FRAME as u64);
        self.expected += packets;
        self.missing += packets;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            streams,
            expected,
            late,
            missing,
            dropped,
        } = self;
        write!(
            formatter,
            "{streams} streams heard; of {expected} packets {late} late and {missing} missing, \
             {dropped} of them dropped at the listening end"
        )
    }
}

/// Counts the packets of one stream whose time came early enough before the end to be judged.
pub(crate) fn tally(arrivals: &[Arrival], until: i64) -> Tally {
    let Some(first) = arrivals.first() else {
        return Tally::default();
    };
    // Sequence numbers wrap; counted from the first, each is a step from the one before.
    let mut place = 0_i64;
    let mut last = first.sequence;
    let placed: Vec<(i64, i64)> = arrivals
        .iter()
        .map(|arrival| {
            place += i64::from(arrival.sequence.wrapping_sub(last).cast_signed());
            last = arrival.sequence;
            (place, arrival.at)
        })
        .collect();
    let delays = placed.iter().map(|(place, at)| at - place * FRAME);
    let zero = delays.take(SETTING).min().unwrap_or(first.at);
    let expected = ((until - LATE - zero).div_euclid(FRAME) + 1).max(0);
    let judged = placed
        .iter()
        .filter(|(place, at)| (0..expected).contains(place) && *at <= until);
    let (mut came, mut late) = (0, 0);
    for (place, at) in judged {
        came += 1;
        late += u64::from(at - (zero + place * FRAME) > LATE);
    }
    let expected = expected.unsigned_abs();
    Tally {
        streams: 1,
        expected,
        late,
        missing: expected.saturating_sub(came),
        dropped: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: i64 = 1_000_000;

    /// Packets of two seconds, each as many milliseconds late as the function says; none: lost.
    fn packets(late: impl Fn(i64) -> Option<i64>) -> Vec<Arrival> {
        (0..100)
            .filter_map(|number| {
                Some(Arrival {
                    sequence: 65_500_u16.wrapping_add(u16::try_from(number).unwrap()),
                    at: 7 * MILLI + number * FRAME + late(number)? * MILLI,
                })
            })
            .collect()
    }

    fn counted(late: impl Fn(i64) -> Option<i64>) -> (u64, u64, u64) {
        let tally = tally(&packets(late), 2_000 * MILLI);
        (tally.expected, tally.late, tally.missing)
    }

    #[test]
    fn packets_on_time_are_on_time() {
        assert_eq!(counted(|_| Some(0)), (99, 0, 0));
        assert_eq!(counted(|number| Some(number % 3 * 14)), (99, 0, 0));
    }

    #[test]
    fn a_packet_is_late_when_it_comes_more_than_thirty_milliseconds_after_its_time() {
        assert_eq!(counted(|number| Some(if number == 60 { 31 } else { 0 })), (99, 1, 0));
        assert_eq!(counted(|number| Some(if number == 60 { 30 } else { 0 })), (99, 0, 0));
    }

    #[test]
    fn a_late_first_packet_excuses_nobody() {
        assert_eq!(counted(|number| Some(if number == 0 { 40 } else { 0 })).1, 1);
    }

    #[test]
    fn a_stream_that_falls_behind_is_late_from_then_on() {
        let (_, late, missing) = counted(|number| Some(if number < 50 { 0 } else { 100 }));
        assert_eq!(late + missing, 49);
    }

    #[test]
    fn lost_packets_and_those_after_the_end_of_a_stream_are_missing() {
        assert_eq!(counted(|number| (number % 10 != 5).then_some(0)), (99, 0, 10));
        assert_eq!(counted(|number| (number < 60).then_some(0)), (99, 0, 39));
    }

    #[test]
    fn silent_streams_count_with_all_their_packets() {
        let mut sum = Tally::default();
        sum.add_silent(2, Duration::from_secs(1));
        assert_eq!((sum.expected, sum.missing, sum.streams), (100, 100, 0));
        assert!((sum.late_percent() - 100.0).abs() < 1e-9);
    }
}
