use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::codec::Codec;
use crate::jitter::JitterBuffer;
use crate::loudness::rms_dbfs;
use crate::rtp::{HEADER, RtpHeader, RtpPacket};
use crate::{FRAME, MAX_PACKET, tones};

/// Two streams with a network between them that can lose and hold packets.
struct Line {
    ours: MediaStream,
    theirs: MediaStream,
    now: Instant,
    frame: u32,
    /// Which frames' packets from them to us are lost.
    loses: fn(u32) -> bool,
    heard: Vec<i16>,
    sent: Vec<i16>,
}

impl Line {
    fn new(ours: StreamConfig, theirs: StreamConfig) -> Self {
        let now = Instant::now();
        Self {
            ours: MediaStream::new(ours, now),
            theirs: MediaStream::new(theirs, now),
            now,
            frame: 0,
            loses: |_| false,
            heard: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn usual() -> Self {
        Self::new(config(1), config(2))
    }

    fn run(&mut self, frames: u32) -> (Vec<StreamEvent>, Vec<StreamEvent>) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut packet = [0; MAX_PACKET];
        for _ in 0..frames {
            if let Some(length) = self.theirs.tick(self.now, &mut packet)
                && !(self.loses)(self.frame)
            {
                self.ours.handle_packet(&packet[..length], self.now);
            }
            self.sent.extend(self.theirs.sent().unwrap_or(&[]));
            if let Some(length) = self.theirs.poll_rtcp(self.now, &mut packet) {
                self.ours.handle_rtcp(&packet[..length], self.now);
            }
            if let Some(length) = self.ours.tick(self.now, &mut packet) {
                self.theirs.handle_packet(&packet[..length], self.now);
            }
            if let Some(length) = self.ours.poll_rtcp(self.now, &mut packet) {
                self.theirs.handle_rtcp(&packet[..length], self.now);
            }
            self.heard.extend(self.ours.received().unwrap_or(&[]));
            ours.extend(std::iter::from_fn(|| self.ours.poll_event()));
            theirs.extend(std::iter::from_fn(|| self.theirs.poll_event()));
            self.now += FRAME;
            self.frame += 1;
        }
        (ours, theirs)
    }
}

fn config(ssrc: u32) -> StreamConfig {
    let random = u128::from(ssrc) | (u128::from(u16::MAX - 5) << 32) | (u128::from(u32::MAX - 999) << 64);
    StreamConfig::new(Codec::Pcmu, random)
}

fn digits(events: &[StreamEvent]) -> String {
    events
        .iter()
        .filter_map(|event| match event {
            StreamEvent::Digit { digit, .. } => Some(digit.as_char()),
            _ => None,
        })
        .collect()
}

fn tone(milliseconds: u32) -> Arc<[i16]> {
    tones::sine(8000, 440.0, -10.0, milliseconds).into()
}

/// An audio packet of the peer that nobody sent by a stream.
fn audio(ssrc: u32, sequence: u16, octet: u8) -> Vec<u8> {
    let header = RtpHeader {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
    };
    let mut datagram = vec![octet; HEADER + 160];
    header.write(&mut datagram).unwrap();
    datagram
}

#[test]
fn what_is_played_is_heard_and_its_end_told() {
    for codec in Codec::G711 {
        let with_codec = |ssrc| StreamConfig {
            ssrc,
            ..StreamConfig::new(codec, 99)
        };
        let mut line = Line::new(with_codec(1), with_codec(2));
        line.theirs.play(5, [tone(1000), tone(1000)]).unwrap();
        let (ours, theirs) = line.run(99);
        assert_eq!(ours, [StreamEvent::FirstPacket { ssrc: 2 }]);
        assert_eq!(theirs, [StreamEvent::FirstPacket { ssrc: 1 }]);
        let (_, theirs) = line.run(1);
        let finished = StreamEvent::PlayFinished { id: 5, stopped: false };
        assert_eq!(theirs, [finished]);
        line.run(10);
        // After the wait of the jitter buffer everything is there, but for the coding.
        let delay = (JitterBuffer::INITIAL_MS * 8) as usize;
        let error: Vec<i16> = line.heard[delay..16_000]
            .iter()
            .zip(&line.sent)
            .map(|(heard, sent)| heard - sent)
            .collect();
        assert!(rms_dbfs(&error) < rms_dbfs(&tone(1000)) - 30.0);
        assert_eq!(line.ours.quality().frames_concealed, 0);
    }
}

#[test]
fn g722_carries_what_is_played_and_its_digits() {
    let with = |ssrc, event_clock| StreamConfig {
        ssrc,
        event_clock,
        ..StreamConfig::new(Codec::G722, 99)
    };
    for clock in [8000, 16_000] {
        let mut line = Line::new(with(1, clock), with(2, clock));
        let sound: Arc<[i16]> = tones::sine(16_000, 5000.0, -10.0, 1000).into();
        line.theirs.play(5, [Arc::clone(&sound)]).unwrap();
        let (_, theirs) = line.run(50);
        assert!(theirs.contains(&StreamEvent::PlayFinished { id: 5, stopped: false }));
        line.theirs.send_digits(6, &Digit::parse_all("07#").unwrap()).unwrap();
        let (ours, _) = line.run(40);
        assert_eq!(digits(&ours), "07#");
        let heard = &line.heard[3200..15_000];
        assert!((rms_dbfs(heard) - rms_dbfs(&sound)).abs() < 0.7);
        assert_eq!(line.ours.quality().packets_lost, 0);
    }
}

#[test]
fn the_clock_of_events_is_the_one_that_was_agreed_on() {
    for (clock, held) in [(8000, 800), (16_000, 1600)] {
        let mut stream = MediaStream::new(
            StreamConfig {
                event_clock: clock,
                ..config(1)
            },
            Instant::now(),
        );
        stream.send_digits(1, &Digit::parse_all("5").unwrap()).unwrap();
        let mut out = [0; MAX_PACKET];
        let mut longest = 0;
        for _ in 0..8 {
            let length = stream.tick(Instant::now(), &mut out).unwrap();
            let packet = RtpPacket::parse(&out[..length]).unwrap();
            if packet.header.payload_type == 101 {
                longest = u16::from_be_bytes([packet.payload[2], packet.payload[3]]).max(longest);
            }
        }
        assert_eq!(longest, held);
    }
}

/// Every packet time to every packet time, each stream turned as its thread would.
#[test]
fn any_packet_time_goes_either_way() {
    for codec in [Codec::Pcma, Codec::G722] {
        for packet_time in StreamConfig::PACKET_TIMES {
            let mut sender = MediaStream::new(
                StreamConfig {
                    packet_time,
                    ..StreamConfig::new(codec, 2)
                },
                Instant::now(),
            );
            let mut now = Instant::now();
            let mut receiver = MediaStream::new(StreamConfig::new(codec, 1), now);
            let rate = codec.sample_rate();
            let sound = tones::sine(rate, 440.0, -10.0, 2000);
            sender.play(1, [sound.clone().into()]).unwrap();
            assert_eq!(sender.has_halves(), packet_time % 20 != 0);
            let mut out = [0; MAX_PACKET];
            let (mut packets, mut heard) = (0, Vec::new());
            for _ in 0..96 {
                if let Some(length) = sender.tick(now, &mut out) {
                    assert_eq!(length, HEADER + usize::from(packet_time) * 8);
                    receiver.handle_packet(&out[..length], now);
                    packets += 1;
                }
                receiver.tick(now, &mut [0; MAX_PACKET]);
                heard.extend(receiver.received().unwrap_or(&[]));
                if sender.has_halves()
                    && let Some(length) = sender.tick_half(&mut out)
                {
                    receiver.handle_packet(&out[..length], now + FRAME / 2);
                    packets += 1;
                }
                now += FRAME;
            }
            assert!(packets >= 1800 / u32::from(packet_time), "{packet_time} ms: {packets}");
            assert_eq!(receiver.quality().frames_concealed, 0, "{packet_time} ms");
            let edge = rate as usize / 5;
            let level = rms_dbfs(&heard[edge..heard.len() - edge]);
            assert!((level - rms_dbfs(&sound)).abs() < 0.5, "{packet_time} ms: {level}");
        }
    }
}

#[test]
fn a_silent_far_side_is_told_once_until_it_is_heard_again() {
    let now = Instant::now();
    let after = Duration::from_secs(5);
    let mut stream = MediaStream::new(config(1), now);
    let mut out = [0; MAX_PACKET];
    let mut told = |stream: &mut MediaStream, second: u64| {
        stream.tick(now + Duration::from_secs(second), &mut out);
        let mut events = std::iter::from_fn(|| stream.poll_event());
        events.any(|event| event == StreamEvent::Silent)
    };
    assert!(!told(&mut stream, 100));
    stream.renegotiate(StreamConfig {
        silent_after: Some(after),
        ..config(1)
    });
    assert!(!told(&mut stream, 101) && !told(&mut stream, 104));
    assert!(told(&mut stream, 105) && !told(&mut stream, 106) && !told(&mut stream, 200));
    stream.handle_packet(&audio(2, 1, 0), now + Duration::from_secs(200));
    assert!(!told(&mut stream, 204) && told(&mut stream, 205));
    // A report is a sign of life as good as sound.
    let mut peer = MediaStream::new(config(2), now);
    let length = peer.write_goodbye(now, &mut [0; MAX_PACKET]).unwrap();
    let mut report = [0; MAX_PACKET];
    assert_eq!(peer.write_goodbye(now, &mut report), Some(length));
    stream.handle_rtcp(&report[..length], now + Duration::from_secs(206));
    assert!(!told(&mut stream, 210) && told(&mut stream, 211));
    // Garbage is none.
    stream.handle_rtcp(b"garbage", now + Duration::from_secs(212));
    stream.handle_packet(b"garbage", now + Duration::from_secs(212));
    assert!(!told(&mut stream, 300));
}

#[test]
fn comfort_noise_is_heard_until_the_voice_comes_back() {
    let now = Instant::now();
    let mut stream = MediaStream::new(config(1), now);
    let mut noise = audio(2, 1, 0);
    noise[1] = 13;
    noise.truncate(HEADER);
    noise.push(45);
    stream.handle_packet(&audio(2, 0, 0xFF), now);
    stream.handle_packet(&noise, now);
    let mut levels = Vec::new();
    for frame in 0..12_u16 {
        if frame == 8 {
            stream.handle_packet(&audio(2, 60, 0xFF), now);
        }
        stream.tick(now, &mut [0; MAX_PACKET]);
        levels.push(rms_dbfs(stream.received().unwrap()));
    }
    assert!(levels[7] > -47.0 && levels[7] < -43.0, "{levels:?}");
    assert!(levels[11] < -80.0, "{levels:?}");
}

#[test]
fn stopping_a_play_silences_the_next_packet() {
    let mut line = Line::usual();
    line.theirs.play(5, [tone(10_000)]).unwrap();
    line.run(10);
    assert!(rms_dbfs(line.theirs.sent().unwrap()) > -20.0);
    assert!(line.theirs.stop_play(5) && !line.theirs.is_playing());
    let (_, theirs) = line.run(1);
    let finished = StreamEvent::PlayFinished { id: 5, stopped: true };
    assert_eq!(theirs, [finished]);
    assert!(rms_dbfs(line.theirs.sent().unwrap()) < -55.0);
}

#[test]
fn with_nothing_to_say_a_noise_of_minus_60_dbov_goes_out() {
    let mut line = Line::usual();
    line.run(500);
    let level = rms_dbfs(&line.sent);
    assert!((-62.0..-58.0).contains(&level), "{level}");
    assert!(rms_dbfs(&line.heard) > -70.0);
    let quality = line.ours.quality();
    assert_eq!((quality.packets_received, quality.packets_lost), (500, 0));
    assert_eq!(quality.octets_received, 500 * 160);
}

#[test]
fn sequence_and_timestamp_go_on_through_everything() {
    let mut stream = MediaStream::new(config(1), Instant::now());
    let mut now = Instant::now();
    let mut out = [0; MAX_PACKET];
    let mut headers = Vec::new();
    stream.play(1, [tone(100)]).unwrap();
    stream.send_digits(2, &Digit::parse_all("1").unwrap()).unwrap();
    for frame in 0..30 {
        stream.set_sending(!(20..25).contains(&frame));
        let sent = stream.tick(now, &mut out);
        assert_eq!(sent.is_none(), (20..25).contains(&frame));
        if let Some(length) = sent {
            headers.push((frame, RtpPacket::parse(&out[..length]).unwrap().header));
        }
        now += FRAME;
    }
    let start = config(1);
    for (index, (frame, header)) in headers.iter().enumerate() {
        assert_eq!(header.sequence, start.sequence.wrapping_add(index as u16));
        if header.payload_type == 0 {
            assert_eq!(header.timestamp, start.timestamp.wrapping_add(frame * 160));
        } else {
            assert_eq!(header.timestamp, start.timestamp);
        }
    }
    let marked: Vec<u32> = headers
        .iter()
        .filter(|(_, header)| header.marker)
        .map(|(frame, _)| *frame)
        .collect();
    // The key, the first audio after it, and the first after the hold.
    assert_eq!(marked, [0, 7, 25]);
}

#[test]
fn digits_are_heard_at_once_while_a_play_goes_on() {
    let mut line = Line::usual();
    line.ours.play(1, [tone(5000)]).unwrap();
    line.run(10);
    line.theirs.send_digits(7, &Digit::parse_all("1*D").unwrap()).unwrap();
    let (ours, _) = line.run(1);
    assert_eq!(digits(&ours), "1");
    let (ours, theirs) = line.run(23);
    assert_eq!(digits(&ours), "*D");
    assert_eq!(theirs, [StreamEvent::DigitsSent { id: 7 }]);
    assert!(line.ours.is_playing());
}

#[test]
fn a_play_waits_for_the_keys() {
    let mut line = Line::usual();
    line.theirs.play(1, [tone(100)]).unwrap();
    line.theirs.send_digits(2, &Digit::parse_all("9").unwrap()).unwrap();
    let (_, theirs) = line.run(8);
    assert!(theirs.contains(&StreamEvent::DigitsSent { id: 2 }));
    let (_, theirs) = line.run(5);
    let finished = StreamEvent::PlayFinished { id: 1, stopped: false };
    assert_eq!(theirs, [finished]);
}

#[test]
fn digits_survive_loss() {
    let mut line = Line::usual();
    line.loses = |frame| frame % 3 != 0;
    line.theirs
        .send_digits(7, &Digit::parse_all("0123456789*#ABCD").unwrap())
        .unwrap();
    let (ours, _) = line.run(140);
    assert_eq!(digits(&ours), "0123456789*#ABCD");
}

#[test]
fn without_telephone_event_digits_travel_in_the_audio() {
    let without = |ssrc| config(ssrc).with_telephone_event(None);
    let mut line = Line::new(without(1), without(2));
    line.theirs
        .send_digits(7, &Digit::parse_all("0123456789*#ABCD").unwrap())
        .unwrap();
    let (ours, theirs) = line.run(140);
    assert_eq!(digits(&ours), "0123456789*#ABCD");
    assert!(ours.contains(&StreamEvent::Digit {
        digit: Digit::try_from('0').unwrap(),
        way: DigitWay::InBand
    }));
    assert!(theirs.contains(&StreamEvent::DigitsSent { id: 7 }));
}

#[test]
fn live_audio_is_sent_where_nothing_plays() {
    let mut line = Line::usual();
    let frame = tones::sine(8000, 500.0, -10.0, 20);
    line.theirs.feed(&frame);
    line.run(1);
    assert_eq!(line.theirs.sent(), Some(&frame[..]));
    line.run(1);
    assert!(rms_dbfs(line.theirs.sent().unwrap()) < -55.0);
    line.theirs.play(1, [tone(20)]).unwrap();
    line.theirs.feed(&frame);
    line.run(1);
    // What is played is heard over it, and it is turned down in that frame.
    let sent = line.theirs.sent().unwrap();
    assert_eq!(sent[0], tone(20)[0] + frame[0]);
    assert_eq!(sent[80], tone(20)[80] + (i32::from(frame[80]) * 160 / 256) as i16);
    line.run(1);
    line.theirs.feed(&frame);
    line.run(1);
    assert_eq!(line.theirs.sent(), Some(&frame[..]));
}

#[test]
fn loss_is_counted_concealed_and_scored() {
    let mut line = Line::usual();
    line.theirs.play_forever(1, [tone(1000)]).unwrap();
    line.run(50);
    let before = line.ours.quality();
    line.loses = |frame| frame % 20 == 7;
    line.run(1000);
    let quality = line.ours.quality();
    assert_eq!(quality.packets_lost, 50);
    assert_eq!(quality.frames_concealed, 50);
    assert!((quality.loss - 0.0476).abs() < 0.005);
    assert!(quality.mos.unwrap() < before.mos.unwrap() - 1.0 && before.mos.unwrap() > 4.2);
    // The peer learns the same from our reports.
    let theirs = line.theirs.quality();
    assert!((theirs.remote_loss.unwrap() - 0.05).abs() < 0.02);
    assert!(theirs.round_trip_ms.is_some());
}

#[test]
fn only_what_was_agreed_on_is_accepted() {
    let now = Instant::now();
    let mut stream = MediaStream::new(config(1), now);
    let mut other_type = audio(2, 1, 0);
    other_type[1] = 8;
    stream.handle_packet(&other_type, now);
    stream.handle_packet(b"not RTP", now);
    stream.handle_packet(&audio(1, 1, 0), now);
    assert_eq!(stream.quality().packets_refused, 3);
    assert_eq!((stream.poll_event(), stream.received()), (None, None));
    assert_eq!(stream.last_received(), None);
    stream.handle_packet(&audio(2, 1, 0), now);
    assert_eq!(stream.poll_event(), Some(StreamEvent::FirstPacket { ssrc: 2 }));
    assert_eq!(stream.last_received(), Some(now));
}

#[test]
fn another_source_takes_over_only_when_the_first_is_silent() {
    let now = Instant::now();
    let mut stream = MediaStream::new(config(1), now);
    for sequence in 0..10 {
        stream.handle_packet(&audio(2, sequence, 0), now);
        stream.handle_packet(&audio(3, sequence, 0), now);
    }
    assert_eq!(stream.poll_event(), Some(StreamEvent::FirstPacket { ssrc: 2 }));
    assert_eq!(stream.poll_event(), None);
    stream.handle_packet(&audio(3, 10, 0), now);
    assert_eq!(stream.poll_event(), Some(StreamEvent::SourceChanged { ssrc: 3 }));
    let quality = stream.quality();
    assert_eq!((quality.packets_received, quality.packets_refused), (11, 10));
}

#[test]
fn a_new_answer_changes_the_codec_and_nothing_else() {
    let mut line = Line::usual();
    line.theirs.play_forever(1, [tone(1000)]).unwrap();
    line.run(20);
    let received = line.ours.quality().packets_received;
    let to = |ssrc| StreamConfig {
        ssrc,
        ..StreamConfig::new(Codec::Pcma, 12345)
    };
    line.ours.renegotiate(to(77));
    line.theirs.renegotiate(to(78));
    let (ours, _) = line.run(50);
    assert_eq!(ours, []);
    let quality = line.ours.quality();
    assert_eq!((quality.packets_received, quality.packets_lost), (received + 50, 0));
    assert_eq!(line.ours.config().ssrc, 1);
    let end = line.heard.len() - 800;
    assert!((rms_dbfs(&line.heard[end..]) - rms_dbfs(&tone(1000))).abs() < 0.2);
}

#[test]
fn goodbye_is_told() {
    let mut line = Line::usual();
    let mut packet = [0; MAX_PACKET];
    let length = line.theirs.write_goodbye(line.now, &mut packet).unwrap();
    line.ours.handle_rtcp(&packet[..length], line.now);
    assert_eq!(line.ours.poll_event(), Some(StreamEvent::Goodbye));
}

#[test]
fn a_flood_of_keys_stays_bounded() {
    let now = Instant::now();
    let mut stream = MediaStream::new(config(1), now);
    let mut datagram = audio(2, 0, 0);
    datagram[1] = 101;
    for key in 0..10_000_u32 {
        datagram[4..8].copy_from_slice(&key.to_be_bytes());
        stream.handle_packet(&datagram, now);
    }
    assert_eq!(std::iter::from_fn(|| stream.poll_event()).count(), 32);
}

proptest! {
    /// Whatever comes from the network, the stream keeps sending its packet every frame.
    #[test]
    fn any_datagrams_are_answered(
        datagrams in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), any::<bool>(), 0_u8..3), 0..60),
    ) {
        let mut now = Instant::now();
        let mut stream = MediaStream::new(config(1), now);
        let mut out = [0; MAX_PACKET];
        for (mut datagram, as_rtp, kind) in datagrams {
            if as_rtp && datagram.len() >= 2 {
                datagram[0] = 0x80 | (datagram[0] & 0x3F);
                datagram[1] = (datagram[1] & 0x80) | [0, 101, 13][usize::from(kind)];
            }
            stream.handle_packet(&datagram, now);
            stream.handle_rtcp(&datagram, now);
            prop_assert_eq!(stream.tick(now, &mut out), Some(172));
            now += Duration::from_millis(20);
            while stream.poll_event().is_some() {}
        }
        let quality = stream.quality();
        prop_assert!(quality.mos.is_none_or(|mos| (0.9..4.5).contains(&mos)));
        prop_assert_eq!(quality.mos.is_some(), quality.packets_received >= crate::quality::JUDGED);
    }
}
