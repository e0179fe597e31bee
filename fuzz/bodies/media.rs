//! What the fuzz targets of the media do with their bytes. Shared with the short runs on stable.

use std::time::{Duration, Instant};

use outdial_media::codec::Codec;
use outdial_media::rtp::{RtpHeader, RtpPacket};
use outdial_media::srtp::sdes::Crypto;
use outdial_media::srtp::{MasterKey, Srtp, SrtpKey, SrtpKeys, Suite};
use outdial_media::stream::{MediaStream, StreamConfig};
use outdial_media::telephone_event::{EventReceiver, TelephoneEvent};
use outdial_media::{FRAME, MAX_PACKET, sip_info, wav};

/// The bytes as rows of datagrams: two bytes of length before each, of which the upper bits say how many frames pass after it.
fn datagrams(data: &[u8]) -> impl Iterator<Item = (&[u8], u8)> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*head) & 0x07FF).min(tail.len());
        let (datagram, after) = tail.split_at(length);
        rest = after;
        Some((datagram, head[0] >> 5))
    })
}

/// Datagrams at a stream that plays all its parts: each is taken as it is, and as if it had the right source and format.
pub(crate) fn rtp(data: &[u8]) {
    let _ = RtpPacket::parse(data);
    let codec = Codec::ALL[data.len() % 3];
    let mut now = Instant::now();
    let config = StreamConfig {
        detect_inband: true,
        packet_time: data.first().copied().unwrap_or(20),
        silent_after: Some(Duration::from_secs(1)),
        ..StreamConfig::new(codec, 1)
    };
    let mut stream = MediaStream::new(config, now);
    let mut out = [0; MAX_PACKET];
    for (datagram, frames) in datagrams(data) {
        stream.handle_packet(datagram, now);
        if let [kind, high, low, timestamp, payload @ ..] = datagram {
            let mut near = vec![0; 12 + payload.len()];
            let header = RtpHeader {
                marker: kind & 0x80 != 0,
                payload_type: [config.receive.audio, 101, 13, 101][usize::from(kind & 3)],
                sequence: u16::from_be_bytes([high & 3, *low]),
                timestamp: u32::from(*timestamp) * 80,
                ssrc: 7 + u32::from(kind >> 6 & 1),
            };
            header.write(&mut near).expect("there is room");
            near[12..].copy_from_slice(payload);
            stream.handle_packet(&near, now);
        }
        for _ in 0..frames {
            assert!(stream.tick(now, &mut out).is_none_or(|length| length <= MAX_PACKET));
            assert!(stream.tick_half(&mut out).is_none_or(|length| length <= MAX_PACKET));
            while stream.poll_event().is_some() {}
            now += FRAME;
        }
        let quality = stream.quality();
        assert!((0.0..=1.0).contains(&quality.loss) && quality.mos.is_none_or(|mos| (0.9..4.5).contains(&mos)));
    }
}

/// Reports at a stream that sends.
pub(crate) fn rtcp(data: &[u8]) {
    let mut now = Instant::now();
    let mut stream = MediaStream::new(StreamConfig::new(Codec::Pcmu, 1), now);
    let mut out = [0; MAX_PACKET];
    for (datagram, frames) in datagrams(data) {
        stream.tick(now, &mut out);
        stream.handle_rtcp(datagram, now);
        now += Duration::from_secs(u64::from(frames));
        stream.poll_rtcp(now, &mut out);
        let quality = stream.quality();
        assert!(
            quality
                .round_trip_ms
                .is_none_or(|time| (0.0..=30_000.0).contains(&time))
        );
    }
    stream.write_goodbye(now, &mut out);
}

/// Events of eight bytes each: the payload, and when and where it came.
pub(crate) fn telephone_event(data: &[u8]) {
    let mut receiver = EventReceiver::new();
    let mut now = Instant::now();
    let (mut pressed, mut released) = (0, 0);
    for packet in data.chunks_exact(8) {
        let Some(event) = TelephoneEvent::parse(packet) else {
            continue;
        };
        assert_eq!(TelephoneEvent::parse(&event.write()), Some(event));
        now += Duration::from_millis(u64::from(packet[4]));
        released += u32::from(receiver.expire(now).is_some());
        let timestamp = u32::from_be_bytes([0, 0, packet[5], packet[6]]);
        let reception = receiver.handle(u32::from(packet[7] & 1), timestamp, event, now);
        pressed += u32::from(reception.pressed.is_some());
        released += u32::from(reception.released.is_some());
        assert!(released <= pressed);
    }
}

/// A body of SIP INFO under each of its types.
pub(crate) fn sip_info(data: &[u8]) {
    for kind in ["application/dtmf-relay", "application/dtmf", "text/plain", ""] {
        let _ = sip_info::parse(kind, data);
    }
}

/// A WAV file.
pub(crate) fn wav(data: &[u8]) {
    if let Ok(clip) = wav::read(data, 10) {
        assert!(clip.samples.len() <= data.len() && clip.samples.len() as u64 <= 10 * u64::from(clip.rate));
    }
}

/// The value of an `a=crypto` line.
pub(crate) fn sdes(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(crypto) = Crypto::parse(text) {
        assert_eq!(Crypto::parse(&crypto.to_string()), Ok(crypto));
    }
}

/// Datagrams at a protected stream, each also made genuine.
pub(crate) fn srtp(data: &[u8]) {
    let key = |octet| SrtpKey::new(Suite::ALL[data.len() % 2], MasterKey::new([octet; 30]));
    let keys = |send, receive| SrtpKeys {
        send: key(send),
        receive: key(receive),
    };
    let (mut ours, mut theirs) = (Srtp::new(&keys(1, 2)), Srtp::new(&keys(2, 1)));
    for (datagram, report) in datagrams(data) {
        let mut buffer = vec![0; datagram.len() + 20];
        buffer[..datagram.len()].copy_from_slice(datagram);
        assert!(theirs.open(&mut buffer.clone(), datagram.len()).is_err());
        assert!(theirs.open_rtcp(&mut buffer.clone(), datagram.len()).is_err());
        if report & 1 == 0 {
            if let Some(length) = ours.protect(&mut buffer, datagram.len())
                && theirs.open(&mut buffer, length).is_ok()
            {
                assert_eq!(&buffer[..datagram.len()], datagram);
            }
        } else if let Some(length) = ours.protect_rtcp(&mut buffer, datagram.len())
            && theirs.open_rtcp(&mut buffer, length).is_ok()
        {
            assert_eq!(&buffer[..datagram.len()], datagram);
        }
    }
}
