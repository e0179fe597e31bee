//! A running stream neither allocates nor frees: not per packet, not per frame, whatever it plays, hears or loses, once
//! the far side has been heard.

use std::sync::Arc;
use std::time::Instant;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use outdial_media::codec::Codec;
use outdial_media::digit::Digit;
use outdial_media::stream::{MediaStream, StreamConfig, StreamEvent};
use outdial_media::{FRAME, MAX_PACKET, tones};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// Turns two streams against each other for `frames` frames, with the allocator off, and counts their events.
fn turn(ours: &mut MediaStream, theirs: &mut MediaStream, now: &mut Instant, frames: u32) -> usize {
    let before = violation_count();
    let mut events = 0;
    assert_no_alloc(|| {
        let mut packet = [0; MAX_PACKET];
        for frame in 0..frames {
            if let Some(length) = ours.tick(*now, &mut packet)
                && frame % 17 != 0
            {
                theirs.handle_packet(&packet[..length], *now);
                if frame % 29 == 0 {
                    theirs.handle_packet(&packet[..length], *now);
                }
            }
            if let Some(length) = ours.tick_half(&mut packet) {
                theirs.handle_packet(&packet[..length], *now);
            }
            if let Some(length) = theirs.tick(*now, &mut packet) {
                ours.handle_packet(&packet[..length], *now);
                // What nobody sent must cost no memory either.
                packet[8] ^= 1;
                ours.handle_packet(&packet[..length], *now);
                ours.handle_packet(&packet[..length / 20], *now);
            }
            let live = [frame as i16; 160];
            theirs.feed(&live);
            std::hint::black_box((ours.received(), ours.sent(), ours.quality()));
            for stream in [&mut *ours, &mut *theirs] {
                while let Some(event) = stream.poll_event() {
                    std::hint::black_box::<StreamEvent>(event);
                    events += 1;
                }
            }
            *now += FRAME;
        }
    });
    assert_eq!(violation_count(), before, "the allocator was called");
    events
}

/// Gives the first packet of one stream to another, which may allocate for it.
fn introduce(one: &mut MediaStream, other: &mut MediaStream, now: Instant) {
    let mut packet = [0; MAX_PACKET];
    let length = (0..10).find_map(|_| one.tick(now, &mut packet)).expect("it sends");
    other.handle_packet(&packet[..length], now);
}

fn run(ours: StreamConfig, theirs: StreamConfig, rounds: u64) {
    let mut now = Instant::now();
    let mut ours = MediaStream::new(ours, now);
    let mut theirs = MediaStream::new(theirs, now);
    let clip: Arc<[i16]> = tones::sine(8000, 440.0, -10.0, 500).into();
    introduce(&mut ours, &mut theirs, now);
    introduce(&mut theirs, &mut ours, now);
    assert!(turn(&mut ours, &mut theirs, &mut now, 50) >= 2);
    for round in 0..rounds {
        ours.play(round, [clip.clone(), clip.clone()])
            .expect("the queue is empty");
        let keys = Digit::parse_all("123A").expect("keys");
        theirs.send_digits(round, &keys).expect("the queue is empty");
        // The end of the play, the end of the digits, and the digits.
        assert!(turn(&mut ours, &mut theirs, &mut now, 100) >= 6);
        let stopped = theirs.play(round, [clip.clone()]).is_ok();
        turn(&mut ours, &mut theirs, &mut now, 5);
        assert!(stopped && theirs.stop_play(round));
        ours.set_sending(round % 3 != 0);
        turn(&mut ours, &mut theirs, &mut now, 30);
        ours.set_sending(true);
    }
}

#[test]
fn a_running_stream_does_not_allocate() {
    for codec in Codec::ALL {
        run(StreamConfig::new(codec, 3), StreamConfig::new(codec, 5), 8);
    }
    let odd = |codec, random, packet_time| StreamConfig {
        packet_time,
        ..StreamConfig::new(codec, random)
    };
    for packet_time in StreamConfig::PACKET_TIMES {
        run(
            odd(Codec::G722, 3, packet_time),
            odd(Codec::G722, 5, 70 - packet_time),
            2,
        );
    }
    let without = |random| StreamConfig::new(Codec::Pcmu, random).with_telephone_event(None);
    run(without(3), without(5), 8);
}

#[test]
fn the_test_would_notice() {
    let before = violation_count();
    assert_no_alloc(|| std::hint::black_box(vec![1_u8]));
    assert!(violation_count() > before);
}
