//! Far sides that mean harm, or are broken beyond meaning anything: whatever they send, the call that
//! they spoil is theirs only, and a call that can go on does.

mod rig;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use jiff::SignedDuration;
use outdial_carrier_sip::{SipCarrier, SipConfig};
use outdial_domain::{Address, LegId};
use outdial_engine::ports::{Clip, Ids, LegCommand, LegEvent, LegOrder, SystemEntropy, VoiceCarrier};
use outdial_media_io::MediaEngine;
use outdial_testkit::{fakes::FakeClock, peers::lease_ports};

use crate::rig::{
    Call, Rig,
    far::{Far, Message, sdp},
    rung::{goes_on, rung},
    trunk,
};

/// A call in progress whose far side listens for sound here.
async fn talking() -> (Rig, Far, Call, Message, Ear) {
    let (rig, mut far, mut call, invite) = rung().await;
    let ear = Ear::new(offered(&invite));
    let description = sdp("0 101").replace("m=audio 9", &format!("m=audio {}", ear.port()));
    far.pick_up(&invite, &description).await;
    far.hears("ACK ").await;
    call.until("answered").await;
    (rig, far, call, invite, ear)
}

/// Asks until an answer comes that is for the newest request, and gives its number.
async fn is_answered_again(far: &mut Far, invite: &Message) -> u32 {
    for number in 9_000..9_400 {
        far.send(&far.request(invite, "OPTIONS", number, &[], "")).await;
        while let Some(answer) = far.within(Duration::from_millis(50)).await {
            if answer.is("SIP/2.0 200") && answer.header("CSeq") == format!("{number} OPTIONS") {
                return number;
            }
        }
    }
    panic!("nothing is answered any more")
}

/// Where we offered to hear.
fn offered(invite: &Message) -> SocketAddr {
    let port = invite
        .body()
        .split_once("m=audio ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .expect("a port is offered");
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A socket for sound.
struct Ear {
    socket: UdpSocket,
    us: SocketAddr,
}

impl Ear {
    fn new(us: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket
            .set_read_timeout(Some(Duration::from_millis(200)))
            .expect("a timeout");
        Self { socket, us }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().expect("it is bound").port()
    }

    /// A packet of 20 ms of µ-law.
    fn say(&self, sequence: u16, ssrc: u32) {
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 160).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0x55; 160]);
        self.socket.send_to(&packet, self.us).expect("it is sent");
    }

    fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.us).expect("it is sent");
    }

    /// How many packets have come by now.
    fn heard(&self) -> usize {
        self.socket.set_nonblocking(true).expect("it can be");
        let mut buffer = [0; 2048];
        std::iter::from_fn(|| self.socket.recv(&mut buffer).ok()).count()
    }
}

#[tokio::test]
async fn garbage_for_an_answer_is_dropped_and_the_answer_behind_it_counts() {
    let (rig, mut far, mut call, invite) = rung().await;
    let us = rig.carrier.local_addr();
    let answer = |status: &str, change: fn(String) -> String| {
        let names = ["Via", "From", "To", "Call-ID", "CSeq"];
        let lines: String = names
            .map(|name| format!("{name}: {}\r\n", invite.header(name)))
            .concat();
        change(format!("SIP/2.0 {status}\r\n{lines}Content-Length: 0\r\n\r\n"))
    };
    let long = "x".repeat(60_000);
    for garbage in [
        String::new(),
        "\0".repeat(1000),
        "SIP/2.0".into(),
        "SIP/2.0 200 OK\r\n\r\n".into(),
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP\r\n\r\n".into(),
        answer("200 OK", |text| text.replace("INVITE", "BYE")),
        answer("200 OK", |text| text.replace("branch=z9hG4bK", "branch=z9hG4bKx")),
        answer("200 OK", |text| text.replace("leg_", "leg_0")),
        answer("486 Busy Here", |text| {
            text.replace("From: ", "Fr\rom: ").replace("Via: ", "Vi\na: ")
        }),
        format!("SIP/2.0 180 Ringing\r\nX: {long}\r\n\r\n"),
        answer("0 None", |text| text),
        answer("20 None", |text| text),
        answer("99 None", |text| text),
        answer("700 None", |text| text),
        answer("999 None", |text| text),
        answer("1000 None", |text| text),
    ] {
        far.send(&garbage).await;
    }
    let elsewhere = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    for seed in 0_u32..200 {
        // Octets without a pattern, the same in every run.
        let octets: Vec<u8> = (0..200_u32)
            .map(|index| (seed.wrapping_mul(2_654_435_761).wrapping_add(index * index * 40_503) >> 13) as u8)
            .collect();
        elsewhere.send_to(&octets, us).expect("it is sent");
    }
    far.answer(&invite, "180 Ringing", &[], "").await;
    call.until("ringing 180").await;
    far.pick_up(&invite, &sdp("0 101")).await;
    far.hears("ACK ").await;
    call.until("answered").await;
    goes_on(&rig, &mut far, call, &invite, 2).await;
}

