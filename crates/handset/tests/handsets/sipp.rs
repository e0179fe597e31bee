//! The phones against SIPp, which shares no line of code with them.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use outdial_handset::{EndedBy, Phone};
use tokio::process::Command;

use crate::caller::{NUMBER, soon, start};

/// Runs SIPp as a caller of a number and asserts that its scenario went to its end.
async fn sipp(target: std::net::SocketAddr, number: &str, scenario: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let errors = directory.path().join("errors.log");
    let command = Command::new("sipp")
        .args(scenario)
        .args([
            "-i",
            "127.0.0.1",
            "-p",
            &free.to_string(),
            "-s",
            number,
            "-m",
            "1",
            "-nostdin",
        ])
        .args(["-trace_err", "-error_file"])
        .arg(&errors)
        .args(["-timeout", "15s", "-timeout_error", "-recv_timeout", "10000"])
        .arg(target.to_string())
        .current_dir(directory.path())
        .env("TERM", "dumb")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = soon(command).await.expect("sipp is installed (Debian: sip-tester)");
    let errors = std::fs::read_to_string(errors).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "sipp: {}\n{said}\n{errors}", output.status);
}

fn scenario(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/handsets/sipp")
        .join(name);
    path.to_string_lossy().into_owned()
}

#[tokio::test]
async fn the_usual_caller_is_answered() {
    let handsets = start(Phone::answering(NUMBER).ring(Duration::from_millis(50))).await;
    sipp(handsets.address(), NUMBER, &["-sn", "uac", "-d", "200"]).await;
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!((heard.ended_by, heard.problems.len()), (EndedBy::FarSide, 0));
    assert_eq!(handsets.rings(NUMBER).count, 1);
}

#[tokio::test]
async fn a_cancel_is_answered_and_ends_the_call() {
    let handsets = start(Phone::never_answering(NUMBER)).await;
    sipp(handsets.address(), NUMBER, &["-sf", &scenario("cancel.xml")]).await;
    assert_eq!(soon(handsets.finished(NUMBER)).await.ended_by, EndedBy::Canceled);
}

#[tokio::test]
async fn a_phone_that_hangs_up_says_bye() {
    let handsets = start(Phone::answering(NUMBER).wait(Duration::from_millis(100)).hang_up()).await;
    sipp(handsets.address(), NUMBER, &["-sf", &scenario("bye-from-phone.xml")]).await;
    assert_eq!(soon(handsets.finished(NUMBER)).await.ended_by, EndedBy::Phone);
}

#[tokio::test]
async fn a_second_invite_with_another_call_id_is_a_second_ring() {
    let handsets = start(Phone::busy(NUMBER)).await;
    for _ in 0..2 {
        sipp(handsets.address(), NUMBER, &["-sf", &scenario("refused.xml")]).await;
    }
    soon(handsets.nth_finished(NUMBER, 2)).await;
    let rings = handsets.rings(NUMBER);
    assert_eq!(rings.count, 2);
    assert_ne!(rings.call_ids[0], rings.call_ids[1]);
}

#[tokio::test]
async fn a_challenge_is_met_by_digest() {
    let challenge = outdial_handset::Challenge::new("trunk", "secret");
    for challenge in [challenge.clone(), challenge.unauthorized()] {
        let file = if challenge.status == 401 { "401.xml" } else { "407.xml" };
        let handsets = start(Phone::answering(NUMBER).challenge(challenge)).await;
        sipp(
            handsets.address(),
            NUMBER,
            &["-sf", &scenario(file), "-au", "trunk", "-ap", "secret"],
        )
        .await;
        assert_eq!(soon(handsets.finished(NUMBER)).await.ended_by, EndedBy::FarSide);
        assert_eq!(handsets.rings(NUMBER).count, 1);
    }
}
