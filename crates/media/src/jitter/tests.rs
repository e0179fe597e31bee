use proptest::prelude::*;

use super::*;

const SSRC: u32 = 7;

/// A buffer with a sender beside it, whose packets carry the number of their frame.
struct Bench {
    buffer: JitterBuffer,
    start: u32,
    first_sequence: u16,
}

impl Bench {
    fn new() -> Self {
        Self {
            buffer: JitterBuffer::new(8000, 0xFF),
            // Both counters wrap soon after the beginning.
            start: u32::MAX - 1000,
            first_sequence: u16::MAX - 3,
        }
    }

    /// Sends the packet of frame `number`.
    fn send(&mut self, number: u32) -> Push {
        self.buffer.push(
            SSRC,
            self.first_sequence.wrapping_add(number as u16),
            self.start.wrapping_add(number * 160),
            &[number as u8; 160],
        )
    }

    /// The number heard in the next frame, `-1` for a lost one, `-2` for an empty one.
    fn hear(&mut self) -> i32 {
        let mut out = [0; 160];
        match self.buffer.pull(&mut out) {
            Pull::Frame => {
                assert!(out.iter().all(|octet| *octet == out[0]));
                i32::from(out[0])
            }
            Pull::Lost | Pull::FirstHalfLost | Pull::SecondHalfLost => -1,
            Pull::Empty => -2,
        }
    }

    fn hear_many(&mut self, frames: usize) -> Vec<i32> {
        (0..frames).map(|_| self.hear()).collect()
    }
}

#[test]
fn the_first_packet_waits_40_ms() {
    let mut bench = Bench::new();
    assert_eq!(bench.hear(), -2);
    assert_eq!(bench.send(0), Push::Restarted);
    let mut heard = Vec::new();
    for number in 1..6 {
        heard.push(bench.hear());
        assert_eq!(bench.send(number), Push::Queued);
    }
    assert_eq!(heard, [-2, -2, 0, 1, 2]);
    assert!((bench.buffer.depth_ms() - 40.0).abs() < 1.0);
    assert_eq!(bench.buffer.counts(), JitterCounts::default());
}

#[test]
fn disorder_within_the_depth_is_put_right() {
    let mut bench = Bench::new();
    for number in [0, 2, 1, 3] {
        bench.send(number);
    }
    assert_eq!(bench.hear_many(6), [-2, -2, 0, 1, 2, 3]);
}

#[test]
fn duplicates_are_dropped_even_when_their_time_is_over() {
    let mut bench = Bench::new();
    for number in 0..4 {
        bench.send(number);
    }
    assert_eq!(bench.send(1), Push::Duplicate);
    bench.hear_many(6);
    assert_eq!(bench.send(0), Push::Duplicate);
    assert_eq!(bench.buffer.counts().duplicates, 2);
    assert_eq!(bench.buffer.counts().late, 0);
}

#[test]
fn a_gap_in_the_sequence_is_lost_and_one_without_is_quiet() {
    let mut bench = Bench::new();
    bench.send(0);
    bench.send(2);
    assert_eq!(bench.hear_many(5), [-2, -2, 0, -1, 2]);

    let mut bench = Bench::new();
    bench.send(0);
    let later = bench.start.wrapping_add(3 * 160);
    let next = bench.first_sequence.wrapping_add(1);
    bench.buffer.push(SSRC, next, later, &[3; 160]);
    assert_eq!(bench.hear_many(6), [-2, -2, 0, -2, -2, 3]);
}

#[test]
fn packets_of_another_kind_leave_no_loss_behind() {
    let mut bench = Bench::new();
    bench.send(0);
    let first = bench.first_sequence;
    for number in 1..4 {
        bench.buffer.note_other(SSRC, first.wrapping_add(number));
    }
    bench.send(4);
    assert_eq!(bench.hear_many(7), [-2, -2, 0, -2, -2, -2, 4]);
}

#[test]
fn a_stream_that_stops_is_lost_for_a_moment_and_then_empty() {
    let mut bench = Bench::new();
    bench.send(0);
    assert_eq!(bench.hear_many(8), [-2, -2, 0, -1, -1, -1, -2, -2]);
}

