//! How a phone meets a call: each way of `then`, seen from the caller and in what the phones tell.

use std::time::Duration;

use crate::caller::{Caller, NUMBER, soon, start};
use outdial_handset::{Behaviour, EndedBy, EventKind, Phone, Script};
use rsipstack::dialog::invitation::InviteOption;

#[tokio::test]
async fn an_answered_call_is_told_from_its_invite_to_its_end() {
    let handsets = start(Phone::answering(NUMBER).ring(Duration::from_millis(50))).await;
    let caller = Caller::new().await;
    let call = caller.call(&handsets.uri(NUMBER)).await;
    assert_eq!(call.code(), 200);
    assert!(
        call.body().contains("a=rtpmap:101 telephone-event/8000"),
        "{}",
        call.body()
    );
    soon(handsets.wait_for(NUMBER, EventKind::Acknowledged)).await;
    call.hang_up().await;
    let heard = soon(handsets.finished(NUMBER)).await;

    assert_eq!(heard.ended_by, EndedBy::FarSide);
    assert_eq!(heard.from, "+6561234567");
    assert_eq!(heard.ring, 1);
    assert_eq!(heard.header("call-id"), Some(heard.call_id.as_str()));
    assert!(heard.answered_at.unwrap() >= heard.invited_at && heard.ended_at >= heard.answered_at.unwrap());
    assert_eq!(heard.problems, [""; 0]);
    let kinds: Vec<EventKind> = handsets.events().into_iter().map(|event| event.kind).collect();
    let expected = [
        EventKind::Invite {
            from: "+6561234567".into(),
        },
        EventKind::Ringing,
        EventKind::Answered,
        EventKind::Acknowledged,
        EventKind::Bye,
        EventKind::Ended { by: EndedBy::FarSide },
    ];
    assert_eq!(kinds, expected);
    let rings = handsets.rings(NUMBER);
    assert_eq!((rings.count, rings.call_ids), (1, vec![heard.call_id]));
    handsets.shutdown().await;
}

#[tokio::test]
async fn each_refusal_has_its_status() {
    let phones = [
        (Phone::busy("1"), 486),
        (Phone::rejecting("2", 603), 603),
        (Phone::rejecting("3", 404).ring(Duration::from_millis(20)), 404),
        (Phone::redirecting("4", "sip:1@127.0.0.1:5070"), 302),
    ];
    let script = phones
        .iter()
        .fold(Script::new(), |script, (phone, _)| script.phone(phone.clone()));
    let handsets = start(script).await;
    let caller = Caller::new().await;
    for (phone, code) in &phones {
        let call = caller.call(&handsets.uri(&phone.number)).await;
        assert_eq!(call.code(), *code, "{}", phone.number);
        if *code == 302 {
            let text = call.response.to_string();
            assert!(text.contains("Contact: <sip:1@127.0.0.1:5070>"), "{text}");
        }
        let heard = soon(handsets.finished(&phone.number)).await;
        assert_eq!(heard.ended_by, EndedBy::Refused(*code));
        assert_eq!(heard.problems, [""; 0]);
    }
    assert_eq!(caller.call(&handsets.uri("5")).await.code(), 404);
    assert_eq!(handsets.rings("5").count, 0, "nobody has this number");
    assert_eq!(handsets.all_rings(), 4);
}

#[tokio::test]
async fn repeated_calls_are_met_one_after_the_other() {
    let phone = Phone::answering(NUMBER)
        .first(Behaviour::busy())
        .first(Behaviour::reject(480))
        .hang_up();
    let handsets = start(phone).await;
    let caller = Caller::new().await;
    for code in [486, 480, 200, 200] {
        assert_eq!(caller.call(&handsets.uri(NUMBER)).await.code(), code);
    }
    let last = soon(handsets.nth_finished(NUMBER, 4)).await;
    assert_eq!((last.ended_by, last.ring), (EndedBy::Phone, 4));
    let call_ids = handsets.rings(NUMBER).call_ids;
    assert_eq!(call_ids.len(), 4);
    assert!(call_ids.windows(2).all(|pair| pair[0] != pair[1]));
}

