//! What may change within a call: re-INVITE, a late offer, requests in the dialog.

use outdial_handset::{EndedBy, EventKind, Phone};
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::sip::Header;

use crate::caller::{Caller, NUMBER, hear, soon, start};

fn sdp() -> Option<Vec<Header>> {
    Some(vec![Header::ContentType("application/sdp".into())])
}

#[tokio::test]
async fn a_re_invite_moves_the_media() {
    let handsets = start(Phone::answering(NUMBER)).await;
    let caller = Caller::new().await;
    let call = caller.call(&handsets.uri(NUMBER)).await;
    hear(&caller.rtp).await;
    let elsewhere = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    let before = caller.rtp.local_addr().unwrap().port();
    let offer = caller
        .offer("0 101")
        .replace(&format!("m=audio {before} "), &format!("m=audio {port} "));
    let answer = soon(Box::pin(call.dialog.reinvite(sdp(), Some(offer.into_bytes()))))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.status_code.code(), 200);
    let answer = String::from_utf8(answer.body).unwrap();
    let media = |text: &str| text.lines().find(|line| line.starts_with("m=")).map(str::to_owned);
    assert_eq!(media(&answer), media(&call.body()), "the phone stays where it is");
    hear(&elsewhere).await;
    assert_eq!(soon(handsets.wait_for(NUMBER, EventKind::Changed)).await.ring, 1);

    let unfit = caller.offer("18");
    let answer = soon(Box::pin(call.dialog.reinvite(sdp(), Some(unfit.into_bytes()))))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.status_code.code(), 488);
    call.hang_up().await;
    assert_eq!(soon(handsets.finished(NUMBER)).await.ended_by, EndedBy::FarSide);
    assert_eq!(handsets.rings(NUMBER).count, 1, "a re-INVITE is no ring");
}

#[tokio::test]
async fn an_invite_without_an_offer_gets_one() {
    let handsets = start(Phone::answering(NUMBER)).await;
    let caller = Caller::new().await;
    let invite = InviteOption {
        offer: None,
        content_type: None,
        ..caller.invite(&handsets.uri(NUMBER))
    };
    let call = caller.place(invite).await;
    assert!(call.body().contains("RTP/AVP 0 101"), "{}", call.body());
    call.hang_up().await;
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!(heard.ended_by, EndedBy::FarSide);
}

#[tokio::test]
async fn requests_in_the_dialog_are_answered() {
    let handsets = start(Phone::answering(NUMBER)).await;
    let caller = Caller::new().await;
    let call = caller.call(&handsets.uri(NUMBER)).await;
    soon(handsets.wait_for(NUMBER, EventKind::Acknowledged)).await;
    let answer = soon(Box::pin(call.dialog.options(None))).await.unwrap().unwrap();
    assert_eq!(answer.status_code.code(), 200);
    let answer = soon(Box::pin(call.dialog.update(None, None))).await.unwrap().unwrap();
    assert_eq!(answer.status_code.code(), 200);
    let answer = soon(Box::pin(call.dialog.refer("<sip:1@127.0.0.1>", None, None)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.status_code.code(), 603);
    call.hang_up().await;
    soon(handsets.finished(NUMBER)).await;
}