#[tokio::test]
async fn ten_thousand_phones_that_ring_are_one_ringing_leg() {
    let (rig, mut far, mut call, invite) = rung().await;
    for number in 0..10_000 {
        let names = ["Via", "From", "Call-ID", "CSeq"];
        let lines: String = names
            .map(|name| format!("{name}: {}\r\n", invite.header(name)))
            .concat();
        let to = invite.header("To");
        far.send(&format!(
            "SIP/2.0 180 Ringing\r\n{lines}To: {to};tag=phone{number}\r\n{}\r\nContent-Length: 0\r\n\r\n",
            far.contact()
        ))
        .await;
        if number % 200 == 0 {
            // The kernel's buffer is not what is tried here.
            tokio::task::yield_now().await;
        }
    }
    call.until("ringing 180").await;
    far.pick_up(&invite, &sdp("0 101")).await;
    far.hears("ACK ").await;
    call.until("answered").await;
    assert!(rig.carrier.transactions() < 100, "{}", rig.carrier.transactions());
    goes_on(&rig, &mut far, call, &invite, 2).await;
}

#[tokio::test]
async fn a_flood_of_requests_in_the_call_does_not_end_it() {
    let (rig, mut far, call, invite, _ear) = talking().await;
    let typed = ["Content-Type: application/sdp"];
    for number in 2..1_500 {
        let request = match number % 4 {
            0 => far.request(&invite, "OPTIONS", number, &[], ""),
            1 => far.request(
                &invite,
                "INFO",
                number,
                &["Content-Type: application/dtmf-relay"],
                "Signal=\r\n",
            ),
            2 => far.request(&invite, "UPDATE", number, &typed, "nonsense"),
            _ => far.request(&invite, "NONSENSE", number, &[], ""),
        };
        far.send(&request).await;
    }
    // What was refused for its order, or dropped because too much came, is asked again with a number that is
    // higher still.
    let answered = is_answered_again(&mut far, &invite).await;
    goes_on(&rig, &mut far, call, &invite, answered + 1).await;
}

#[tokio::test]
async fn a_bye_that_is_forged_does_not_end_the_call() {
    let (rig, mut far, call, invite, _ear) = talking().await;
    let mut forger = Far::listen().await;
    let us = rig.carrier.local_addr();
    let right = far.request(&invite, "BYE", 2, &[], "");
    let forged: [fn(&str) -> String; 4] = [
        |bye| bye.replace(";tag=far", ";tag=forged"),
        |bye| bye.replace(";tag=far", ""),
        |bye| bye.replace("Call-ID: leg_", "Call-ID: leg_1"),
        |bye| {
            bye.lines()
                .map(|line| match line.split_once(";tag=") {
                    Some((to, _)) if line.starts_with("To: ") => format!("{to};tag=guess\r\n"),
                    _ => format!("{line}\r\n"),
                })
                .collect()
        },
    ];
    for (number, forge) in forged.into_iter().enumerate() {
        let bye = forge(&right).replace("z9hG4bKBYE2", &format!("z9hG4bKforged{number}"));
        forger.send_to(us, &bye).await;
        if let Some(answer) = forger.within(Duration::from_millis(300)).await {
            assert!(answer.is("SIP/2.0 4"), "{number}: {}", answer.0);
        }
    }
    goes_on(&rig, &mut far, call, &invite, 3).await;
}

