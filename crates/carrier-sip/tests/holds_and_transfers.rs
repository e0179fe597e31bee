//! Far sides that are put on hold, sent elsewhere, and joined with others.

mod rig;

use std::time::Duration;

use outdial_domain::{Address, Outcome, RoomId};
use outdial_engine::ports::{Joining, LegCommand, RoomKind};
use outdial_media::{codec::Codec, correlate, tones};
use outdial_media_io::MediaEvent;

use crate::rig::{
    Call, Rig,
    far::{Far, Message, sdp},
    rig_with,
    sound::with_sound,
    trunk,
};

/// A leg that was answered.
async fn talking() -> (Rig, Far, Call, Message) {
    let mut far = Far::listen().await;
    let rig = rig_with(|config| {
        config.t1 = Duration::from_millis(500);
        config.trunks = vec![trunk(far.address())];
    });
    let mut call = rig.ring().await;
    let invite = far.hears("INVITE ").await;
    far.pick_up(&invite, &sdp("0 101")).await;
    far.hears("ACK ").await;
    call.until("answered").await;
    (rig, far, call, invite)
}

fn typed(far: &Far) -> [String; 2] {
    [far.contact(), "Content-Type: application/sdp".to_owned()]
}

async fn agrees(far: &Far, offer: &Message, direction: &str) {
    let [contact, kind] = typed(far);
    let answer = sdp("0 101") + &format!("a={direction}\r\n");
    far.answer(offer, "200 OK", &[&contact, &kind], &answer).await;
}

#[tokio::test]
async fn a_far_side_is_held_and_taken_back() {
    let (_rig, mut far, mut call, invite) = talking().await;
    call.tell(LegCommand::Hold(true)).await;
    let offer = far.hears("INVITE ").await;
    assert!(offer.body().contains("a=sendonly"), "{}", offer.0);
    // Whoever changes the session meanwhile has to wait.
    let kind = ["Content-Type: application/sdp"];
    far.send(&far.request(&invite, "INVITE", 2, &kind, &sdp("0 101"))).await;
    far.hears("SIP/2.0 491").await;
    agrees(&far, &offer, "recvonly").await;
    far.hears("ACK ").await;
    call.until("on hold true").await;

    // What the far side offers now is answered by who holds it.
    far.send(&far.request(&invite, "INVITE", 3, &kind, &sdp("0 101"))).await;
    let answer = far.hears("SIP/2.0 200").await;
    assert!(answer.body().contains("a=sendonly"), "{}", answer.0);
    far.send(&far.request(&invite, "ACK", 3, &[], "")).await;
    // It holds us as well.
    let hold = sdp("0 101") + "a=sendonly\r\n";
    far.send(&far.request(&invite, "INVITE", 4, &kind, &hold)).await;
    let answer = far.hears("SIP/2.0 200").await;
    assert!(answer.body().contains("a=inactive"), "{}", answer.0);
    far.send(&far.request(&invite, "ACK", 4, &[], "")).await;

    call.tell(LegCommand::Hold(true)).await;
    call.until("on hold true").await;
    call.tell(LegCommand::Hold(false)).await;
    let offer = far.hears("INVITE ").await;
    assert!(offer.body().contains("a=sendrecv"), "{}", offer.0);
    agrees(&far, &offer, "sendrecv").await;
    far.hears("ACK ").await;
    call.until("on hold false").await;
    call.hang_up(Outcome::Completed).await;
    let bye = far.hears("BYE ").await;
    far.answer(&bye, "200 OK", &[], "").await;
    call.end().await;
}

#[tokio::test]
async fn both_change_the_session_at_once_and_ours_is_said_again() {
    let (_rig, mut far, mut call, _) = talking().await;
    call.tell(LegCommand::Hold(true)).await;
    let first = far.hears("INVITE ").await;
    far.answer(&first, "491 Request Pending", &[], "").await;
    far.hears("ACK ").await;
    let again = far.hears("INVITE ").await;
    assert_ne!(first.header("CSeq"), again.header("CSeq"));
    agrees(&far, &again, "recvonly").await;
    call.until("on hold true").await;
}

#[tokio::test]
async fn a_far_side_that_will_not_be_held_talks_on() {
    let (_rig, mut far, mut call, invite) = talking().await;
    call.tell(LegCommand::Hold(true)).await;
    let offer = far.hears("INVITE ").await;
    far.answer(&offer, "488 Not Acceptable Here", &[], "").await;
    call.until("hold refused").await;
    let kind = ["Content-Type: application/sdp"];
    far.send(&far.request(&invite, "INVITE", 2, &kind, &sdp("0 101"))).await;
    let answer = far.hears("SIP/2.0 200").await;
    assert!(answer.body().contains("a=sendrecv"), "{}", answer.0);
}

