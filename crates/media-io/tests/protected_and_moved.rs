//! Streams that are protected, speak IPv6, have other packet times, move, fall silent, or are attacked.

mod legs;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use legs::leg;
use outdial_domain::Digit;
use outdial_media::{
    codec::Codec,
    rtp::{RtpHeader, RtpPacket},
    srtp::{MasterKey, SrtpKey, SrtpKeys, Suite},
    stream::StreamConfig,
};
use outdial_media_io::{MediaEngine, MediaEvent, Remote, Stream};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn engine(bind: IpAddr, first: u16) -> MediaEngine {
    MediaEngine::start(1, bind, first..=first + 3).expect("the threads start")
}

fn config(random: u128) -> StreamConfig {
    StreamConfig::new(Codec::Pcmu, random)
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

async fn digit(stream: &mut Stream) -> Digit {
    until(stream, |event| match event {
        MediaEvent::Digit { digit, .. } => Some(digit),
        _ => None,
    })
    .await
}

async fn first_packet(stream: &mut Stream) {
    until(stream, |event| {
        matches!(event, MediaEvent::FirstPacket { .. }).then_some(())
    })
    .await;
}

fn keys(suite: Suite, ours: u8, theirs: u8) -> SrtpKeys {
    let [send, receive] = [ours, theirs].map(|octet| SrtpKey::new(suite, MasterKey::new([octet; 30])));
    SrtpKeys { send, receive }
}

/// A far side of which the test has every packet in its hands.
struct Far {
    socket: UdpSocket,
    sequence: u16,
    ssrc: u32,
}

impl Far {
    fn new(ssrc: u32) -> Self {
        let socket = UdpSocket::bind((HERE, 0)).expect("there is a port");
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout");
        Self {
            socket,
            sequence: 0,
            ssrc,
        }
    }

    fn at(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
    }

    fn speak(&mut self, to: SocketAddr) {
        let mut packet = [0xFF; 172];
        let header = RtpHeader {
            marker: false,
            payload_type: 0,
            sequence: self.sequence,
            timestamp: u32::from(self.sequence) * 160,
            ssrc: self.ssrc,
        };
        header.write(&mut packet).expect("it fits");
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send_to(&packet, to).expect("it is sent");
    }

    /// Forgets what came so far, and then waits for something new.
    fn hears_something_new(&self) -> bool {
        self.socket.set_nonblocking(true).expect("it can be");
        let mut packet = [0; 1500];
        while self.socket.recv(&mut packet).is_ok() {}
        self.socket.set_nonblocking(false).expect("it can be");
        self.socket.recv(&mut packet).is_ok()
    }
}

#[tokio::test]
async fn protected_streams_exchange_digits_and_nobody_reads_along() {
    for (suite, first) in [
        (Suite::AesCm128HmacSha1_80, 47_750),
        (Suite::AesCm128HmacSha1_32, 47_754),
    ] {
        let engine = engine(HERE, first);
        let (mut one, mut other) = (engine.open(leg()).unwrap(), engine.open(leg()).unwrap());
        let (at_one, at_other) = (one.local(), other.local());
        one.start_protected(config(1), Remote::new(at_other), keys(suite, 1, 2));
        other.start_protected(config(2), Remote::new(at_one), keys(suite, 2, 1));
        one.send_digits("17".parse().unwrap());
        assert_eq!(Some(digit(&mut other).await), Digit::from_char('1'));
        // The same keys again, as in a refresh of the session: nothing is lost by it.
        one.start_protected(config(1), Remote::new(at_other), keys(suite, 1, 2));
        assert_eq!(Some(digit(&mut other).await), Digit::from_char('7'));
        // Another key of ours, as in a new offer.
        one.start_protected(config(1), Remote::new(at_other), keys(suite, 5, 2));
        other.start_protected(config(2), Remote::new(at_one), keys(suite, 2, 5));
        one.send_digits("9".parse().unwrap());
        assert_eq!(Some(digit(&mut other).await), Digit::from_char('9'));
        let quality = one.close().await.unwrap();
        assert!(quality.received > 10, "{quality:?}");
    }
}

#[tokio::test]
async fn what_the_key_does_not_fit_is_dropped_even_from_the_right_address() {
    let engine = engine(HERE, 47_758);
    let mut far = Far::new(9);
    let mut stream = engine.open(leg()).unwrap();
    stream.start_protected(config(1), Remote::new(far.at()), keys(Suite::AesCm128HmacSha1_80, 1, 2));
    for _ in 0..50 {
        far.speak(stream.local());
    }
    let mut packet = [0; 1500];
    let (length, _) = far.socket.recv_from(&mut packet).unwrap();
    assert_eq!(length, 182);
    assert!(RtpPacket::parse(&packet[..length]).is_ok());
    let quality = stream.close().await.unwrap();
    assert_eq!(quality.received, 0, "{quality:?}");
}

#[tokio::test]
async fn streams_speak_ipv6() {
    let here = IpAddr::V6(Ipv6Addr::LOCALHOST);
    if UdpSocket::bind((here, 0)).is_err() {
        return;
    }
    let engine = engine(here, 47_762);
    let (mut one, mut other) = (engine.open(leg()).unwrap(), engine.open(leg()).unwrap());
    let (at_one, at_other) = (one.local(), other.local());
    one.start(config(1), Remote::new(at_other));
    other.start(config(2), Remote::new(at_one));
    one.send_digits("6".parse().unwrap());
    assert_eq!(Some(digit(&mut other).await), Digit::from_char('6'));
    let quality = other.close().await.unwrap();
    assert_eq!(quality.lost, 0, "{quality:?}");
}

#[tokio::test]
async fn packets_of_any_agreed_time_go_both_ways() {
    for (index, (codec, ours, theirs)) in [(Codec::Pcma, 10, 60), (Codec::G722, 30, 40), (Codec::Pcmu, 50, 20)]
        .into_iter()
        .enumerate()
    {
        let engine = engine(HERE, 47_766 + 4 * index as u16);
        let (mut one, mut other) = (engine.open(leg()).unwrap(), engine.open(leg()).unwrap());
        let (at_one, at_other) = (one.local(), other.local());
        let with = |random, packet_time| StreamConfig {
            packet_time,
            ..StreamConfig::new(codec, random)
        };
        one.start(with(1, ours), Remote::new(at_other));
        other.start(with(2 << 64 | 2, theirs), Remote::new(at_one));
        let second = codec.sample_rate() as usize;
        one.play(1, vec![vec![2000; second].into()]);
        other.play(2, vec![vec![2000; second].into()]);
        for stream in [&mut one, &mut other] {
            until(stream, |event| {
                matches!(event, MediaEvent::PlayFinished { .. }).then_some(())
            })
            .await;
        }
        let (one, other) = (one.close().await.unwrap(), other.close().await.unwrap());
        assert_eq!((one.lost, other.lost), (0, 0), "{one:?} {other:?}");
        let least = |time: u8| u64::from(900 / u16::from(time));
        assert!(
            one.sent >= least(ours) && other.sent >= least(theirs),
            "{one:?} {other:?}"
        );
        assert!(
            one.sent <= least(ours) * 2 && other.sent <= least(theirs) * 2,
            "{one:?} {other:?}"
        );
    }
}

#[tokio::test]
async fn a_far_side_that_falls_silent_is_told() {
    let engine = engine(HERE, 47_778);
    let mut far = Far::new(9);
    let mut stream = engine.open(leg()).unwrap();
    let config = StreamConfig {
        silent_after: Some(Duration::from_millis(300)),
        ..config(1)
    };
    stream.start(config, Remote::new(far.at()));
    far.speak(stream.local());
    first_packet(&mut stream).await;
    until(&mut stream, |event| (event == MediaEvent::FarSideSilent).then_some(())).await;
}

#[tokio::test]
async fn who_was_quicker_than_the_far_side_does_not_keep_the_stream() {
    let engine = engine(HERE, 47_782);
    let (mut far, mut thief) = (Far::new(9), Far::new(8));
    let mut stream = engine.open(leg()).unwrap();
    stream.start(config(1), Remote::new(far.at()));
    // Both are on one host here, as a thief behind the same translator would be.
    for _ in 0..5 {
        thief.speak(stream.local());
    }
    first_packet(&mut stream).await;
    assert!(thief.hears_something_new());
    far.speak(stream.local());
    assert!(far.hears_something_new());
    for _ in 0..5 {
        thief.speak(stream.local());
    }
    assert!(far.hears_something_new());
    thief.socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(!thief.hears_something_new());
    drop(stream);
}

#[tokio::test]
async fn a_far_side_that_moved_is_found_even_behind_a_translator() {
    let engine = engine(HERE, 47_786);
    let (mut before, mut after) = (Far::new(9), Far::new(8));
    let mut stream = engine.open(leg()).unwrap();
    stream.start(config(1), Remote::new(before.at()));
    before.speak(stream.local());
    first_packet(&mut stream).await;
    assert!(before.hears_something_new());
    // Its description names an address where nobody is; its packets come from another.
    let nobody = UdpSocket::bind((HERE, 0)).unwrap();
    stream.start(config(1), Remote::new(nobody.local_addr().unwrap()));
    let mut packet = [0; 1500];
    nobody.recv(&mut packet).unwrap();
    for _ in 0..4 {
        before.speak(stream.local());
        after.speak(stream.local());
    }
    assert!(after.hears_something_new());
    drop(stream);
}

#[tokio::test]
async fn a_flood_on_one_stream_does_not_delay_another() {
    let engine = MediaEngine::start(1, HERE, 47_790..=47_795).unwrap();
    let mut flooded = engine.open(leg()).unwrap();
    let mut flooder = Far::new(9);
    flooded.start(config(1), Remote::new(flooder.at()));
    let to = flooded.local();
    let flood = std::thread::spawn(move || {
        for round in 0..40_000_u32 {
            // Every packet is of another source, and now and then there is garbage.
            flooder.ssrc = round;
            flooder.speak(to);
        }
    });
    let (mut one, mut other) = (engine.open(leg()).unwrap(), engine.open(leg()).unwrap());
    let (at_one, at_other) = (one.local(), other.local());
    one.start(config(1), Remote::new(at_other));
    other.start(config(2 << 64 | 2), Remote::new(at_one));
    one.play(1, vec![vec![2000; 8000].into()]);
    until(&mut one, |event| {
        matches!(event, MediaEvent::PlayFinished { .. }).then_some(())
    })
    .await;
    flood.join().unwrap();
    let quality = other.close().await.unwrap();
    assert_eq!(quality.lost, 0, "{quality:?}");
    assert!(quality.received >= 45, "{quality:?}");
    assert!(flooded.close().await.is_some());
}