#[tokio::test]
async fn a_caller_that_gives_up_is_let_go() {
    for phone in [
        Phone::never_answering(NUMBER),
        Phone::new(NUMBER, Behaviour::early_media()),
    ] {
        let early = !phone.behaviour.early.is_empty();
        let handsets = start(phone).await;
        let caller = Caller::new().await;
        let (states, _inbox) = caller.dialogs.new_dialog_state_channel();
        let (dialog, result) = caller
            .dialogs
            .do_invite_async(caller.invite(&handsets.uri(NUMBER)), states)
            .unwrap();
        let ringing = if early {
            EventKind::EarlyMedia
        } else {
            EventKind::Ringing
        };
        soon(handsets.wait_for(NUMBER, ringing)).await;
        if early {
            // The ringback tone comes before any answer.
            crate::caller::hear(&caller.rtp).await;
        } else {
            soon(async {
                while !matches!(dialog.state(), rsipstack::dialog::dialog::DialogState::Early(..)) {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        soon(Box::pin(dialog.cancel())).await.unwrap();
        let (_, response) = soon(result).await.unwrap().unwrap();
        assert_eq!(response.unwrap().status_code.code(), 487);
        assert_eq!(soon(handsets.finished(NUMBER)).await.ended_by, EndedBy::Canceled);
    }
}

#[tokio::test]
async fn a_silent_phone_replies_to_nothing() {
    let handsets = start(Phone::silent(NUMBER)).await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let local = socket.local_addr().unwrap();
    let message = |method: &str, number: &str| {
        format!(
            "{method} sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {number}\r\nCSeq: 1 {method}\r\nContact: <sip:a@{local}>\r\nContent-Length: 0\r\n\r\n"
        )
    };
    for text in [
        message("INVITE", NUMBER),
        message("INVITE", NUMBER),
        message("CANCEL", NUMBER),
        message("OPTIONS", "7"),
    ] {
        socket.send_to(text.as_bytes(), handsets.address()).await.unwrap();
    }
    // The first thing that comes back is what was asked last.
    let reply = String::from_utf8(crate::caller::hear(&socket).await).unwrap();
    assert!(
        reply.starts_with("SIP/2.0 200") && reply.contains("CSeq: 1 OPTIONS"),
        "{reply}"
    );
    assert!(reply.contains("Allow: INVITE, ACK"), "{reply}");
    assert_eq!(handsets.rings(NUMBER).count, 1, "a retransmission is no ring");
    assert_eq!(soon(handsets.finished(NUMBER)).await.ended_by, EndedBy::Silent);
}

#[tokio::test]
async fn a_challenge_wants_the_right_user_and_password() {
    use outdial_handset::Challenge;
    for unauthorized in [false, true] {
        let mut challenge = Challenge::new("trunk", "secret");
        if unauthorized {
            challenge = challenge.unauthorized();
        }
        let handsets = start(Phone::answering(NUMBER).challenge(challenge).hang_up()).await;
        let caller = Caller::new().await;
        let uri = handsets.uri(NUMBER);
        let code = if unauthorized { 401 } else { 407 };
        assert_eq!(caller.call(&uri).await.code(), code);
        assert_eq!(caller.call_as(&uri, "trunk", "wrong").await.code(), code);
        assert_eq!(caller.call_as(&uri, "other", "secret").await.code(), code);
        assert_eq!(handsets.rings(NUMBER).count, 0, "it did not ring for them");
        assert_eq!(caller.call_as(&uri, "trunk", "secret").await.code(), 200);
        soon(handsets.finished(NUMBER)).await;
        assert_eq!(handsets.rings(NUMBER).count, 1);
    }
}

#[tokio::test]
async fn an_offer_without_a_known_codec_is_not_acceptable() {
    let handsets = start(Phone::answering(NUMBER)).await;
    let caller = Caller::new().await;
    let offer = Some(caller.offer("18 3").into_bytes());
    let invite = InviteOption {
        offer,
        ..caller.invite(&handsets.uri(NUMBER))
    };
    assert_eq!(caller.place(invite).await.code(), 488);
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!(heard.ended_by, EndedBy::Refused(488));
    assert!(heard.problems[0].contains("PCMU or PCMA"), "{:?}", heard.problems);
}

#[tokio::test]
async fn a_shutdown_hangs_up() {
    let handsets = start(Phone::answering(NUMBER)).await;
    let caller = Caller::new().await;
    let mut call = caller.call(&handsets.uri(NUMBER)).await;
    soon(handsets.wait_for(NUMBER, EventKind::Acknowledged)).await;
    let mut finished = handsets.subscribe();
    handsets.shutdown().await;
    assert_eq!(finished.recv().await.unwrap().ended_by, EndedBy::Shutdown);
    assert_eq!(call.next_info().await, None, "the phone's BYE came");
}

#[tokio::test]
async fn a_phone_hangs_up_when_it_is_told() {
    let handsets = start(Script::new().phone(Phone::answering("1*"))).await;
    let caller = Caller::new().await;
    let mut call = caller.call(&handsets.uri("11")).await;
    let other = caller.call(&handsets.uri("12")).await;
    soon(handsets.wait_for("12", EventKind::Acknowledged)).await;
    handsets.hang_up("11");
    assert_eq!(call.next_info().await, None);
    assert_eq!(soon(handsets.finished("11")).await.ended_by, EndedBy::Phone);
    other.hang_up().await;
    assert_eq!(soon(handsets.finished("12")).await.ended_by, EndedBy::FarSide);
}
