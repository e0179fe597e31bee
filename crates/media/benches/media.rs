//! What media costs: per stream and frame, per frame of each part of it, and per second of converted speech.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use outdial_media::codec::{Codec, Decoder, Encoder};
use outdial_media::conceal::Concealer;
use outdial_media::dtmf_inband::DtmfDetector;
use outdial_media::jitter::JitterBuffer;
use outdial_media::rtp::{RtpPacket, RtpSender};
use outdial_media::srtp::{MasterKey, Srtp, SrtpKey, SrtpKeys, Suite};
use outdial_media::stream::{MediaStream, StreamConfig};
use outdial_media::{FRAME, MAX_PACKET, correlate, resample, tones};

/// One frame of one stream: a packet taken, a frame decoded, a packet made.
fn stream(c: &mut Criterion) {
    let mut group = c.benchmark_group("stream");
    for (name, playing, inband) in [
        ("handle_packet + tick, silence", false, false),
        ("handle_packet + tick, playing", true, false),
        ("handle_packet + tick, playing, in-band DTMF", true, true),
    ] {
        group.bench_function(name, |b| {
            let mut now = Instant::now();
            let mut config = StreamConfig::new(Codec::Pcma, 1);
            config.detect_inband = inband;
            let mut stream = MediaStream::new(config, now);
            let clip: Arc<[i16]> = tones::sine(8000, 440.0, -10.0, 5000).into();
            if playing {
                stream.play_forever(1, [clip]).expect("the queue is empty");
            }
            let mut peer = MediaStream::new(StreamConfig::new(Codec::Pcma, 2), now);
            let (mut incoming, mut outgoing) = ([0; MAX_PACKET], [0; MAX_PACKET]);
            let length = peer.tick(now, &mut incoming).expect("it sends");
            let mut sequence = 0_u16;
            b.iter(|| {
                // The same packet every time, but for what must grow.
                sequence = sequence.wrapping_add(1);
                let timestamp = u32::from(sequence).wrapping_mul(160);
                incoming[2..4].copy_from_slice(&sequence.to_be_bytes());
                incoming[4..8].copy_from_slice(&timestamp.to_be_bytes());
                stream.handle_packet(black_box(&incoming[..length]), now);
                black_box(stream.tick(now, &mut outgoing));
                while stream.poll_event().is_some() {}
                now += FRAME;
            });
        });
    }
    group.bench_function("quality", |b| {
        let stream = MediaStream::new(StreamConfig::new(Codec::Pcma, 1), Instant::now());
        b.iter(|| black_box(&stream).quality());
    });
    group.finish();
}

fn parts(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame");
    for codec in Codec::ALL {
        let samples = tones::sine(codec.sample_rate(), 440.0, -10.0, 20);
        let mut octets = [0; 160];
        codec.encode(&samples, &mut octets);
        group.bench_function(format!("{} encode", codec.name()), |b| {
            let (mut encoder, mut out) = (Encoder::new(codec), [0; 160]);
            b.iter(|| encoder.encode(black_box(&samples), &mut out));
        });
        group.bench_function(format!("{} decode", codec.name()), |b| {
            let (mut decoder, mut out) = (Decoder::new(codec), [0; 320]);
            b.iter(|| decoder.decode(black_box(&octets), &mut out));
        });
    }
    for rate in [8000, 16_000] {
        let samples = tones::sine(rate, 440.0, -10.0, 20);
        group.bench_function(format!("in-band DTMF at {rate}"), |b| {
            let mut detector = DtmfDetector::new(rate);
            b.iter(|| detector.feed(black_box(&samples), |digit| _ = black_box(digit)));
        });
        group.bench_function(format!("concealment at {rate}, nothing lost"), |b| {
            let (mut concealer, mut frame) = (Concealer::new(rate), samples.clone());
            b.iter(|| concealer.good(black_box(&mut frame)));
        });
        group.bench_function(format!("concealment at {rate}, one frame of two lost"), |b| {
            let (mut concealer, mut frame) = (Concealer::new(rate), samples.clone());
            b.iter(|| {
                concealer.good(black_box(&mut frame));
                concealer.lost(black_box(&mut frame));
            });
        });
    }
    group.bench_function("jitter buffer push + pull", |b| {
        let (mut buffer, mut out) = (JitterBuffer::new(8000, 0xFF), [0; 160]);
        let mut number = 0_u32;
        b.iter(|| {
            buffer.push(1, number as u16, number.wrapping_mul(160), black_box(&[0x55; 160]));
            number = number.wrapping_add(1);
            buffer.pull(&mut out)
        });
    });
    group.bench_function("RTP parse", |b| {
        let datagram = [0x80; 172];
        b.iter(|| RtpPacket::parse(black_box(&datagram)).is_ok());
    });
    group.finish();
}

/// The protection of one packet of 20 ms, one way.
fn srtp(c: &mut Criterion) {
    let mut group = c.benchmark_group("SRTP");
    let key = |octet| SrtpKey::new(Suite::AesCm128HmacSha1_80, MasterKey::new([octet; 30]));
    let keys = |send, receive| SrtpKeys {
        send: key(send),
        receive: key(receive),
    };
    let mut sender = RtpSender::new(7, 0);
    let mut timestamp = 0_u32;
    let mut next = |buffer: &mut [u8]| {
        timestamp = timestamp.wrapping_add(160);
        sender
            .write(&mut buffer[..172], 0, false, timestamp, |_| 160)
            .expect("there is room")
    };
    group.bench_function("protect", |b| {
        let mut ours = Srtp::new(&keys(1, 2));
        let mut buffer = [0x55; MAX_PACKET];
        b.iter(|| {
            let length = next(&mut buffer);
            ours.protect(&mut buffer, length)
        });
    });
    group.bench_function("protect + open", |b| {
        let (mut ours, mut theirs) = (Srtp::new(&keys(1, 2)), Srtp::new(&keys(2, 1)));
        let mut buffer = [0x55; MAX_PACKET];
        b.iter(|| {
            let length = next(&mut buffer);
            let length = ours.protect(&mut buffer, length).expect("there is room");
            theirs.open(&mut buffer, length)
        });
    });
    group.bench_function("keys of one stream", |b| b.iter(|| Srtp::new(&keys(1, 2))));
    group.finish();
}

fn files(c: &mut Criterion) {
    let mut group = c.benchmark_group("one second");
    group.throughput(Throughput::Elements(1));
    for (from, to) in [
        (22_050, 8000),
        (24_000, 8000),
        (48_000, 8000),
        (16_000, 8000),
        (8000, 16_000),
    ] {
        let second = tones::sine(from, 440.0, -10.0, 1000);
        group.bench_function(format!("resample {from} to {to}"), |b| {
            b.iter(|| resample::resample(black_box(&second), from, to));
        });
    }
    group.finish();
    let mut group = c.benchmark_group("search");
    group.sample_size(10);
    group.bench_function("10 s in 30 s", |b| {
        let needle = tones::dtmf(
            8000,
            outdial_media::digit::Digit::all().next().expect("a key"),
            -10.0,
            10_000,
        );
        let haystack = tones::sine(8000, 440.0, -10.0, 30_000);
        b.iter(|| correlate::find(black_box(&needle), black_box(&haystack)));
    });
    group.finish();
}

criterion_group!(benches, stream, parts, srtp, files);
criterion_main!(benches);
