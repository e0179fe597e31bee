//! A far side of a test's own that was rung.

use outdial_domain::Outcome;

use super::{
    Call, Rig,
    far::{Far, Message},
    rig,
};

/// A far side that was rung, the call, and its INVITE.
pub(crate) async fn rung() -> (Rig, Far, Call, Message) {
    let mut far = Far::listen().await;
    let rig = rig(far.address());
    let mut call = rig.ring().await;
    call.until("sent").await;
    let invite = far.hears("INVITE ").await;
    (rig, far, call, invite)
}

/// It goes on: the far side is answered, and we can hang up.
pub(crate) async fn goes_on(rig: &Rig, far: &mut Far, call: Call, invite: &Message, number: u32) {
    assert_eq!(rig.carrier.live(), 1);
    far.send(&far.request(invite, "OPTIONS", number, &[], "")).await;
    loop {
        let answer = far.hears("SIP/2.0 ").await;
        if answer.header("CSeq") == format!("{number} OPTIONS") {
            assert!(answer.is("SIP/2.0 200"), "{}", answer.0);
            break;
        }
    }
    call.hang_up(Outcome::Completed).await;
    let bye = far.hears("BYE ").await;
    far.answer(&bye, "200 OK", &[], "").await;
    let (words, _) = call.end().await;
    assert_eq!(words.last().map(String::as_str), Some("ended completed flow 0"));
    assert_eq!(rig.carrier.live(), 0);
}
