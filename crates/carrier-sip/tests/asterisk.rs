//! A real Asterisk and a real softphone at the carrier: registration, calls that come in by it, and
//! G.722.

mod rig;

use std::time::Duration;

use outdial_carrier_sip::Srtp;
use outdial_domain::{Outcome, RoomId};
use outdial_engine::ports::{Joining, LegCommand, LegOrder, RoomKind, VoiceCarrier};
use outdial_media::{codec::Codec, correlate};
use outdial_media_io::MediaEvent;
use outdial_testkit::peers::{Asterisk, Baresip, Peer, require};

use crate::rig::{Call, far::Far, rig_with, sound::with_sound, trunk};

/// Longer than a registration or a call takes to come.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn asterisk_takes_our_registration_and_rings_us_by_it() {
    if !require(Peer::Asterisk) {
        return;
    }
    let asterisk = Asterisk::start().await.expect("Asterisk starts");
    let rig = rig_with(|config| {
        let mut far = trunk(asterisk.address());
        far.username = Some(Asterisk::USER.into());
        far.password = Some(Asterisk::SECRET.into());
        far.register = Some(Duration::from_secs(60));
        config.trunks = vec![far];
    });
    let mut incoming = rig.carrier.incoming().expect("it takes calls");
    tokio::time::timeout(PATIENCE, async {
        while !asterisk.is_registered(Asterisk::USER).expect("Asterisk answers") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("we are registered");

    asterisk
        .ring_registered(Asterisk::USER, "6561234567", "116")
        .expect("Asterisk rings");
    let leg = tokio::time::timeout(PATIENCE, incoming.recv()).await;
    let leg = leg.expect("it comes in").expect("the carrier lives");
    assert_eq!(leg.trunk, "far");
    assert!(leg.to.to_string().contains("6561234567"), "{}", leg.to);
    let mut call = Call::of(leg.handle);
    call.tell(LegCommand::Answer).await;
    call.until("answered").await;
    // Extension 116 hangs up at once.
    let (words, _) = call.end().await;
    assert_eq!(words.last().map(String::as_str), Some("ended completed callee 0"));
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn asterisk_wants_a_session_timer_and_its_ringing_acknowledged() {
    if !require(Peer::Asterisk) {
        return;
    }
    let asterisk = Asterisk::start().await.expect("Asterisk starts");
    let rig = rig_with(|config| config.trunks = vec![trunk(asterisk.address())]);
    // A tone before the answer and one after it; then it hangs up.
    let call = rig.try_ring(rig.order("5115")).await.expect("it rings");
    let (words, end) = call.end().await;
    let wanted = [
        "sent",
        "ringing 183 true",
        "answered PCMU 8000",
        "session unprotected 1800",
        "ended completed callee 0",
    ];
    assert_eq!(words, wanted, "{:?}", end.ending);
    for (sent, start) in [(true, "PRACK "), (false, "SIP/2.0 183 ")] {
        let mut messages = end.trace.iter().filter(|message| message.sent == sent);
        assert!(messages.any(|message| message.text.starts_with(start)), "no {start}");
    }
    let mut answers = end
        .trace
        .iter()
        .filter(|message| message.text.starts_with("SIP/2.0 200 ") && message.text.contains(" INVITE\r\n"));
    let answer = answers.next().expect("the INVITE was answered");
    assert!(answer.text.contains("Session-Expires: "), "{}", answer.text);
}

#[tokio::test]
async fn asterisk_and_baresip_talk_g722() {
    if !require(Peer::Asterisk) || !require(Peer::Baresip) {
        return;
    }
    let asterisk = Asterisk::start().await.expect("Asterisk starts");
    let phone = Baresip::of("phone", asterisk.address()).codecs("G722/16000/1");
    let phone = phone.start().await.expect("baresip starts");
    let numbers = [
        (asterisk.address(), "9101".to_owned()),
        (phone.address(), format!("sip:phone@{}", phone.address())),
    ];
    for (far, to) in numbers {
        let rig = rig_with(|config| {
            let mut far = trunk(far);
            far.codecs = vec![Codec::G722, Codec::Pcmu];
            config.trunks = vec![far];
        });
        let mut call = rig.try_ring(rig.order(&to)).await.expect("it rings");
        call.until("answered G722 16000").await;
        // The rig counts samples of 8 kHz, so at 16 kHz this is half a second.
        call.play(1_000).await;
        call.hang_up(Outcome::Completed).await;
        let (_, end) = call.end().await;
        let quality = end.quality.expect("sound flowed");
        assert!(quality.received > 15 && quality.sent > 20, "{to}: {quality:?}");
    }
}

#[tokio::test]
async fn baresip_calls_us_and_is_answered() {
    if !require(Peer::Baresip) {
        return;
    }
    let nobody = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
    let rig = rig_with(|config| config.trunks = vec![trunk(nobody)]);
    let mut incoming = rig.carrier.incoming().expect("it takes calls");
    let us = rig.carrier.local_addr();
    let mut phone = Baresip::of("somebody", us).start().await.expect("baresip starts");
    phone.dial(&format!("sip:+6561234567@{us}")).await.expect("it listens");
    let leg = tokio::time::timeout(PATIENCE, incoming.recv()).await;
    let leg = leg.expect("it comes in").expect("the carrier lives");
    assert_eq!(leg.to.number().as_deref(), Some("+6561234567"));
    let mut call = Call::of(leg.handle);
    call.tell(LegCommand::Answer).await;
    call.until("answered").await;
    phone.until("CALL_ESTABLISHED").await.expect("it is answered");
    call.play(500).await;
    phone.hang_up().await.expect("it listens");
    let (words, end) = call.end().await;
    assert!(
        words.last().is_some_and(|last| last.starts_with("ended completed")),
        "{words:?}"
    );
    assert!(end.quality.is_some_and(|quality| quality.received > 10));
}

/// Noise that a telephone carries and that is like nothing else.
fn noise(samples: usize) -> Vec<i16> {
    let mut random = 77_u32;
    let mut last = [0_i32; 6];
    let next = || {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        last.rotate_right(1);
        last[0] = (random >> 19) as i32 - 4096;
        (last.iter().sum::<i32>() / 2) as i16
    };
    std::iter::repeat_with(next).take(samples).collect()
}

/// What one side of a bridge says comes back from Asterisk on the other: as it is, by another codec, and by SRTP.
#[tokio::test]
async fn who_is_bridged_to_an_echo_hears_oneself() {
    if !require(Peer::Asterisk) {
        return;
    }
    let asterisk = Asterisk::start().await.expect("Asterisk starts");
    for (echo, answer, srtp) in [
        ("101", "answered PCMU 8000", Srtp::Off),
        ("9101", "answered G722 16000", Srtp::Off),
        ("8101", "answered PCMU 8000", Srtp::Require),
    ] {
        let mut far = Far::listen().await;
        let rig = rig_with(|config| {
            let mut asterisk = trunk(asterisk.address());
            asterisk.codecs = vec![Codec::G722, Codec::Pcmu];
            asterisk.srtp = srtp;
            asterisk.username = Some(Asterisk::USER.into());
            asterisk.password = Some(Asterisk::SECRET.into());
            let mut anna = trunk(far.address());
            anna.name = "anna".into();
            config.trunks = vec![asterisk, anna];
        });
        let order = LegOrder {
            trunk: Some("anna".into()),
            ..rig.order("+6561234567")
        };
        let (mut anna, _, mut at_anna) = with_sound(&rig, &mut far, order, 1 << 70 | 9, Codec::Pcmu).await;
        let mut other = rig.try_ring(rig.order(echo)).await.expect("it rings");
        other.until(answer).await;
        let joining = Joining {
            room: rig.ids().make(RoomId::new),
            kind: RoomKind::Bridge,
            muted: false,
        };
        for call in [&mut anna, &mut other] {
            call.tell(LegCommand::Join(joining)).await;
            call.until("joined").await;
        }
        let (sink, mut tap) = outdial_engine::ports::tap(1_000);
        at_anna.tap(sink);
        let said = noise(16_000);
        at_anna.play(1, vec![said.as_slice().into(), vec![0; 8_000].into()]);
        let is_over = |event: MediaEvent| matches!(event, MediaEvent::PlayFinished { .. });
        while !is_over(at_anna.event().await.expect("it runs")) {}
        let mut heard = Vec::new();
        while let Some(frame) = tap.next() {
            heard.extend(frame.received().unwrap_or(&[0; 160]));
        }
        let found = correlate::find_speech(&said, &heard, 8_000).expect("it was said");
        assert!(found.score > 0.8, "{echo}: {found:?}");
        other.hang_up(Outcome::Completed).await;
        other.end().await;
    }
}
