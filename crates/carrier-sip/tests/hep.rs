//! A collector is told of every message: one of ours, octet by octet, and sngrep.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rig;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use outdial_carrier_sip::{HepSettings, SipConfig};
use outdial_domain::Outcome;
use outdial_engine::ports::{Clock, SystemClock};
use outdial_testkit::peers::{Peer, Sipp, require};
use tokio::net::UdpSocket;

use crate::rig::{far::Far, rig_with, trunk};

const PATIENCE: Duration = Duration::from_secs(20);

fn told_at(collector: SocketAddr) -> HepSettings {
    HepSettings {
        collector,
        capture_id: 77,
        auth_key: Some("hep-key".into()),
        unmasked: false,
    }
}

/// The chunks of a packet, by type.
fn chunks(packet: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let number = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    assert_eq!(&packet[..4], b"HEP3");
    assert_eq!(usize::from(number(4)), packet.len());
    let mut found = BTreeMap::new();
    let mut at = 6;
    while at < packet.len() {
        let length = usize::from(number(at + 4));
        assert_eq!(number(at), 0, "the protocol's own");
        assert!(
            found
                .insert(number(at + 2), packet[at + 6..at + length].to_vec())
                .is_none()
        );
        at += length;
    }
    found
}

/// The packets of one leg that is refused, as a collector gets them.
async fn of_a_refused_leg(
    change: impl FnOnce(&mut HepSettings),
) -> (Vec<BTreeMap<u16, Vec<u8>>>, SocketAddr, SocketAddr) {
    let collector = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut far = Far::listen().await;
    let mut settings = told_at(collector.local_addr().unwrap());
    change(&mut settings);
    let rig = rig_with(|config: &mut SipConfig| {
        config.trunks = vec![trunk(far.address())];
        config.hep = Some(settings);
    });
    let call = rig.ring().await;
    let invite = far.hears("INVITE").await;
    far.answer(&invite, "486 Busy Here", &[], "").await;
    far.hears("ACK").await;
    call.end().await;
    let mut packets = Vec::new();
    let mut buffer = vec![0; 65_536];
    while packets.len() < 3 {
        let length = tokio::time::timeout(PATIENCE, collector.recv(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        packets.push(chunks(&buffer[..length]));
    }
    assert_eq!(rig.carrier.hep().unwrap().lost, 0);
    (packets, rig.carrier.local_addr(), far.address())
}

#[tokio::test]
async fn a_collector_is_told_of_every_message() {
    let (packets, us, them) = of_a_refused_leg(|_| {}).await;
    let lines: Vec<String> = packets
        .iter()
        .map(|packet| {
            String::from_utf8_lossy(&packet[&0xf])
                .lines()
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert!(lines[0].starts_with("INVITE sip:+65******67@127.0.0.1"), "{lines:?}");
    assert!(
        lines[1].starts_with("SIP/2.0 486") && lines[2].starts_with("ACK"),
        "{lines:?}"
    );
    for (packet, sent) in packets.iter().zip([true, false, true]) {
        let (source, destination) = if sent { (us, them) } else { (them, us) };
        assert_eq!(packet[&1], [2]);
        assert_eq!(packet[&2], [17]);
        assert_eq!(
            (&packet[&3][..], &packet[&4][..]),
            (&[127, 0, 0, 1][..], &[127, 0, 0, 1][..])
        );
        assert_eq!(packet[&7], source.port().to_be_bytes());
        assert_eq!(packet[&8], destination.port().to_be_bytes());
        assert_eq!(packet[&0xb], [1]);
        assert_eq!(packet[&0xc], 77_u32.to_be_bytes());
        assert_eq!(packet[&0xe], b"hep-key");
        let text = String::from_utf8_lossy(&packet[&0xf]).into_owned();
        let call_id = text.lines().find_map(|line| line.strip_prefix("Call-ID: ")).unwrap();
        assert_eq!(packet[&0x11], call_id.as_bytes());
        let age = SystemClock.now().as_second() - i64::from(u32::from_be_bytes(packet[&9][..].try_into().unwrap()));
        assert!((0..60).contains(&age), "{age}");
        assert!(u32::from_be_bytes(packet[&0xa][..].try_into().unwrap()) < 1_000_000);
        assert!(!text.contains("6561234567"), "{text}");
    }
}

#[tokio::test]
async fn people_are_told_whole_only_when_that_is_set() {
    let (packets, ..) = of_a_refused_leg(|settings| settings.unmasked = true).await;
    assert!(String::from_utf8_lossy(&packets[0][&0xf]).starts_with("INVITE sip:+6561234567@"));
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_no_call() {
    let nobody = {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.local_addr().unwrap()
    };
    let mut far = Far::listen().await;
    let rig = rig_with(|config: &mut SipConfig| {
        config.trunks = vec![trunk(far.address())];
        config.hep = Some(told_at(nobody));
    });
    let call = rig.ring().await;
    let invite = far.hears("INVITE").await;
    far.answer(&invite, "486 Busy Here", &[], "").await;
    far.hears("ACK").await;
    let (words, _) = call.end().await;
    assert_eq!(words.last().unwrap(), "ended busy callee 486");
}

/// sngrep as a collector, which writes what it was told to a file when it ends.
struct Sngrep(Child);

impl Drop for Sngrep {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port of UDP that was free a moment ago.
fn free_port() -> SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}

#[tokio::test]
async fn sngrep_understands_what_it_is_told() {
    if !require(Peer::Sngrep) || !require(Peer::Tshark) || !require(Peer::Sipp) {
        return;
    }
    let collector = free_port();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("told.pcap");
    let sngrep = Command::new("sngrep")
        .args([
            "-F",
            "-N",
            "-q",
            "-L",
            &format!("udp:{collector}"),
            "-O",
            file.to_str().unwrap(),
        ])
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut sngrep = Sngrep(sngrep);
    // It is there as soon as somebody has the port.
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::net::UdpSocket::bind(collector).is_ok() {
        assert!(sngrep.0.try_wait().unwrap().is_none(), "sngrep ended");
        assert!(std::time::Instant::now() < deadline, "sngrep does not listen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sipp = Sipp::uas("01-answer.xml").start().await.unwrap();
    let rig = rig_with(|config: &mut SipConfig| {
        config.trunks = vec![trunk(sipp.address())];
        config.hep = Some(HepSettings {
            auth_key: None,
            ..told_at(collector)
        });
    });
    let mut call = rig.ring().await;
    call.until("answered").await;
    call.hang_up(Outcome::Completed).await;
    call.end().await;
    sipp.wait().await.unwrap().assert_success();
    let wanted = ["INVITE", "200", "ACK", "BYE", "200"];
    let mut read = Vec::new();
    while read != wanted {
        assert!(
            std::time::Instant::now() < deadline + PATIENCE,
            "sngrep understood {read:?} only"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        let output = Command::new("tshark")
            .arg("-r")
            .arg(&file)
            .args(["-T", "fields", "-e", "sip.Method", "-e", "sip.Status-Code"])
            .output()
            .unwrap();
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        read = lines
            .split_whitespace()
            .map(str::to_owned)
            .filter(|word| !word.starts_with('1'))
            .collect();
    }
}
