//! Far sides that are silent, slow, wrong, or change their mind.

mod rig;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use outdial_carrier_sip::{Identity, SipConfig, SipTransport, SipTrunk, Srtp};
use outdial_domain::{LegId, Outcome};
use outdial_engine::ports::{DigitWay, LegCommand, LegEvent, RingError};
use outdial_media::{
    codec::Codec,
    srtp::{MasterKey, SrtpKey, SrtpKeys, sdes::Crypto},
    stream::StreamConfig,
};
use outdial_media_io::{MediaEvent, Remote};

use crate::rig::{
    Call, Rig,
    far::{Far, Message, sdp},
    rig_with, trunk,
};

/// Short enough that 64 of them are waited for gladly.
const T1: Duration = Duration::from_millis(10);

async fn ringing(change: impl FnOnce(&mut SipConfig)) -> (Rig, Far, Call, Message) {
    let mut far = Far::listen().await;
    let rig = rig_with(|config| {
        config.t1 = T1;
        config.trunks = vec![trunk(far.address())];
        change(config);
    });
    let call = rig.ring().await;
    let invite = far.hears("INVITE ").await;
    (rig, far, call, invite)
}

async fn talking() -> (Rig, Far, Call, Message) {
    let (rig, mut far, mut call, invite) = ringing(|config| config.t1 = Duration::from_millis(500)).await;
    far.pick_up(&invite, &sdp("0 101")).await;
    far.hears("ACK ").await;
    call.until("answered").await;
    (rig, far, call, invite)
}

fn last(words: &[String]) -> &str {
    words.last().map_or("", String::as_str)
}

