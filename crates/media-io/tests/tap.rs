//! A tap hears both sides of a stream, on one clock, and costs its thread no memory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod legs;

use std::net::{IpAddr, Ipv4Addr};

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use legs::leg;
use outdial_engine::ports::{Tap, tap};
use outdial_media::{codec::Codec, correlate, stream::StreamConfig, tones};
use outdial_media_io::{MediaEngine, MediaEvent, Remote, Stream};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn start(stream: &mut Stream, random: u128, remote: &Stream) {
    stream.start(StreamConfig::new(Codec::Pcma, random), Remote::new(remote.local()));
}

async fn played(stream: &mut Stream) {
    while !matches!(stream.event().await.unwrap(), MediaEvent::PlayFinished { .. }) {}
}

/// Both sides, with silence where a frame has nothing.
fn heard(tap: &mut Tap) -> (Vec<i16>, Vec<i16>) {
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    while let Some(frame) = tap.next() {
        sent.extend(frame.sent().unwrap_or(&[0; 160]));
        received.extend(frame.received().unwrap_or(&[0; 160]));
    }
    (sent, received)
}

#[tokio::test]
async fn both_sides_are_heard_from_the_beginning_and_from_the_middle() {
    let engine = MediaEngine::start(1, HERE, 47_760..=47_763).unwrap();
    let (mut one, mut other) = (engine.open(leg()).unwrap(), engine.open(leg()).unwrap());
    let (sink, mut early) = tap(3_000);
    one.tap(sink);
    start(&mut one, 1 << 70 | 1, &other);
    start(&mut other, 1 << 80 | 2, &one);
    let (sink, mut late) = tap(3_000);
    other.tap(sink);

    let ringback = &tones::ringback(8_000, tones::Ringback::Europe)[7_000..11_000];
    one.play(1, vec![ringback.into()]);
    played(&mut one).await;
    let tone = tones::sine(8_000, 1_200.0, -10.0, 400);
    other.play(1, vec![tone.as_slice().into()]);
    played(&mut other).await;
    // What was sent last is received by then.
    one.play(2, vec![vec![0; 4_000].into()]);
    played(&mut one).await;
    one.close().await.unwrap();
    other.close().await.unwrap();

    let (sent, received) = heard(&mut early);
    assert_eq!(early.missed(), 0);
    assert!(correlate::find(ringback, &sent).unwrap().score > 0.99);
    assert!(correlate::find(&tone, &received).unwrap().score > 0.95);
    let (sent, received) = heard(&mut late);
    assert!(correlate::find(&tone, &sent).unwrap().score > 0.99);
    assert!(correlate::find(ringback, &received).unwrap().score > 0.9);
}

#[test]
fn frames_cost_no_memory_whether_they_find_room_or_not() {
    let (mut sink, mut tap) = tap(10);
    let before = violation_count();
    assert_no_alloc(|| {
        for _ in 0..3 {
            for _ in 0..20 {
                sink.put(Some(&[1; 160]), Some(&[2; 320]));
            }
            while let Some(frame) = tap.next() {
                std::hint::black_box(frame.sent());
            }
        }
    });
    assert_eq!(violation_count(), before, "the allocator was called");
    assert_eq!(tap.missed(), 30);
}
