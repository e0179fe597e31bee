use proptest::prelude::*;
use rtcp_types::{Compound, Packet};

use super::*;

const OURS: u32 = 0x1111;
const THEIRS: u32 = 0x2222;

fn sender(packets: usize) -> RtpSender {
    let mut sender = RtpSender::new(OURS, 0);
    for _ in 0..packets {
        sender.write(&mut [0; 200], 0, false, 0, |_| 160);
    }
    sender
}

fn reception(ssrc: u32) -> (u32, Reception) {
    (ssrc, Reception::new(8000, 1))
}

/// A reporter whose report is due, and the moment.
fn due(now: Instant) -> (Reporter, Instant) {
    let reporter = Reporter::new(OURS, now);
    let due = reporter.next_report();
    (reporter, due)
}

#[test]
fn reports_come_about_every_five_seconds() {
    let begin = Instant::now();
    let mut reporter = Reporter::new(OURS, begin);
    let sender = sender(1);
    let mut times = Vec::new();
    for frame in 0..50 * 60 * 10 {
        let now = begin + Duration::from_millis(20) * frame;
        if reporter.poll(&sender, 0, None, now, &mut [0; 200]).is_some() {
            times.push(now);
        }
    }
    assert!((100..140).contains(&times.len()), "{}", times.len());
    for pair in times.windows(2) {
        let between = (pair[1] - pair[0]).as_millis();
        assert!((2480..7540).contains(&between), "{between}");
    }
}

#[test]
fn a_sender_report_has_counts_a_block_and_a_name() {
    let (mut reporter, now) = due(Instant::now());
    let (theirs, mut counted) = reception(THEIRS);
    for sequence in [2, 4] {
        counted.count(sequence);
    }
    let mut out = [0; 200];
    let reception = Some((theirs, &mut counted));
    let length = reporter.poll(&sender(3), 4800, reception, now, &mut out).unwrap();
    assert!(is_rtcp(&out));
    let packets: Vec<_> = Compound::parse(&out[..length]).unwrap().map(Result::unwrap).collect();
    let [Packet::Sr(report), Packet::Sdes(description)] = &packets[..] else {
        panic!("{packets:?}");
    };
    assert_eq!((report.ssrc(), report.rtp_timestamp()), (OURS, 4800));
    assert_eq!((report.packet_count(), report.octet_count()), (3, 480));
    let block = report.report_blocks().next().unwrap();
    assert_eq!((block.ssrc(), block.fraction_lost()), (THEIRS, 64));
    assert_eq!((block.cumulative_lost(), block.extended_sequence_number()), (1, 4));
    let name = description.chunks().next().unwrap().items().next().unwrap();
    assert_eq!((name.type_(), name.value()), (SdesItem::CNAME, &b"00001111@media"[..]));
}

#[test]
fn who_sends_nothing_writes_a_receiver_report() {
    let (mut reporter, now) = due(Instant::now());
    let mut out = [0; 200];
    let length = reporter.poll(&sender(0), 0, None, now, &mut out).unwrap();
    let mut compound = Compound::parse(&out[..length]).unwrap();
    assert!(matches!(compound.next(), Some(Ok(Packet::Rr(_)))));
}

#[test]
fn the_round_trip_comes_out_of_two_reports() {
    let begin = Instant::now();
    let (mut ours, sent) = due(begin);
    let mut theirs = Reporter::new(THEIRS, begin);
    let mut out = [0; 200];
    let length = ours.poll(&sender(1), 0, None, sent, &mut out).unwrap();

    let one_way = Duration::from_millis(30);
    let heard = theirs.handle(&out[..length], THEIRS, sent + one_way);
    assert!(heard.readable && !heard.report && !heard.goodbye);
    let answered = sent + Duration::from_secs(6);
    let (source, mut counted) = reception(OURS);
    let length = theirs
        .poll(
            &RtpSender::new(THEIRS, 0),
            0,
            Some((source, &mut counted)),
            answered,
            &mut out,
        )
        .unwrap();
    let heard = ours.handle(&out[..length], OURS, answered + one_way);
    assert!(heard.report && !heard.goodbye);
    let measured = ours.remote().unwrap().round_trip.unwrap();
    assert!(measured.abs_diff(one_way * 2) < Duration::from_micros(100));
}

#[test]
fn goodbye_is_said_and_heard() {
    let now = Instant::now();
    let mut ours = Reporter::new(OURS, now);
    let mut out = [0; 200];
    let length = ours.goodbye(&sender(1), 0, None, now, &mut out).unwrap();
    let mut theirs = Reporter::new(THEIRS, now);
    assert!(theirs.handle(&out[..length], THEIRS, now).goodbye);
}

#[test]
fn no_room_is_no_report() {
    let (mut reporter, now) = due(Instant::now());
    for room in 0..40 {
        let (theirs, mut counted) = reception(THEIRS);
        let reception = Some((theirs, &mut counted));
        let length = reporter.goodbye(&sender(1), 0, reception, now, &mut vec![0; room]);
        assert_eq!(length, None);
    }
}

proptest! {
    #[test]
    fn any_datagram_is_answered(datagram: Vec<u8>) {
        let now = Instant::now();
        Reporter::new(OURS, now).handle(&datagram, OURS, now);
    }

    #[test]
    fn almost_reports_are_answered(
        kind in 192_u8..=207, first in 0x80_u8..=0xBF, words in 0_u16..12, body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let now = Instant::now();
        let mut datagram = vec![first, kind];
        datagram.extend(words.to_be_bytes());
        datagram.extend(body);
        Reporter::new(OURS, now).handle(&datagram, OURS, now);
    }
}