#[tokio::test]
async fn a_hold_and_a_hang_up_cross() {
    let (rig, mut far, call, invite) = talking().await;
    call.tell(LegCommand::Hold(true)).await;
    let offer = far.hears("INVITE ").await;
    far.send(&far.request(&invite, "BYE", 2, &[], "")).await;
    far.hears("SIP/2.0 200").await;
    far.answer(&offer, "481 Call/Transaction Does Not Exist", &[], "").await;
    let (words, _) = call.end().await;
    assert_eq!(words.last().map(String::as_str), Some("ended completed callee 0"));
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn both_hang_up_at_once() {
    let (rig, mut far, call, invite) = talking().await;
    call.hang_up(Outcome::Completed).await;
    let ours = far.hears("BYE ").await;
    far.send(&far.request(&invite, "BYE", 2, &[], "")).await;
    far.hears("SIP/2.0 200").await;
    far.answer(&ours, "481 Call/Transaction Does Not Exist", &[], "").await;
    let (words, _) = call.end().await;
    assert_eq!(words.last().map(String::as_str), Some("ended completed flow 0"));
    assert_eq!(rig.carrier.live(), 0);
}

fn notify(far: &Far, invite: &Message, number: u32, state: &str, status: &str) -> String {
    let state = format!("Subscription-State: {state}");
    let headers = ["Event: refer", &state, "Content-Type: message/sipfrag"];
    far.request(invite, "NOTIFY", number, &headers, status)
}

#[tokio::test]
async fn a_far_side_is_sent_elsewhere_and_says_how_it_went() {
    for (status, word) in [
        ("SIP/2.0 200 OK", "transferred"),
        (
            "SIP/2.0 486 Busy Here",
            "not transferred: whom it was sent to answered 486",
        ),
    ] {
        let (_rig, mut far, mut call, invite) = talking().await;
        far.send(&notify(&far, &invite, 2, "active", status)).await;
        far.hears("SIP/2.0 481").await;
        let to = Address::parse("+6598765432").expect("an address");
        call.tell(LegCommand::Transfer { to: to.into() }).await;
        let refer = far.hears("REFER ").await;
        let expected = format!("<sip:+6598765432@{}>", far.address());
        assert_eq!(refer.header("Refer-To"), expected);
        far.answer(&refer, "202 Accepted", &[], "").await;
        far.send(&notify(&far, &invite, 3, "active;expires=60", "SIP/2.0 100 Trying"))
            .await;
        far.hears("SIP/2.0 200").await;
        far.send(&notify(&far, &invite, 4, "terminated;reason=noresource", status))
            .await;
        far.hears("SIP/2.0 200").await;
        call.until(word).await;
    }
}

#[tokio::test]
async fn a_far_side_that_goes_nowhere_says_so() {
    let (_rig, mut far, mut call, invite) = talking().await;
    let to = Address::parse("+6598765432").expect("an address");
    call.tell(LegCommand::Transfer { to: to.into() }).await;
    let refer = far.hears("REFER ").await;
    far.answer(&refer, "405 Method Not Allowed", &[], "").await;
    call.until("not transferred: the far side answered 405").await;
    // Nor do we: who sends us elsewhere is told what we take.
    far.send(&far.request(&invite, "REFER", 2, &["Refer-To: <sip:a@b>"], ""))
        .await;
    let refused = far.hears("SIP/2.0 405").await;
    assert!(!refused.header("Allow").contains("REFER"));
}

#[tokio::test]
async fn two_legs_hear_each_other_and_hold_and_keys_are_theirs() {
    let mut far = Far::listen().await;
    let rig = rig_with(|config| config.trunks = vec![trunk(far.address())]);
    let (mut anna, invite, mut at_anna) = with_sound(&rig, &mut far, rig.order("1"), 1 << 70 | 5, Codec::Pcmu).await;
    let (mut bert, _, mut at_bert) = with_sound(&rig, &mut far, rig.order("2"), 1 << 71 | 6, Codec::Pcma).await;
    let room = rig.ids().make(RoomId::new);
    let joining = Joining {
        room,
        kind: RoomKind::Bridge,
        muted: false,
    };
    for call in [&mut anna, &mut bert] {
        call.tell(LegCommand::Join(joining)).await;
        call.until("joined").await;
    }
    let (sink, mut tap) = outdial_engine::ports::tap(1000);
    at_bert.tap(sink);
    let tone = tones::ringback(8000, tones::Ringback::Europe)[7000..11_000].to_vec();
    at_anna.play(1, vec![tone.as_slice().into(), vec![0; 4000].into()]);
    let until = |event: MediaEvent| matches!(event, MediaEvent::PlayFinished { .. });
    while !until(at_anna.event().await.expect("it runs")) {}
    let mut heard = Vec::new();
    while let Some(frame) = tap.next() {
        heard.extend(frame.received().unwrap_or(&[0; 160]));
    }
    assert!(correlate::find(&tone, &heard).expect("it was said").score > 0.9);

    // Keys go across, and are reported only to who listens; by INFO as well.
    let key = |event: MediaEvent| match event {
        MediaEvent::Digit { digit, .. } => Some(digit.as_char()),
        _ => None,
    };
    at_anna.send_digits("5".parse().expect("digits"));
    while key(at_bert.event().await.expect("it runs")) != Some('5') {}
    let relay = "Content-Type: application/dtmf-relay";
    far.send(&far.request(&invite, "INFO", 2, &[relay], "Signal=7\r\nDuration=100\r\n"))
        .await;
    far.hears("SIP/2.0 200").await;
    while key(at_bert.event().await.expect("it runs")) != Some('7') {}
    anna.tell(LegCommand::Listen(true)).await;
    at_anna.send_digits("9".parse().expect("digits"));
    anna.until("digit 9 rtp").await;
    assert!(
        !anna
            .words()
            .iter()
            .any(|word| word.starts_with("digit 5") || word.starts_with("digit 7"))
    );
    anna.tell(LegCommand::Leave).await;
    anna.until("left").await;
    bert.hang_up(Outcome::Completed).await;
    let bye = far.hears("BYE ").await;
    far.answer(&bye, "200 OK", &[], "").await;
    bert.end().await;
}
