use std::{hint::black_box, time::Instant};

use anyhow::{Context, Result};
use outdial_media::{
    MAX_PACKET,
    conceal::Concealer,
    dtmf_inband::DtmfDetector,
    jitter::JitterBuffer,
    rtp::RtpSender,
    srtp::{MasterKey, Srtp, SrtpKey, SrtpKeys, Suite},
    tones,
};

use super::TIMES;
use crate::{
    machine::median,
    table::{Row, Table},
};

const RATE: u32 = 8_000;
const FRAMES: u32 = 100_000;
const FRAMES_PER_SECOND: f64 = 50.0;

/// What each part of the media costs a leg, on this processor and with nothing around it.
pub(super) fn measure(table: &mut Table) -> Result<()> {
    let speech = tones::sine(RATE, 440.0, -10.0, 20);
    let mut rows = Vec::new();

    let (mut buffer, mut out) = (JitterBuffer::new(RATE, 0xFF), [0; 160]);
    rows.push((
        "the jitter buffer",
        each(|number| {
            buffer.push(1, number as u16, number.wrapping_mul(160), black_box(&[0x55; 160]));
            black_box(buffer.pull(&mut out));
        }),
    ));
    let (mut concealer, mut frame) = (Concealer::new(RATE), speech.clone());
    rows.push((
        "concealment, nothing lost",
        each(|_| {
            concealer.good(black_box(&mut frame));
        }),
    ));
    let (mut concealer, mut frame) = (Concealer::new(RATE), speech.clone());
    rows.push((
        "concealment, 5 % lost",
        each(|number| {
            if number % 20 == 0 {
                concealer.lost(black_box(&mut frame));
            } else {
                concealer.good(black_box(&mut frame));
            }
        }),
    ));
    let mut detector = DtmfDetector::new(RATE);
    rows.push((
        "the detector of in-band keys",
        each(|_| {
            detector.feed(black_box(&speech), |digit| _ = black_box(digit));
        }),
    ));
    rows.push(("SRTP, both ways", srtp()?));

    for (part, seconds) in rows {
        table.add(Row::new(
            format!("parts: {part}, % of a core per 100 legs"),
            100.0 * 100.0 * FRAMES_PER_SECOND * seconds,
        ));
    }
    Ok(())
}

/// A packet protected, and one opened.
fn srtp() -> Result<f64> {
    let key = |octet| SrtpKey::new(Suite::AesCm128HmacSha1_80, MasterKey::new([octet; 30]));
    let keys = |send, receive| SrtpKeys {
        send: key(send),
        receive: key(receive),
    };
    let (mut ours, mut theirs) = (Srtp::new(&keys(1, 2)), Srtp::new(&keys(2, 1)));
    let (mut sender, mut packet) = (RtpSender::new(7, 0), [0x55; MAX_PACKET]);
    let mut opened = true;
    let seconds = each(|number| {
        let written = sender.write(&mut packet[..172], 0, false, number.wrapping_mul(160), |_| 160);
        opened &= written
            .and_then(|length| ours.protect(&mut packet, length))
            .is_some_and(|length| theirs.open(&mut packet, length).is_ok());
    });
    opened
        .then_some(seconds)
        .context("what was protected could not be opened")
}

/// Seconds that one turn takes.
fn each(mut turn: impl FnMut(u32)) -> f64 {
    let mut number = 0;
    let times = (0..TIMES).map(|_| {
        let started = Instant::now();
        for _ in 0..FRAMES {
            turn(number);
            number = number.wrapping_add(1);
        }
        started.elapsed().as_secs_f64() / f64::from(FRAMES)
    });
    median(times.collect())
}
