//! The files are judged by tshark and tcpdump, which know nothing of us.

use std::process::Command;

use jiff::Timestamp;
use outdial_domain::LegId;
use outdial_engine::ports::WireTransport;
use outdial_testkit::peers::{Peer, require};

use super::*;

const INVITE: &str = "INVITE sip:+6598765432@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
    From: \"Alice\" <sip:alice@h>;tag=1\r\nTo: <sip:+6598765432@192.0.2.1>\r\nCall-ID: a@b\r\nCSeq: 1 INVITE\r\n\
    Content-Length: 0\r\n\r\n";
const RINGING: &str = "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <sip:alice@h>;tag=1\r\n\
    To: <sip:+6598765432@192.0.2.1>;tag=2\r\nCall-ID: a@b\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";

fn message(micros: i64, sent: bool, local: &str, peer: &str, text: &str) -> WireMessage {
    WireMessage {
        at: Timestamp::from_microsecond(1_900_000_000_000_000 + micros).unwrap(),
        sent,
        transport: WireTransport::Udp,
        local: local.parse().unwrap(),
        peer: peer.to_owned(),
        text: text.to_owned(),
    }
}

fn captured(messages: Vec<WireMessage>, disclosure: Disclosure) -> Vec<u8> {
    let leg = LegId::new(Timestamp::UNIX_EPOCH, [7; 10]);
    capture("call_1", vec![Trace { leg, messages }], disclosure).unwrap()
}

/// What a reader says of the file: what it prints, which must come without a complaint.
fn read(program: &str, file: &[u8], arguments: &[&str]) -> String {
    let place = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(place.path(), file).unwrap();
    let output = Command::new(program)
        .arg("-r")
        .arg(place.path())
        .args(arguments)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaints}");
    // tshark does not like to be root; tcpdump says which file it reads.
    for line in complaints.lines() {
        let usual = line.starts_with("Running as user") || line.starts_with("reading from file");
        assert!(usual, "{program}: {line}");
    }
    String::from_utf8(output.stdout).unwrap()
}

/// Fields of every packet as tshark reads them.
fn fields(file: &[u8], names: &[&str]) -> Vec<Vec<String>> {
    let mut arguments = vec![
        "-o",
        "udp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
        "-T",
        "fields",
        "-E",
        "separator=|",
    ];
    arguments.extend(names.iter().flat_map(|name| ["-e", *name]));
    let lines = read("tshark", file, &arguments);
    lines
        .lines()
        .map(|line| line.split('|').map(str::to_owned).collect())
        .collect()
}

#[test]
fn messages_are_read_at_their_times_and_between_their_addresses() {
    if !require(Peer::Tshark) {
        return;
    }
    let (us, them) = ("192.0.2.9:5062", "192.0.2.1:5080");
    let (us6, them6) = ("[2001:db8::9]:5062", "[2001:db8::1]:5080");
    // The messages of a leg are in order; those of two legs are put in order.
    let file = captured(
        vec![
            message(250_001, false, us, them, RINGING),
            message(0, true, us, them, INVITE),
            message(500_000, true, us6, them6, INVITE),
            message(750_000, false, us6, them6, RINGING),
        ],
        Disclosure::Whole,
    );
    let names = [
        "frame.time_epoch",
        "ip.src",
        "ipv6.src",
        "udp.srcport",
        "ip.dst",
        "ipv6.dst",
        "udp.dstport",
        "udp.checksum.status",
        "sip.Method",
        "sip.Status-Code",
        "sip.from.user",
    ];
    let expected = [
        "1900000000.000000000|192.0.2.9||5062|192.0.2.1||5080|1|INVITE||alice",
        "1900000000.250001000|192.0.2.1||5080|192.0.2.9||5062|1||180|alice",
        "1900000000.500000000||2001:db8::9|5062||2001:db8::1|5080|1|INVITE||alice",
        "1900000000.750000000||2001:db8::1|5080||2001:db8::9|5062|1||180|alice",
    ];
    let read: Vec<String> = fields(&file, &names).iter().map(|line| line.join("|")).collect();
    assert_eq!(read, expected);
}