#[tokio::test]
async fn silence_is_no_answer_because_it_may_have_rung() {
    let (rig, _far, call, _) = ringing(|_| {}).await;
    let (words, end) = call.end().await;
    assert_eq!(words, ["sent", "ended no_answer network 0"]);
    assert!(end.ending.reason.contains("may have rung"), "{}", end.ending.reason);
    assert!(end.trace.len() >= 7, "the repetitions are there: {}", end.trace.len());
    assert!(end.trace.iter().all(|message| message.sent));
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn a_silent_far_side_cannot_keep_a_leg_from_ending() {
    let (_rig, mut far, mut call, _) = ringing(|_| {}).await;
    call.until("sent").await;
    call.hang_up(Outcome::Canceled).await;
    let (words, end) = call.end().await;
    assert_eq!(last(&words), "ended canceled flow 0");
    let reason = &end.ending.reason;
    assert!(reason.starts_with("the test is over: "), "{reason}");
    assert!(reason.contains("did not answer the INVITE at all"), "{reason}");
    while let Some(message) = far.within(T1).await {
        assert!(!message.is("CANCEL"), "no CANCEL before a provisional answer");
    }
}

#[tokio::test]
async fn a_cancel_that_nobody_answers_is_repeated_and_then_given_up() {
    let (_rig, mut far, mut call, invite) = ringing(|_| {}).await;
    far.answer(&invite, "180 Ringing", &[], "").await;
    call.until("ringing 180").await;
    call.hang_up(Outcome::NoAnswer).await;
    far.hears("CANCEL ").await;
    far.hears("CANCEL ").await;
    let (words, _) = call.end().await;
    assert_eq!(last(&words), "ended no_answer flow 0");
}

#[tokio::test]
async fn a_bye_that_nobody_answers_does_not_hold_the_end_up() {
    let (_rig, mut far, mut call, invite) = ringing(|_| {}).await;
    far.pick_up(&invite, &sdp("0")).await;
    call.until("answered").await;
    call.hang_up(Outcome::Completed).await;
    far.hears("BYE ").await;
    far.hears("BYE ").await;
    let (words, end) = call.end().await;
    assert_eq!(last(&words), "ended completed flow 0");
    assert!(end.quality.is_some());
}

#[tokio::test]
async fn letting_go_of_a_leg_hangs_it_up() {
    let (rig, mut far, call, invite) = ringing(|_| {}).await;
    far.answer(&invite, "180 Ringing", &[], "").await;
    drop(call);
    let cancel = far.hears("CANCEL ").await;
    far.answer(&cancel, "200 OK", &[], "").await;
    far.answer(&invite, "487 Request Terminated", &[], "").await;
    far.hears("ACK ").await;

    let call = rig.ring().await;
    let invite = far.hears("INVITE ").await;
    far.pick_up(&invite, &sdp("0")).await;
    drop(call);
    far.hears("BYE ").await;
}

#[tokio::test]
async fn a_carrier_that_stops_ends_its_legs() {
    let (rig, far, mut call, invite) = ringing(|_| {}).await;
    far.answer(&invite, "180 Ringing", &[], "").await;
    call.until("ringing").await;
    drop(rig);
    let (words, _) = call.end().await;
    assert_eq!(last(&words), "ended unknown system 0");
}

#[tokio::test]
async fn a_wrong_password_ends_it_with_the_remedy_after_one_try() {
    let (_rig, mut far, call, invite) = ringing(|config| {
        config.trunks[0].username = Some("user".into());
        config.trunks[0].password = Some("wrong".into());
    })
    .await;
    let challenge = "WWW-Authenticate: Digest realm=\"far\", nonce=\"1\", qop=\"auth,auth-int\", algorithm=MD5";
    far.answer(&invite, "401 Unauthorized", &[challenge], "").await;
    far.hears("ACK ").await;
    let again = far.hears("INVITE ").await;
    assert!(again.header("Authorization").contains("qop=auth,"), "{}", again.0);
    assert_ne!(again.header("CSeq"), invite.header("CSeq"));
    far.answer(&again, "401 Unauthorized", &[challenge], "").await;
    let (words, end) = call.end().await;
    assert_eq!(words, ["sent", "ended failed network 401"]);
    assert!(
        end.ending
            .reason
            .contains("mend `username` and `password` of trunk `far`"),
        "{}",
        end.ending.reason
    );
    far.hears("ACK ").await;
    assert!(far.within(10 * T1).await.is_none(), "nothing is tried again");
}

#[tokio::test]
async fn a_challenge_without_a_password_or_of_another_realm_says_what_to_set() {
    let challenge = "Proxy-Authenticate: Digest realm=\"theirs\", nonce=\"1\"";
    let (_rig, far, call, invite) = ringing(|_| {}).await;
    far.answer(&invite, "407 Proxy Authentication Required", &[challenge], "")
        .await;
    let (words, end) = call.end().await;
    assert_eq!(last(&words), "ended failed network 407");
    assert!(
        end.ending.reason.contains("set `username` and `password`"),
        "{}",
        end.ending.reason
    );

    let (_rig, far, call, invite) = ringing(|config| {
        config.trunks[0].username = Some("user".into());
        config.trunks[0].password = Some("secret".into());
        config.trunks[0].realm = Some("ours".into());
    })
    .await;
    far.answer(&invite, "407 Proxy Authentication Required", &[challenge], "")
        .await;
    let (_, end) = call.end().await;
    assert!(end.ending.reason.contains("`realm`"), "{}", end.ending.reason);
}

#[tokio::test]
async fn an_answer_without_a_common_codec_is_hung_up_with_the_reason() {
    for (body, reason) in [
        (sdp("18"), "only G729"),
        (sdp("18").replace("m=audio 9", "m=audio 0"), "refused sound"),
        (String::new(), "no description"),
        ("nonsense".into(), "cannot be read"),
    ] {
        let (_rig, mut far, call, invite) = ringing(|_| {}).await;
        far.pick_up(&invite, &body).await;
        far.hears("ACK ").await;
        let bye = far.hears("BYE ").await;
        far.answer(&bye, "200 OK", &[], "").await;
        let (words, end) = call.end().await;
        assert_eq!(words, ["sent", "ended failed system 0"]);
        let expected = if reason == "only G729" { "only 18" } else { reason };
        assert!(end.ending.reason.contains(expected), "{}", end.ending.reason);
    }
}

#[tokio::test]
async fn an_answer_without_a_contact_is_acknowledged_and_hung_up_where_it_came_from() {
    let (_rig, mut far, mut call, invite) = ringing(|_| {}).await;
    far.answer(&invite, "200 OK", &["Content-Type: application/sdp"], &sdp("8"))
        .await;
    far.hears("ACK ").await;
    call.until("answered PCMA").await;
    call.hang_up(Outcome::Completed).await;
    far.hears("BYE ").await;
}

#[tokio::test]
async fn the_cause_of_a_refusal_is_kept() {
    let (_rig, far, call, invite) = ringing(|_| {}).await;
    let reason = "Reason: Q.850;cause=1;text=\"Unallocated, number\"";
    far.answer(&invite, "503 Service Unavailable", &[reason], "").await;
    let (words, end) = call.end().await;
    assert_eq!(last(&words), "ended invalid_number network 503");
    assert_eq!(end.ending.q850, Some(1));
}

#[tokio::test]
async fn ten_thousand_provisional_answers_are_a_few_events() {
    let (_rig, far, call, invite) = ringing(|config| config.t1 = Duration::from_millis(500)).await;
    for number in 0..10_000 {
        let status = if number % 2 == 0 {
            "180 Ringing"
        } else {
            "183 Session Progress"
        };
        far.answer(&invite, status, &[], "").await;
        if number % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    far.answer(&invite, "486 Busy Here", &[], "").await;
    let (words, end) = call.end().await;
    assert_eq!(last(&words), "ended busy callee 486");
    assert!(words.len() <= 64, "{}", words.len());
    assert!(end.trace.len() <= 200);
    assert!(end.trace.last().is_some_and(|message| message.text.starts_with("ACK ")));
}

#[tokio::test]
async fn the_words_of_a_refusal_are_those_of_the_far_side() {
    let (_rig, far, call, invite) = ringing(|config| config.t1 = Duration::from_millis(500)).await;
    far.answer(
        &invite,
        "403 Caller-id not \x1ballowed",
        &["Reason: Q.850;cause=21"],
        "",
    )
    .await;
    let (words, end) = call.end().await;
    assert_eq!(last(&words), "ended rejected callee 403");
    assert_eq!(end.ending.reason, "the far side answered 403 Caller-id not allowed");
    let mut lines = end.trace.iter().filter_map(|message| message.text.lines().next());
    assert!(lines.any(|line| line == "SIP/2.0 403 Caller-id not allowed"));
}

#[tokio::test]
async fn keys_sent_by_info_are_heard_once() {
    let (_rig, mut far, mut call, invite) = talking().await;
    let relay = "Content-Type: application/dtmf-relay";
    far.send(&far.request(&invite, "INFO", 2, &[relay], "Signal=5\r\nDuration=160\r\n"))
        .await;
    far.hears("SIP/2.0 200").await;
    call.until("digit 5 sip_info").await;
    far.send(&far.request(&invite, "INFO", 3, &["Content-Type: application/dtmf"], "#"))
        .await;
    far.hears("SIP/2.0 200").await;
    call.until("digit # sip_info").await;
    far.send(&far.request(&invite, "INFO", 4, &[relay], "Signal=x\r\n"))
        .await;
    far.hears("SIP/2.0 400").await;
    far.send(&far.request(&invite, "INFO", 5, &["Content-Type: text/plain"], "hello"))
        .await;
    far.hears("SIP/2.0 415").await;
    far.send(&far.request(&invite, "INFO", 6, &[], "")).await;
    far.hears("SIP/2.0 200").await;
}

#[tokio::test]
async fn requests_within_a_leg_are_answered() {
    let (_rig, mut far, call, invite) = talking().await;
    far.send(&far.request(&invite, "OPTIONS", 2, &[], "")).await;
    assert!(far.hears("SIP/2.0 200").await.header("Allow").contains("UPDATE"));
    far.send(&far.request(&invite, "MESSAGE", 3, &[], "")).await;
    assert!(far.hears("SIP/2.0 405").await.header("Allow").contains("INVITE"));
    far.send(&far.request(&invite, "INFO", 1, &[], "")).await;
    far.hears("SIP/2.0 500").await;
    let forged = far
        .request(&invite, "BYE", 9, &[], "")
        .replace(";tag=far", ";tag=forged");
    far.send(&forged).await;
    far.hears("SIP/2.0 481").await;

    let typed = ["Content-Type: application/sdp"];
    let hold = sdp("0 101") + "a=sendonly\r\n";
    far.send(&far.request(&invite, "INVITE", 4, &typed, &hold)).await;
    let held = far.hears("SIP/2.0 200").await;
    assert!(held.body().contains("a=recvonly"), "{}", held.0);
    assert!(held.header("Contact").contains("sip:outdial@"));
    // While it is not acknowledged, it is repeated and nothing else may be changed.
    far.send(&far.request(&invite, "UPDATE", 5, &typed, &sdp("0 101")))
        .await;
    far.hears("SIP/2.0 491").await;
    far.send(&far.request(&invite, "ACK", 4, &[], "")).await;
    far.send(&far.request(&invite, "UPDATE", 6, &typed, &sdp("0 101")))
        .await;
    let resumed = loop {
        let answer = far.hears("SIP/2.0").await;
        if answer.header("CSeq") == "6 UPDATE" {
            break answer;
        }
    };
    assert!(resumed.body().contains("a=sendrecv"), "{}", resumed.0);
    far.send(&far.request(&invite, "UPDATE", 7, &typed, &sdp("18"))).await;
    far.hears("SIP/2.0 488").await;
    far.send(&far.request(&invite, "UPDATE", 8, &[], "")).await;
    far.hears("SIP/2.0 200").await;
    far.send(&far.request(&invite, "INVITE", 9, &[], "")).await;
    assert!(far.hears("SIP/2.0 200").await.body().contains("RTP/AVP 0 8 101"));
    far.send(&far.request(&invite, "ACK", 9, &[], "")).await;

    let reason = "Reason: Q.850;cause=16";
    far.send(&far.request(&invite, "BYE", 10, &[reason], "")).await;
    far.hears("SIP/2.0 200").await;
    let (words, end) = call.end().await;
    assert_eq!(last(&words), "ended completed callee 0");
    assert_eq!(end.ending.q850, Some(16));
}

#[tokio::test]
async fn a_bye_that_crosses_ours_is_answered_and_the_end_is_ours() {
    let (_rig, mut far, call, invite) = talking().await;
    call.hang_up(Outcome::Completed).await;
    let bye = far.hears("BYE ").await;
    far.send(&far.request(&invite, "BYE", 2, &[], "")).await;
    far.hears("SIP/2.0 200").await;
    far.answer(&bye, "481 Call Does Not Exist", &[], "").await;
    let (words, _) = call.end().await;
    assert_eq!(last(&words), "ended completed flow 0");
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_anything_is() {
    let mut far = Far::listen().await;
    let rig = rig_with(|config| {
        config.trunks = vec![trunk(far.address()), rig::trunk(far.address())];
        config.trunks[1].name = "lost".into();
        config.trunks[1].host = "nowhere.invalid".into();
        config.most_legs = 1;
    });
    let mut late = rig.order("100");
    late.send_before = Some(Instant::now());
    assert_eq!(rig.try_ring(late).await.err(), Some(RingError::TooLate));
    let mut unknown = rig.order("100");
    unknown.trunk = Some("none".into());
    assert!(matches!(rig.try_ring(unknown).await.err(), Some(RingError::Refused(reason)) if reason.contains("`none`")));
    let mut lost = rig.order("100");
    lost.trunk = Some("lost".into());
    assert!(
        matches!(rig.try_ring(lost).await.err(), Some(RingError::Unresolved { host, .. }) if host == "nowhere.invalid")
    );
    assert!(
        far.within(Duration::from_millis(50)).await.is_none(),
        "nothing was sent"
    );
    assert_eq!(rig.carrier.live(), 0);

    let order = rig.order("100");
    let call = rig.try_ring(order.clone()).await.expect("there is room");
    assert!(matches!(
        rig.try_ring(rig.order("100")).await.err(),
        Some(RingError::Exhausted(_))
    ));
    drop(call);
}

#[tokio::test]
async fn a_sip_uri_is_rung_without_a_trunk_and_as_ourselves() {
    let mut far = Far::listen().await;
    let rig = rig_with(|_| {});
    let mut order = rig.order(&format!("sip:bob@{}", far.address()));
    order.trunk = None;
    let leg = order.leg;
    let _call = rig.try_ring(order).await.expect("it rings");
    let invite = far.hears("INVITE ").await;
    assert!(
        invite.is(&format!("INVITE sip:bob@{} SIP/2.0", far.address())),
        "{}",
        invite.0
    );
    assert!(
        invite.header("From").starts_with("<sip:outdial@127.0.0.1>;tag="),
        "{}",
        invite.0
    );
    assert_eq!(invite.header("Call-ID"), format!("{leg}@outdial"));
}

#[tokio::test]
async fn a_number_of_ours_is_shown_without_a_trunk() {
    let mut far = Far::listen().await;
    let rig = rig_with(|_| {});
    let mut order = rig.order(&format!("sip:bob@{}", far.address()));
    order.trunk = None;
    order.from = Some(outdial_domain::Address::parse("+6598765432").unwrap());
    let _call = rig.try_ring(order).await.expect("it rings");
    let invite = far.hears("INVITE ").await;
    assert!(
        invite.header("From").starts_with("<sip:+6598765432@127.0.0.1>;tag="),
        "{}",
        invite.0
    );
}

#[tokio::test]
async fn nothing_is_left_of_many_calls() {
    let mut far = Far::listen().await;
    let rig = rig_with(|config| {
        config.t1 = T1;
        config.trunks = vec![trunk(far.address())];
    });
    for round in 0..45 {
        let mut call = rig.ring().await;
        let invite = far.hears("INVITE ").await;
        match round % 3 {
            0 => far.answer(&invite, "486 Busy Here", &[], "").await,
            1 => {
                far.pick_up(&invite, &sdp("0 101")).await;
                call.until("answered").await;
                call.tell(LegCommand::StopPlaying).await;
                call.hang_up(Outcome::Completed).await;
                let bye = far.hears("BYE ").await;
                far.answer(&bye, "200 OK", &[], "").await;
            }
            _ => {
                far.answer(&invite, "180 Ringing", &[], "").await;
                call.until("ringing").await;
                call.hang_up(Outcome::Canceled).await;
                let cancel = far.hears("CANCEL ").await;
                far.answer(&cancel, "200 OK", &[], "").await;
                far.answer(&invite, "487 Request Terminated", &[], "").await;
            }
        }
        call.end().await;
    }
    assert_eq!(rig.carrier.live(), 0);
    assert_eq!(rig.media.running(), 0);
    // The last transaction is gone when the timers of the last call are over, without a far side's help.
    tokio::time::timeout(Duration::from_secs(20), async {
        while rig.carrier.transactions() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("every transaction ends");
}

#[tokio::test]
async fn keys_travel_both_ways_in_rtp_and_are_told_once() {
    let (rig, mut far, mut call, invite) = ringing(|config| config.t1 = Duration::from_millis(500)).await;
    let offered: u16 = invite
        .body()
        .split_once("m=audio ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .expect("a port is offered");
    let mut theirs = rig.media.open(rig.ids().make(LegId::new)).expect("there is a port");
    let description = sdp("8 101").replace("m=audio 9", &format!("m=audio {}", theirs.local().port()));
    theirs.start(
        StreamConfig::new(Codec::Pcma, 7),
        Remote::new(SocketAddr::from(([127, 0, 0, 1], offered))),
    );
    far.pick_up(&invite, &description).await;
    call.until("answered PCMA").await;

    call.tell(LegCommand::SendDigits {
        digits: "7w#".parse().expect("digits"),
    })
    .await;
    call.until("digits sent").await;
    let mut heard = String::new();
    while heard.len() < 2 {
        if let Some(MediaEvent::Digit { digit, .. }) = theirs.event().await {
            heard.push(digit.as_char());
        }
    }
    assert_eq!(heard, "7#");

    // The far side sends its key both in RTP and by INFO, as some do; then another one in RTP only.
    theirs.send_digits("5".parse().expect("digits"));
    call.until("digit 5 rtp").await;
    let relay = "Content-Type: application/dtmf-relay";
    far.send(&far.request(&invite, "INFO", 2, &[relay], "Signal=5\r\nDuration=100\r\n"))
        .await;
    far.hears("SIP/2.0 200").await;
    theirs.send_digits("6".parse().expect("digits"));
    assert!(matches!(
        call.next().await,
        LegEvent::Digit { digit, way: DigitWay::Rtp } if digit.as_char() == '6'
    ));
    far.send(&far.request(&invite, "BYE", 3, &[], "")).await;
    let (_, end) = call.end().await;
    let quality = end.quality.expect("sound flowed");
    assert!(quality.received > 10 && quality.lost == 0, "{quality:?}");
}

#[tokio::test]
async fn a_connection_that_is_refused_is_said_before_anything_is_sent() {
    // A port that was free a moment ago.
    let nobody = Far::listen().await.address();
    let rig = rig_with(|config| {
        config.trunks = vec![trunk(nobody)];
        config.trunks[0].transport = SipTransport::Tcp;
    });
    let refused = rig.try_ring(rig.order("100")).await.err();
    assert!(
        matches!(&refused, Some(RingError::Exhausted(reason)) if reason.contains("over TCP")),
        "{refused:?}"
    );
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn a_bye_with_the_right_tags_from_elsewhere_does_not_end_the_call() {
    let (rig, mut far, mut call, invite) = talking().await;
    let mut forger = Far::listen_at("127.0.0.2:0").await;
    let us = rig.carrier.local_addr();
    forger
        .send_to(
            us,
            &far.request(&invite, "BYE", 2, &[], "")
                .replace("z9hG4bK", "z9hG4bKforged"),
        )
        .await;
    // The answer goes where the request came from.
    forger.hears("SIP/2.0 481").await;
    far.send(&far.request(&invite, "OPTIONS", 3, &[], "")).await;
    far.hears("SIP/2.0 200").await;
    call.hang_up(Outcome::Completed).await;
    far.hears("BYE ").await;
    drop(call.handle.events.recv().await);
}

#[tokio::test]
async fn everything_works_over_ipv6() {
    let mut far = Far::listen_at("[::1]:0").await;
    let rig = rig_with(|config| {
        config.bind = "[::1]:0".parse().expect("an address");
        config.trunks = vec![trunk(far.address())];
    });
    let mut call = rig.ring().await;
    let invite = far.hears("INVITE ").await;
    assert!(
        invite.is(&format!(
            "INVITE sip:+6561234567@[::1]:{} SIP/2.0",
            far.address().port()
        )),
        "{}",
        invite.0
    );
    assert!(invite.header("Via").contains("SIP/2.0/UDP [::1]:"), "{}", invite.0);
    far.pick_up(&invite, &sdp("0 101")).await;
    far.hears("ACK ").await;
    call.until("answered PCMU").await;
    call.hang_up(Outcome::Completed).await;
    let bye = far.hears("BYE ").await;
    far.answer(&bye, "200 OK", &[], "").await;
    let (words, _) = call.end().await;
    assert_eq!(last(&words), "ended completed flow 0");
}

#[tokio::test]
async fn a_withheld_caller_id_is_kept_from_the_far_side_only() {
    let mut far = Far::listen().await;
    let rig = rig_with(|config| {
        let mut one = trunk(far.address());
        one.username = Some("account".into());
        one.identity = Identity::Asserted;
        one.headers = vec![("X-Account".into(), "42".into())];
        config.trunks = vec![one];
    });
    let mut order = rig.order("100");
    order.from = Some(outdial_domain::Address::parse("sip:anonymous@anonymous.invalid").expect("an address"));
    let _call = rig.try_ring(order).await.expect("it rings");
    let invite = far.hears("INVITE ").await;
    assert!(
        invite
            .header("From")
            .starts_with("<sip:anonymous@anonymous.invalid>;tag="),
        "{}",
        invite.0
    );
    assert_eq!(invite.header("Privacy"), "id");
    assert_eq!(invite.header("P-Asserted-Identity"), "<sip:account@127.0.0.1>");
    assert_eq!(invite.header("X-Account"), "42");
}

#[tokio::test]
async fn an_outbound_proxy_is_in_the_way_of_everything() {
    let mut far = Far::listen().await;
    let rig = rig_with(|config| {
        let mut one = SipTrunk::new("far", "pbx.example.com", None);
        one.proxy = Some((far.address().ip().to_string(), Some(far.address().port())));
        config.trunks = vec![one];
    });
    let _call = rig.ring().await;
    let invite = far.hears("INVITE ").await;
    assert!(
        invite.is("INVITE sip:+6561234567@pbx.example.com SIP/2.0"),
        "{}",
        invite.0
    );
    assert_eq!(invite.header("Route"), format!("<sip:{};lr>", far.address()));
}

#[tokio::test]
async fn protected_sound_is_heard_by_whoever_has_the_key() {
    let (rig, mut far, mut call, invite) = ringing(|config| {
        config.t1 = Duration::from_millis(500);
        config.trunks[0].srtp = Srtp::Require;
    })
    .await;
    assert!(invite.body().contains("RTP/SAVP 0 8 101"), "{}", invite.0);
    let line = invite.body().lines().find_map(|line| line.strip_prefix("a=crypto:"));
    let ours = Crypto::parse(line.expect("a key is offered")).expect("it can be read");
    let theirs_key = Crypto::new(ours.tag, SrtpKey::new(ours.key.suite, MasterKey::new([9; 30])));
    let offered: u16 = invite
        .body()
        .split_once("m=audio ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .expect("a port is offered");
    let mut theirs = rig.media.open(rig.ids().make(LegId::new)).expect("there is a port");
    let port = theirs.local().port();
    let description = sdp("8 101").replace("m=audio 9 RTP/AVP", &format!("m=audio {port} RTP/SAVP"));
    let description = format!("{description}a=crypto:{theirs_key}\r\n");
    theirs.start_protected(
        StreamConfig::new(Codec::Pcma, 7),
        Remote::new(SocketAddr::from(([127, 0, 0, 1], offered))),
        SrtpKeys {
            send: theirs_key.key.clone(),
            receive: ours.key,
        },
    );
    far.pick_up(&invite, &description).await;
    call.until("answered PCMA").await;
    call.tell(LegCommand::SendDigits {
        digits: "7".parse().expect("digits"),
    })
    .await;
    loop {
        if let Some(MediaEvent::Digit { digit, .. }) = theirs.event().await {
            assert_eq!(digit.as_char(), '7');
            break;
        }
    }
    theirs.send_digits("5".parse().expect("digits"));
    call.until("digit 5 rtp").await;
    call.hang_up(Outcome::Completed).await;
    let bye = far.hears("BYE ").await;
    far.answer(&bye, "200 OK", &[], "").await;
    let (_, end) = call.end().await;
    assert!(
        end.trace.iter().all(|message| !message.text.contains("inline:")),
        "no key is in the trace"
    );
}

#[tokio::test]
async fn a_far_side_that_protects_nothing_is_refused_where_it_has_to() {
    let (_rig, mut far, call, invite) = ringing(|config| config.trunks[0].srtp = Srtp::Require).await;
    far.pick_up(&invite, &sdp("0 101")).await;
    far.hears("BYE ").await;
    let (words, end) = call.end().await;
    assert_eq!(last(&words), "ended failed system 0");
    assert!(end.ending.reason.contains("does not protect"), "{}", end.ending.reason);
}
