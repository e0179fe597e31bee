//! Calls that come in over trunks.

mod rig;

use std::{net::SocketAddr, time::Duration};

use outdial_carrier_sip::SipConfig;
use outdial_domain::{EndedBy, Ending, Outcome};
use outdial_engine::ports::{IncomingLeg, LegCommand, VoiceCarrier};
use outdial_testkit::peers::{Sipp, SippBuilder};
use tokio::sync::mpsc;

use crate::rig::{
    Call, Rig,
    far::{Far, Message, sdp},
    rig_with, trunk,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A carrier whose trunk `far` is everybody on this machine, and its calls.
fn taking(change: impl FnOnce(&mut SipConfig)) -> (Rig, mpsc::Receiver<IncomingLeg>) {
    let rig = rig_with(|config| {
        let mut far = trunk(SocketAddr::from(([192, 0, 2, 1], 5060)));
        far.accept_from = vec!["127.0.0.1".parse().expect("an address")];
        config.trunks = vec![far];
        change(config);
    });
    let calls = rig.carrier.incoming().expect("calls come in");
    assert!(rig.carrier.incoming().is_none(), "they are handed out once");
    (rig, calls)
}

async fn next(calls: &mut mpsc::Receiver<IncomingLeg>) -> (Call, String) {
    let call = tokio::time::timeout(PATIENCE, calls.recv()).await;
    let IncomingLeg {
        trunk,
        from,
        to,
        handle,
        ..
    } = call.expect("a call comes in").expect("the carrier lives");
    let from = from.map_or_else(|| "nobody".to_owned(), |from| from.to_string());
    (Call::of(handle), format!("{trunk}: {from} calls {to}"))
}

fn caller(scenario: &str, rig: &Rig) -> SippBuilder {
    Sipp::uac(scenario, rig.carrier.local_addr())
        .option("-s")
        .option("+6561234567")
}

async fn hang_up(call: &Call, outcome: Outcome) {
    let ending = Ending::new(outcome, EndedBy::Flow, "the test is over");
    call.tell(LegCommand::HangUp { ending }).await;
}

#[tokio::test]
async fn s28_a_call_is_answered_and_talked_to() {
    let (rig, mut calls) = taking(|_| {});
    let sipp = caller("28-incoming.xml", &rig).start().await.expect("SIPp starts");
    let (mut call, who) = next(&mut calls).await;
    assert_eq!(who, "far: +6591112222 calls +6561234567");
    call.tell(LegCommand::Answer).await;
    call.until("answered PCMU 8000").await;
    call.play(300).await;
    hang_up(&call, Outcome::Completed).await;
    let (words, end) = call.end().await;
    assert_eq!(
        words,
        ["answered PCMU 8000", "played 1", "ended completed flow 0"],
        "{:?}",
        end.ending
    );
    sipp.wait().await.expect("SIPp ends").assert_success();
    let lines: Vec<_> = end
        .trace
        .iter()
        .map(|message| {
            let start = message.text.lines().next().unwrap_or_default();
            (message.sent, start.split(" sip:").next().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        lines[..2],
        [(false, "INVITE"), (true, "SIP/2.0 100 Trying")],
        "{lines:?}"
    );
    for told in [
        (true, "SIP/2.0 200 OK"),
        (false, "ACK"),
        (true, "BYE"),
        (false, "SIP/2.0 200 OK"),
    ] {
        assert!(lines.contains(&told), "{told:?} is not in {lines:?}");
    }
    assert_eq!(
        end.trace[0].text.matches(";tag=").count(),
        1,
        "as it came: {}",
        end.trace[0].text
    );
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn s27_a_late_offer_is_ours() {
    let (rig, mut calls) = taking(|_| {});
    let sipp = caller("27-late-offer.xml", &rig).start().await.expect("SIPp starts");
    let (mut call, _) = next(&mut calls).await;
    call.tell(LegCommand::Answer).await;
    call.until("answered PCMU 8000").await;
    hang_up(&call, Outcome::Completed).await;
    call.end().await;
    sipp.wait().await.expect("SIPp ends").assert_success();
}

#[tokio::test]
async fn s29_a_refused_call_hears_why() {
    let (rig, mut calls) = taking(|_| {});
    let sipp = caller("29-incoming-refused.xml", &rig)
        .start()
        .await
        .expect("SIPp starts");
    let (call, _) = next(&mut calls).await;
    hang_up(&call, Outcome::InvalidNumber).await;
    let (words, _) = call.end().await;
    assert_eq!(words, ["ended invalid_number flow 0"]);
    sipp.wait().await.expect("SIPp ends").assert_success();
}

#[tokio::test]
async fn s29_a_stranger_is_refused() {
    let (rig, mut calls) = taking(|config| config.trunks[0].accept_from.clear());
    let sipp = caller("29-incoming-from-a-stranger.xml", &rig)
        .start()
        .await
        .expect("SIPp starts");
    sipp.wait().await.expect("SIPp ends").assert_success();
    assert!(calls.try_recv().is_err());
}

/// An INVITE of somebody who calls.
fn invite(far: &Far, us: SocketAddr, number: u32, headers: &str, body: &str) -> String {
    let here = far.address();
    format!(
        "INVITE sip:100@{us} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKinvite{number};rport\r\n\
         From: <sip:+6591112222@{here}>;tag=far\r\nTo: <sip:100@{us}>\r\nCall-ID: call@{here}\r\n\
         CSeq: {number} INVITE\r\nContact: <sip:far@{here}>\r\nMax-Forwards: 70\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A request of the caller after ours.
fn after(far: &Far, us: SocketAddr, answer: &Message, start: &str, number: u32, headers: &str) -> String {
    let method = start;
    let here = far.address();
    let to = answer.header("To");
    format!(
        "{method} sip:outdial@{us} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{number};rport\r\n\
         From: <sip:+6591112222@{here}>;tag=far\r\nTo: {to}\r\nCall-ID: call@{here}\r\nCSeq: {number} {method}\r\n\
         Max-Forwards: 70\r\n{headers}Content-Length: 0\r\n\r\n"
    )
}

#[tokio::test]
async fn a_caller_who_gives_up_ends_the_leg() {
    let (rig, mut calls) = taking(|_| {});
    let us = rig.carrier.local_addr();
    let mut far = Far::listen().await;
    let invite = invite(&far, us, 1, "Content-Type: application/sdp\r\n", &sdp("0 101"));
    far.send_to(us, &invite).await;
    far.hears("SIP/2.0 100").await;
    far.hears("SIP/2.0 180").await;
    let (call, _) = next(&mut calls).await;
    far.send(
        &invite
            .replace("INVITE sip", "CANCEL sip")
            .replace("1 INVITE", "1 CANCEL")
            .split("Content-Type")
            .next()
            .map(|head| format!("{head}Content-Length: 0\r\n\r\n"))
            .unwrap_or_default(),
    )
    .await;
    far.hears("SIP/2.0 200").await;
    far.hears("SIP/2.0 487").await;
    let (words, _) = call.end().await;
    assert_eq!(words, ["ended canceled callee 0"]);
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn ringing_is_acknowledged_where_the_caller_wants_that() {
    let (rig, mut calls) = taking(|config| config.t1 = Duration::from_millis(100));
    let us = rig.carrier.local_addr();
    let mut far = Far::listen().await;
    let typed = "Require: 100rel\r\nContent-Type: application/sdp\r\n";
    let invite = invite(&far, us, 7, typed, &sdp("0 101"));
    far.send_to(us, &invite).await;
    let rings = far.hears("SIP/2.0 180").await;
    assert!(rings.header("Require").contains("100rel"));
    let again = far.hears("SIP/2.0 180").await;
    let number = again.header("RSeq").to_owned();
    assert_eq!(rings.header("RSeq"), number);
    far.send(&after(&far, us, &rings, "PRACK", 8, "RAck: 9999 7 INVITE\r\n"))
        .await;
    far.hears("SIP/2.0 481").await;
    far.send(&after(
        &far,
        us,
        &rings,
        "PRACK",
        9,
        &format!("RAck: {number} 7 INVITE\r\n"),
    ))
    .await;
    let taken = far.hears("SIP/2.0 200").await;
    assert_eq!(taken.header("CSeq"), "9 PRACK");
    let (mut call, _) = next(&mut calls).await;
    call.tell(LegCommand::Answer).await;
    let answered = far.hears("SIP/2.0 200").await;
    assert_eq!(answered.header("To"), rings.header("To"));
    far.send(&after(&far, us, &rings, "ACK", 7, "")).await;
    call.until("answered PCMU").await;
    far.send(&after(&far, us, &rings, "BYE", 10, "")).await;
    far.hears("SIP/2.0 200").await;
    let (words, _) = call.end().await;
    assert_eq!(words.last().map(String::as_str), Some("ended completed callee 0"));
}

#[tokio::test]
async fn an_answer_that_is_never_acknowledged_is_taken_back() {
    let (rig, mut calls) = taking(|config| config.t1 = Duration::from_millis(10));
    let us = rig.carrier.local_addr();
    let mut far = Far::listen().await;
    let invite = invite(&far, us, 1, "Content-Type: application/sdp\r\n", &sdp("8"));
    far.send_to(us, &invite).await;
    let (call, _) = next(&mut calls).await;
    call.tell(LegCommand::Answer).await;
    far.hears("SIP/2.0 200").await;
    far.hears("SIP/2.0 200").await;
    far.hears("BYE ").await;
    let (words, _) = call.end().await;
    assert_eq!(words, ["ended failed network 0"]);
}

#[tokio::test]
async fn what_we_cannot_do_is_said_at_once() {
    let (rig, mut calls) = taking(|_| {});
    let us = rig.carrier.local_addr();
    let mut far = Far::listen().await;
    for (number, headers, body, status) in [
        (1, "Require: something\r\n", String::new(), "SIP/2.0 420"),
        (2, "Content-Type: application/sdp\r\n", sdp("18"), "SIP/2.0 488"),
        (
            3,
            "Content-Type: application/sdp\r\n",
            "nonsense".to_owned(),
            "SIP/2.0 488",
        ),
    ] {
        far.send_to(us, &invite(&far, us, number, headers, &body)).await;
        let answer = far.hears(status).await;
        if number == 1 {
            assert_eq!(answer.header("Unsupported"), "something");
        }
        far.send(&after(&far, us, &answer, "ACK", number, "")).await;
    }
    assert!(calls.try_recv().is_err());
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn nobody_takes_calls_so_they_are_told_to_come_later() {
    let (rig, calls) = taking(|_| {});
    drop(calls);
    let us = rig.carrier.local_addr();
    let mut far = Far::listen().await;
    let invite = invite(&far, us, 1, "Content-Type: application/sdp\r\n", &sdp("0"));
    far.send_to(us, &invite).await;
    let answer = far.hears("SIP/2.0 503").await;
    assert_eq!(answer.header("Retry-After"), "2");
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn callers_from_elsewhere_are_asked_who_they_are_where_they_can_show_it() {
    let (rig, mut calls) = taking(|config| {
        config.trunks[0].accept_from.clear();
        config.trunks[0].incoming_login = Some(("provider".into(), "secret".to_owned().into()));
    });
    let us = rig.carrier.local_addr();
    let mut far = Far::listen().await;
    far.send_to(us, &invite(&far, us, 1, "", "")).await;
    let asked = far.hears("SIP/2.0 401").await;
    let challenges: Vec<_> = asked
        .0
        .lines()
        .filter(|line| line.starts_with("WWW-Authenticate: "))
        .collect();
    assert!(
        challenges[0].contains("algorithm=SHA-256") && challenges[1].contains("algorithm=MD5"),
        "{challenges:?}"
    );
    far.send(&after(&far, us, &asked, "ACK", 1, "")).await;
    let nonce = challenges[0]
        .split("nonce=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a nonce");
    let forged = format!(
        "Authorization: Digest username=\"provider\", realm=\"outdial\", nonce=\"{nonce}\", uri=\"sip:100@{us}\", \
         algorithm=SHA-256, qop=auth, cnonce=\"1\", nc=00000001, response=\"{}\"\r\n",
        "0".repeat(64)
    );
    far.send(&invite(&far, us, 2, &forged, "")).await;
    far.hears("SIP/2.0 403").await;
    assert!(calls.try_recv().is_err());
}