#[test]
fn a_late_newest_packet_deepens_the_buffer_and_is_still_heard() {
    let mut bench = Bench::new();
    bench.send(0);
    bench.hear_many(3);
    // Frame 1 is overdue by 60 ms when it comes.
    bench.hear_many(4);
    assert_eq!(bench.send(1), Push::Queued);
    bench.send(2);
    assert_eq!(bench.hear_many(2), [1, 2]);
    assert_eq!(bench.buffer.counts().late, 0);
    assert!(bench.buffer.depth_ms() > 100.0);
}

#[test]
fn a_late_packet_after_newer_ones_is_dropped_and_counted() {
    let mut bench = Bench::new();
    bench.send(0);
    bench.send(2);
    bench.send(3);
    assert_eq!(bench.hear_many(5), [-2, -2, 0, -1, 2]);
    assert_eq!(bench.send(1), Push::Late);
    assert_eq!(bench.buffer.counts().late, 1);
    // The buffer has become deeper by what would have saved it, and the rest is heard in order.
    bench.send(4);
    let heard: Vec<i32> = bench.hear_many(8).into_iter().filter(|n| *n >= 0).collect();
    assert_eq!(heard, [3, 4]);
}

#[test]
fn the_buffer_never_gets_deeper_than_200_ms() {
    let mut bench = Bench::new();
    let mut sent = 0;
    for round in 0..40 {
        // The peer stalls longer and longer, and then sends all at once.
        bench.hear_many(round);
        for _ in 0..round {
            bench.send(sent);
            sent += 1;
        }
        assert!(bench.buffer.most_slack <= 8 * 512);
    }
    for _ in 0..2000 {
        bench.send(sent);
        sent += 1;
        bench.hear();
    }
    assert!(bench.buffer.depth_ms() <= 200.0, "{}", bench.buffer.depth_ms());
}

#[test]
fn after_calm_seconds_it_asks_to_be_shallower() {
    let mut bench = Bench::new();
    for number in 0..6 {
        bench.send(number);
    }
    let mut skipped = 0;
    let mut last_heard = -2;
    for number in 6..4000 {
        let heard = bench.hear();
        if heard >= 0 {
            if last_heard >= 0 {
                let step = (heard as u8).wrapping_sub(last_heard as u8);
                assert!(step == 1 || step == 2);
            }
            last_heard = heard;
        }
        bench.send(number);
        if bench.buffer.is_too_deep() {
            bench.buffer.skip_frame();
            skipped += 1;
        }
    }
    assert_eq!(skipped, 5);
    assert!((bench.buffer.depth_ms() - 40.0).abs() < 2.0);
    assert_eq!(bench.buffer.counts().lost_frames, 0);
}

#[test]
fn a_steady_stream_is_left_alone() {
    let mut bench = Bench::new();
    for number in 0..2000 {
        bench.send(number);
        bench.hear();
        assert!(!bench.buffer.is_too_deep());
    }
}

#[test]
fn another_source_and_a_jump_in_time_begin_anew() {
    let mut bench = Bench::new();
    bench.send(0);
    bench.send(1);
    assert_eq!(bench.buffer.push(8, 5, 99, &[50; 160]), Push::Restarted);
    assert_eq!(bench.hear_many(4), [-2, -2, 50, -1]);
    assert_eq!(bench.buffer.push(8, 6, 1_000_000, &[51; 160]), Push::Restarted);
    assert_eq!(bench.hear_many(3), [-2, -2, 51]);
    assert_eq!(bench.buffer.push(8, 7, 900_000, &[52; 160]), Push::Restarted);
    assert_eq!(bench.buffer.counts().restarts, 3);
}

#[test]
fn a_clock_set_back_a_little_is_followed_in_the_end() {
    let mut bench = Bench::new();
    let start = bench.start;
    for number in 0..10 {
        bench.send(number);
        bench.hear();
    }
    let mut restarted = false;
    for number in 10..30_u16 {
        let timestamp = start.wrapping_add(u32::from(number) * 160).wrapping_sub(4000);
        let sequence = bench.first_sequence.wrapping_add(number);
        let push = bench.buffer.push(SSRC, sequence, timestamp, &[1; 160]);
        restarted |= push == Push::Restarted;
        bench.hear();
    }
    assert!(restarted);
    assert!(bench.hear() >= 0);
}