#[test]
fn tcpdump_reads_the_same() {
    if !require(Peer::Tcpdump) {
        return;
    }
    let file = captured(
        vec![
            message(0, true, "192.0.2.9:5060", "192.0.2.1:5060", INVITE),
            message(1, true, "[2001:db8::9]:5060", "[2001:db8::1]:5060", INVITE),
        ],
        Disclosure::Masked,
    );
    let lines = read("tcpdump", &file, &["-n", "-v"]);
    assert!(lines.contains("192.0.2.9.5060 > 192.0.2.1.5060: SIP"), "{lines}");
    assert!(lines.contains("2001:db8::9.5060 > 2001:db8::1.5060: "), "{lines}");
    assert!(lines.contains("INVITE sip:+65******32@192.0.2.1 SIP/2.0"), "{lines}");
    assert!(!lines.contains("Alice") && !lines.contains("bad udp cksum"), "{lines}");
}

#[test]
fn people_are_masked_and_the_file_says_so() {
    if !require(Peer::Tshark) {
        return;
    }
    let file = captured(
        vec![message(0, true, "192.0.2.9:5060", "192.0.2.1:5060", INVITE)],
        Disclosure::Masked,
    );
    let read = fields(
        &file,
        &["sip.from.user", "sip.to.user", "sip.from.tag", "frame.comment"],
    );
    let leg = LegId::new(Timestamp::UNIX_EPOCH, [7; 10]);
    assert_eq!(read, [["*****", "+65******32", "1", &format!("{leg}, over UDP")]]);
    assert!(!String::from_utf8_lossy(&file).contains("alice"));
    let text = String::from_utf8_lossy(&file);
    assert!(text.contains("numbers and names are masked") && text.contains("sound is not kept"));
}

#[test]
fn long_messages_are_whole_as_far_as_a_datagram_goes() {
    if !require(Peer::Tshark) {
        return;
    }
    let long = |length: usize| {
        let padding = "x".repeat(length - INVITE.len() - "X-Long: \r\n".len());
        INVITE.replacen("Call-ID", &format!("X-Long: {padding}\r\nCall-ID"), 1)
    };
    let mut longer = message(2, true, "[2001:db8::9]:5060", "[2001:db8::1]:5060", &long(70_000));
    longer.transport = WireTransport::Tls;
    let file = captured(
        vec![
            message(0, true, "192.0.2.9:5060", "192.0.2.1:5060", &long(9_000)),
            message(1, true, "192.0.2.9:5060", "192.0.2.1:5060", &long(LONGEST_V4)),
            longer,
        ],
        Disclosure::Whole,
    );
    let read = fields(
        &file,
        &[
            "frame.len",
            "frame.cap_len",
            "udp.length",
            "sip.Call-ID",
            "frame.comment",
        ],
    );
    assert_eq!(read[0][..4], ["9028", "9028", "9008", "a@b"]);
    assert_eq!(read[1][..4], ["65535", "65535", "65515", "a@b"]);
    assert_eq!(read[2][..3], ["70048", "65575", "65535"]);
    assert!(
        read[2][4].ends_with(", over TLS, 4473 octets cut off at its end"),
        "{:?}",
        read[2]
    );
}

#[test]
fn hostile_messages_and_addresses_make_a_file_that_can_be_read() {
    if !require(Peer::Tshark) {
        return;
    }
    let texts = [
        "",
        "\0",
        "\u{fffd}\u{fffd}|\r\n\r\n\r\n",
        "SIP/2.0 999999 x\r\n",
        "INVITE \u{1b}[2J sip:\"<<<\r\n",
    ];
    let peers = [
        "",
        "pbx.example.com:5060",
        "192.0.2.1",
        "[2001:db8::1]",
        "2001:db8::1",
        "[::ffff:1.2.3.4]:0",
        "x\0|y",
    ];
    let mut messages = Vec::new();
    for text in texts {
        for (index, peer) in peers.into_iter().enumerate() {
            let local = if index % 2 == 0 {
                "192.0.2.9:5060"
            } else {
                "[2001:db8::9]:5060"
            };
            messages.push(message(
                i64::try_from(messages.len()).unwrap(),
                index % 3 == 0,
                local,
                peer,
                text,
            ));
        }
    }
    let count = messages.len();
    for disclosure in [Disclosure::Whole, Disclosure::Masked] {
        let file = captured(messages.clone(), disclosure);
        let read = fields(&file, &["frame.number", "udp.checksum.status"]);
        assert_eq!(read.len(), count);
        assert!(read.iter().all(|packet| packet[1] == "1"), "{read:?}");
    }
}

#[test]
fn without_messages_there_is_no_file() {
    assert!(capture("call_1", Vec::new(), Disclosure::Whole).is_none());
    let leg = LegId::new(Timestamp::UNIX_EPOCH, [7; 10]);
    let messages = Vec::new();
    assert!(capture("call_1", vec![Trace { leg, messages }], Disclosure::Whole).is_none());
}
