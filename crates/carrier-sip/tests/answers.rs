//! Answers that are too many, too long or too late, and calls that nobody answers.

mod rig;

use std::time::Duration;

use outdial_domain::Outcome;

use crate::rig::{
    far::{Message, sdp},
    rung::{goes_on, rung},
};

/// The answer of one of several phones.
fn answer_of(invite: &Message, tag: &str, contact: &str, headers: &str, body: &str) -> String {
    let names = ["Via", "From", "Call-ID", "CSeq"];
    let lines: String = names
        .map(|name| format!("{name}: {}\r\n", invite.header(name)))
        .concat();
    format!(
        "SIP/2.0 200 OK\r\n{lines}To: {};tag={tag}\r\n{contact}\r\n{headers}Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        invite.header("To"),
        body.len()
    )
}

#[tokio::test]
async fn three_hundred_phones_that_answer_are_hung_up_on_but_for_one() {
    const PHONES: usize = 300;
    let (rig, mut far, mut call, invite) = rung().await;
    far.pick_up(&invite, &sdp("0 101")).await;
    far.hears("ACK ").await;
    call.until("answered").await;
    let mut left: std::collections::HashSet<String> = (0..PHONES).map(|phone| format!("phone{phone}")).collect();
    let mut acknowledged = std::collections::HashSet::new();
    let tags: Vec<String> = left.iter().cloned().collect();
    // No more at a time than the kernel keeps of what comes back.
    for some in tags.chunks(20) {
        for tag in some {
            far.send(&answer_of(&invite, tag, &far.contact(), "", &sdp("0 101")))
                .await;
        }
        while some.iter().any(|tag| left.contains(tag)) {
            let message = far.next().await;
            let message = message.unwrap_or_else(|| panic!("{} are not hung up on", left.len()));
            let to = message.header("To").to_owned();
            let tag = to.split_once(";tag=").map_or("", |(_, tag)| tag);
            if message.is("BYE ") {
                left.remove(tag);
                far.answer(&message, "200 OK", &[], "").await;
            } else if message.is("ACK ") {
                acknowledged.insert(tag.to_owned());
            }
        }
    }
    assert_eq!(acknowledged.len(), PHONES);
    goes_on(&rig, &mut far, call, &invite, 2).await;
}

#[tokio::test]
async fn an_answer_that_is_too_long_ends_its_call_with_the_reason() {
    let (rig, mut far, call, invite) = rung().await;
    let body = sdp("0 101") + &"a=x:long\r\n".repeat(6_000);
    far.send(&answer_of(&invite, "far", &far.contact(), "", &body)).await;
    far.hears("ACK ").await;
    let bye = far.hears("BYE ").await;
    far.answer(&bye, "200 OK", &[], "").await;
    let (_, end) = call.end().await;
    assert_eq!(end.ending.outcome, Outcome::Failed);
    let reason = &end.ending.reason;
    assert!(
        reason.contains("octets is longer than what is read over UDP") && reason.contains("TCP"),
        "{reason}"
    );
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn an_answer_that_is_long_by_what_nobody_needs_is_taken() {
    let (rig, mut far, mut call, invite) = rung().await;
    let junk = format!("X-Junk: {}\r\n", "x".repeat(30_000));
    far.send(&answer_of(&invite, "far", &far.contact(), &junk, &sdp("0 101")))
        .await;
    far.hears("ACK ").await;
    call.until("answered").await;
    goes_on(&rig, &mut far, call, &invite, 2).await;
}

#[tokio::test]
async fn a_request_that_is_too_long_is_told_so() {
    let (rig, mut far, mut call, invite) = rung().await;
    far.pick_up(&invite, &sdp("0 101")).await;
    far.hears("ACK ").await;
    call.until("answered").await;
    let long = "x".repeat(20_000);
    far.send(&far.request(&invite, "INFO", 2, &["Content-Type: text/plain"], &long))
        .await;
    far.hears("SIP/2.0 513 ").await;
    goes_on(&rig, &mut far, call, &invite, 3).await;
}

#[tokio::test]
async fn who_says_nothing_does_not_keep_a_leg_beyond_its_ringing() {
    let (rig, mut far, call, invite) = rung().await;
    let begun = std::time::Instant::now();
    call.hang_up(Outcome::NoAnswer).await;
    let (words, end) = call.end().await;
    // T1 is half a second: four of them, and not the 32 s for which a response may still come.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(
        words.last().is_some_and(|last| last.starts_with("ended no_answer")),
        "{words:?}"
    );
    assert!(end.ending.reason.contains("may have rung"), "{}", end.ending.reason);
    // It is still seen to: who answers after all is hung up on.
    far.pick_up(&invite, &sdp("0 101")).await;
    far.hears("ACK ").await;
    let bye = far.hears("BYE ").await;
    far.answer(&bye, "200 OK", &[], "").await;
    drop(rig);
}

#[tokio::test]
async fn who_rings_on_after_the_call_was_given_up_is_cancelled_and_does_not_keep_the_leg() {
    let (rig, mut far, mut call, invite) = rung().await;
    far.answer(&invite, "180 Ringing", &[], "").await;
    call.until("ringing 180").await;
    let begun = std::time::Instant::now();
    call.hang_up(Outcome::NoAnswer).await;
    far.hears("CANCEL ").await;
    let (_, end) = call.end().await;
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    assert_eq!(end.ending.outcome, Outcome::NoAnswer);
    drop(rig);
}

#[tokio::test]
async fn a_description_that_cannot_be_read_is_shown() {
    for (body, says) in [
        ("v=0\r\no=far\r\ns=-\r\n", "line 2, `o=far`, is not as RFC 8866 has it"),
        ("v=1\r\n", "line 1, `v=1`"),
        ("hello\r\n", "cannot be read"),
    ] {
        let (_rig, mut far, call, invite) = rung().await;
        far.pick_up(&invite, body).await;
        let bye = far.hears("BYE ").await;
        far.answer(&bye, "200 OK", &[], "").await;
        let (_, end) = call.end().await;
        assert!(end.ending.reason.contains(says), "{}", end.ending.reason);
    }
}