#[test]
fn packets_of_10_to_60_ms_make_frames_of_20() {
    for milliseconds in [10_u32, 20, 30, 40, 60] {
        let mut buffer = JitterBuffer::new(8000, 0xFF);
        let octets = milliseconds * 8;
        let stream: Vec<u8> = (0..9600_u32).map(|n| (n / 7) as u8).collect();
        let mut heard = Vec::new();
        let mut out = [0; 160];
        let mut sent = 0;
        for frame in 0..60_u32 {
            while sent * milliseconds <= frame * 20 && ((sent + 1) * octets) as usize <= stream.len() {
                let payload = &stream[(sent * octets) as usize..((sent + 1) * octets) as usize];
                buffer.push(1, sent as u16, sent * octets, payload);
                sent += 1;
            }
            if buffer.pull(&mut out) == Pull::Frame {
                heard.extend(out);
            }
        }
        assert!(heard.len() > 9000, "{milliseconds} ms");
        assert!(stream.starts_with(&heard), "{milliseconds} ms");
    }
}

#[test]
fn the_loss_of_a_short_packet_is_half_a_frame() {
    let mut buffer = JitterBuffer::new(8000, 0xFF);
    for number in (0..12_u16).filter(|number| *number != 2 && *number != 7) {
        buffer.push(1, number, u32::from(number) * 80, &[number as u8; 80]);
    }
    let mut out = [0; 160];
    let pulls: Vec<Pull> = (0..8).map(|_| buffer.pull(&mut out)).collect();
    let (frame, empty) = (Pull::Frame, Pull::Empty);
    let lost = (Pull::FirstHalfLost, Pull::SecondHalfLost);
    assert_eq!(pulls, [empty, empty, frame, lost.0, frame, lost.1, frame, frame]);
}

#[test]
fn packets_of_impossible_length_are_dropped() {
    let mut buffer = JitterBuffer::new(8000, 0xFF);
    assert_eq!(buffer.push(1, 1, 0, &[]), Push::BadLength);
    assert_eq!(buffer.push(1, 1, 0, &[0; 481]), Push::BadLength);
    assert_eq!(buffer.push(1, 1, 0, &[0; 480]), Push::Restarted);
}

proptest! {
    /// Whatever the network sends, nothing panics and the depth stays bounded.
    #[test]
    fn any_packets_are_answered(
        packets in prop::collection::vec((any::<bool>(), any::<u16>(), any::<u32>(), 0_usize..500, 0_usize..4), 0..200),
    ) {
        let mut buffer = JitterBuffer::new(8000, 0xFF);
        let mut out = [0; 160];
        for (near, sequence, timestamp, length, pulls) in packets {
            let timestamp = if near { timestamp % 8000 } else { timestamp };
            buffer.push(1, sequence, timestamp, &vec![0; length]);
            for _ in 0..pulls {
                buffer.pull(&mut out);
            }
        }
    }

    /// Under delays within the bounds everything that came is heard in order, and once.
    #[test]
    fn jittered_packets_come_out_in_order(delays in prop::collection::vec(0_u32..120, 30..60)) {
        let mut bench = Bench::new();
        let mut arrivals: Vec<(u32, u32)> = delays
            .iter()
            .enumerate()
            .map(|(number, delay)| (number as u32 * 20 + delay, number as u32))
            .collect();
        arrivals.sort_unstable();
        let mut heard = Vec::new();
        let mut arrivals = arrivals.into_iter().peekable();
        for frame in 0..90_u32 {
            while let Some((_, number)) = arrivals.next_if(|(at, _)| *at <= frame * 20) {
                bench.send(number);
            }
            heard.extend(Some(bench.hear()).filter(|number| *number >= 0));
        }
        prop_assert!(heard.windows(2).all(|pair| pair[0] < pair[1]), "{heard:?}");
        prop_assert!(heard.len() + 12 >= delays.len(), "{heard:?}");
    }
}