#[tokio::test]
async fn sound_of_another_source_in_every_packet_is_survived() {
    let (rig, mut far, mut call, invite, ear) = talking().await;
    for number in 0..500_u16 {
        ear.say(number, u32::from(number) * 7_919);
    }
    for length in 0..64 {
        ear.send(&vec![0x80; length]);
        ear.send(&vec![0xff; length]);
    }
    // Then it comes to its senses. The clock of our own sound paces its packets.
    for number in 0..50 {
        ear.say(number, 1);
        call.play(20).await;
    }
    ear.heard();
    call.play(200).await;
    assert!(ear.heard() >= 10, "our sound goes on");
    goes_on(&rig, &mut far, call, &invite, 2).await;
}

#[tokio::test]
async fn forged_sound_from_elsewhere_does_not_turn_ours_away() {
    let (rig, mut far, mut call, invite, ear) = talking().await;
    let forger = Ear::new(offered(&invite));
    for number in 0..30 {
        ear.say(number, 1);
        call.play(20).await;
    }
    ear.heard();
    for number in 0..60 {
        ear.say(30 + number, 1);
        for part in 0..5 {
            forger.say(number * 5 + part, 666);
        }
        call.play(20).await;
    }
    call.play(200).await;
    assert_eq!(forger.heard(), 0, "our sound goes to who forged theirs");
    assert!(ear.heard() >= 40, "our sound goes where it did");
    goes_on(&rig, &mut far, call, &invite, 2).await;
}

#[tokio::test]
async fn codecs_that_nobody_here_has_end_the_call_with_the_reason() {
    for formats in ["101", "18 4 96", "0x 8y", "255 127"] {
        let (rig, mut far, call, invite) = rung().await;
        far.pick_up(&invite, &sdp(formats)).await;
        far.hears("ACK ").await;
        let bye = far.hears("BYE ").await;
        far.answer(&bye, "200 OK", &[], "").await;
        let (words, end) = call.end().await;
        assert_eq!(
            words.last().map(String::as_str),
            Some("ended failed system 0"),
            "{formats}"
        );
        assert!(!end.ending.reason.is_empty());
        assert_eq!((rig.carrier.live(), rig.media.running()), (0, 0), "{formats}");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ends_no_call_and_repeats_no_name() {
    let mut far = Far::listen().await;
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let ports = lease_ports(20).expect("there are ports");
    let media = MediaEngine::start(1, here, ports.first()..=ports.last()).expect("the media start");
    let clock = Arc::new(FakeClock::default());
    let ids = Ids::new(Arc::<FakeClock>::clone(&clock), Arc::new(SystemEntropy));
    let config = SipConfig {
        bind: SocketAddr::new(here, 0),
        trunks: vec![trunk(far.address())],
        ..SipConfig::default()
    };
    let carrier = SipCarrier::start(config, media, ids.clone()).expect("the carrier starts");
    let mut names = Vec::new();
    for jump in [0, 86_400, -90_000, 3_600, -3_600] {
        let jump = SignedDuration::from_secs(jump);
        clock.set_forward(jump);
        let leg = ids.make(LegId::new);
        let order = LegOrder {
            leg,
            trunk: Some("far".to_owned()),
            to: Address::parse("100").expect("an address"),
            from: None,
            send_before: None,
        };
        let mut handle = carrier.ring(order).await.expect("it rings");
        let invite = far.hears("INVITE ").await;
        assert_eq!(invite.header("Call-ID"), format!("{leg}@outdial"));
        names.push(leg.to_string());
        clock.set_forward(-jump / 2);
        far.pick_up(&invite, &sdp("0 101")).await;
        far.hears("ACK ").await;
        clock.set_forward(jump / 2);
        // Sound is paced by the other clock, and a second of it takes a second.
        let clip = Clip {
            rate: 8000,
            samples: vec![0; 8000].into(),
        };
        let play = LegCommand::Play {
            play: 1,
            clips: vec![Arc::new(clip)],
        };
        let begun = std::time::Instant::now();
        handle.commands.send(play).await.expect("the leg listens");
        loop {
            match handle.events.recv().await.expect("it goes on") {
                LegEvent::PlayDone { .. } => break,
                LegEvent::Ended(end) => panic!("{:?}", end.ending),
                _ => {}
            }
        }
        assert!(begun.elapsed() > Duration::from_millis(700), "{:?}", begun.elapsed());
        far.send(&far.request(&invite, "BYE", 2, &[], "")).await;
        far.hears("SIP/2.0 200").await;
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5);
}
