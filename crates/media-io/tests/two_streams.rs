//! Two streams on loopback talk to each other.

mod legs;

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    ops::RangeInclusive,
    time::Duration,
};

use legs::leg;
use outdial_domain::Digit;
use outdial_engine::ports::DigitWay;
use outdial_media::{
    codec::Codec,
    rtp::{RtpHeader, RtpPacket},
    stream::StreamConfig,
};
use outdial_media_io::{MediaEngine, MediaEvent, OpenError, Remote, StartError, Stream};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn engine(ports: RangeInclusive<u16>) -> MediaEngine {
    MediaEngine::start(1, HERE, ports).expect("the threads start")
}

fn config(random: u128) -> StreamConfig {
    StreamConfig::new(Codec::Pcmu, random)
}

fn pair(engine: &MediaEngine) -> (Stream, Stream) {
    let (mut one, mut other) = (
        engine.open(leg()).expect("there is a port"),
        engine.open(leg()).expect("there is a port"),
    );
    let (at_one, at_other) = (one.local(), other.local());
    one.start(config(1), Remote::new(at_other));
    other.start(config(2 << 64 | 2), Remote::new(at_one));
    (one, other)
}

/// The next event that the test is about; a test that waits in vain is ended by its harness.
async fn until<T>(stream: &mut Stream, wanted: impl Fn(MediaEvent) -> Option<T>) -> T {
    let search = async {
        loop {
            let event = stream.event().await.expect("the stream runs");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), search)
        .await
        .expect("the event comes")
}

#[tokio::test]
async fn they_exchange_sound_and_digits() {
    let engine = engine(47_700..=47_703);
    let (mut one, mut other) = pair(&engine);
    until(&mut one, |event| {
        matches!(event, MediaEvent::FirstPacket { .. }).then_some(())
    })
    .await;

    one.play(7, vec![vec![1000; 1600].into()]);
    let stopped = until(&mut one, |event| match event {
        MediaEvent::PlayFinished { play: 7, stopped } => Some(stopped),
        _ => None,
    })
    .await;
    assert!(!stopped);

    one.send_digits("4w#".parse().unwrap());
    let digit = |event| match event {
        MediaEvent::Digit {
            digit,
            way: DigitWay::Rtp,
        } => Some(digit),
        _ => None,
    };
    assert_eq!(Some(until(&mut other, digit).await), Digit::from_char('4'));
    assert_eq!(Some(until(&mut other, digit).await), Digit::from_char('#'));
    until(&mut one, |event| (event == MediaEvent::DigitsSent).then_some(())).await;

    assert_eq!(engine.running(), 2);
    let sent = one.close().await.expect("it ran");
    let heard = other.close().await.expect("it ran");
    assert!(sent.sent > 25, "{sent:?}");
    assert!(heard.received > 25 && heard.lost == 0, "{heard:?}");
    assert_eq!(engine.running(), 0);
}

#[tokio::test]
async fn packets_follow_the_media_clock() {
    let engine = engine(47_710..=47_713);
    let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    far.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = engine.open(leg()).unwrap();
    stream.start(config(1), Remote::new(far.local_addr().unwrap()));
    let headers = tokio::task::spawn_blocking(move || {
        let mut packet = [0; 1500];
        (0..50)
            .map(|_| {
                let (length, _) = far.recv_from(&mut packet).unwrap();
                RtpPacket::parse(&packet[..length]).unwrap().header
            })
            .collect::<Vec<RtpHeader>>()
    })
    .await
    .unwrap();
    for pair in headers.windows(2) {
        assert_eq!(pair[1].sequence.wrapping_sub(pair[0].sequence), 1);
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 160);
    }
    drop(stream);
}

#[tokio::test]
async fn garbage_and_strangers_change_nothing() {
    let engine = engine(47_720..=47_723);
    let (mut one, mut other) = pair(&engine);
    until(&mut one, |event| {
        matches!(event, MediaEvent::FirstPacket { .. }).then_some(())
    })
    .await;
    until(&mut other, |event| {
        matches!(event, MediaEvent::FirstPacket { .. }).then_some(())
    })
    .await;

    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut forged = [0xFF; 172];
    for sequence in 0..100 {
        RtpHeader {
            marker: true,
            payload_type: 0,
            sequence,
            timestamp: 0,
            ssrc: 99,
        }
        .write(&mut forged)
        .unwrap();
        stranger.send_to(&forged, one.local()).unwrap();
        stranger.send_to(b"GET / HTTP/1.0\r\n\r\n", one.local()).unwrap();
        stranger.send_to(&[], one.local()).unwrap();
    }
    stranger.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(stranger.recv(&mut forged).is_err(), "the stranger hears nothing");

    other.send_digits("5".parse().unwrap());
    let digit = until(&mut one, |event| match event {
        MediaEvent::Digit { digit, .. } => Some(digit),
        _ => None,
    })
    .await;
    assert_eq!(Some(digit), Digit::from_char('5'));
    let quality = one.close().await.expect("it ran");
    assert_eq!(quality.lost, 0, "{quality:?}");
}

#[tokio::test]
async fn a_stopped_play_says_so_and_a_dropped_stream_gives_its_port_back() {
    let engine = engine(47_730..=47_731);
    let mut stream = engine.open(leg()).unwrap();
    assert!(matches!(engine.open(leg()), Err(OpenError::Exhausted { total: 1 })));
    assert!(!stream.is_running());
    stream.start(config(1), Remote::new("127.0.0.1:9".parse().unwrap()));
    stream.play(1, vec![vec![0; 800_000].into()]);
    stream.stop_playing();
    let stopped = until(&mut stream, |event| match event {
        MediaEvent::PlayFinished { play: 1, stopped } => Some(stopped),
        _ => None,
    })
    .await;
    assert!(stopped);
    assert!(stream.close().await.is_some());
    assert_eq!(engine.running(), 0);
}

#[tokio::test]
async fn a_stream_that_never_ran_has_no_quality() {
    let engine = engine(47_740..=47_741);
    assert_eq!(engine.open(leg()).unwrap().close().await, None);
}

#[test]
fn a_range_without_room_is_refused_with_the_remedy() {
    let error = MediaEngine::start(1, HERE, 16_385..=16_386).unwrap_err();
    assert!(matches!(error, StartError::NoPorts { .. }));
    assert!(error.to_string().contains("16384-32767"), "{error}");
}
