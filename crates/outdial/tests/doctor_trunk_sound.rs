//! `outdial doctor TRUNK` judges sound by a real call: how loud it is, how late, and which way it goes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examined;
mod program;

use std::time::Duration;

use examined::{CALL, examined, finding, is_not_known, is_wrong, number_before, verdict};
use outdial_handset::{HandsetSet, Network, Phone, Sound};
use outdial_testkit::peers::{Asterisk, Peer, require};
use serde_json::Value;

/// What the doctor says of a trunk to phones like this, with a call to one.
async fn with_phone(phone: Phone) -> Value {
    let handsets = HandsetSet::start("127.0.0.1:0".parse().unwrap(), phone.into(), None)
        .await
        .unwrap();
    let (_, report) = examined(&format!("port = {}\n", handsets.address().port()), &CALL).await;
    handsets.shutdown().await;
    report
}

#[tokio::test]
async fn an_echo_tells_level_and_delay() {
    let at_once = with_phone(Phone::answering("*").echo(0.0)).await;
    assert!(
        finding(&at_once, "sound from it").0 && finding(&at_once, "delay").0,
        "{at_once:#}"
    );
    // The delay is that of the network twice, beside what an echo at once takes.
    let network = Network::delaying(Duration::from_millis(80));
    let late = with_phone(Phone::answering("*").echo(-6.0).network(network)).await;
    let delay = |report| number_before(report, "delay", " ms there and back");
    let difference = delay(&late) - delay(&at_once);
    assert!((140.0..=180.0).contains(&difference), "{difference}: {late:#}");
    let level = |report| number_before(report, "sound from it", " dBFS");
    let difference = level(&at_once) - level(&late);
    assert!((5.0..7.0).contains(&difference), "{difference}: {late:#}");
    // A whole second is too late for people, and far beyond what packets say of it.
    let network = Network::delaying(Duration::from_millis(500));
    let report = with_phone(Phone::answering("*").echo(0.0).network(network)).await;
    is_wrong(&report, "delay", "talk at the same time");
}

#[tokio::test]
async fn sound_that_is_too_quiet_or_missing_is_found() {
    let quiet = with_phone(Phone::answering("*").echo(-30.0)).await;
    is_wrong(&quiet, "sound from it", "too quiet");
    assert!(
        (-53.0..-47.0).contains(&number_before(&quiet, "sound from it", " dBFS")),
        "{quiet:#}"
    );
    assert!(finding(&quiet, "sound to it").0, "it hears us all the same: {quiet:#}");
    let silent = with_phone(Phone::answering("*")).await;
    is_wrong(&silent, "sound from it", "silence");
    is_not_known(&silent, "delay", "echoes");
    let mute = with_phone(Phone::answering("*").mute()).await;
    is_wrong(&mute, "sound from it", "firewall");
}

#[tokio::test]
async fn a_voice_without_an_echo_tells_one_way_only() {
    let speaking = Sound::Murmur(Duration::from_secs(20));
    let report = with_phone(Phone::answering("*").play(speaking)).await;
    assert!(finding(&report, "sound from it").0, "{report:#}");
    assert_ne!(verdict(&report, "sound to it"), "wrong", "{report:#}");
    assert!(!finding(&report, "sound to it").1.contains("comes back"), "{report:#}");
    is_not_known(&report, "delay", "echoes");
}

/// A trunk to Asterisk, whose extension 101 echoes, and which challenges those who call 7 before it.
fn asterisk(peer: &Asterisk, password: &str) -> String {
    format!(
        "port = {}\nusername = \"{}\"\npassword = \"{password}\"\n",
        peer.address().port(),
        Asterisk::USER
    )
}

#[tokio::test]
async fn an_echo_comes_back_and_all_is_well() {
    if !require(Peer::Asterisk) {
        return;
    }
    let peer = Asterisk::shared().await.unwrap();
    let (code, report) = examined(&asterisk(&peer, Asterisk::SECRET), &["--call", "7101"]).await;
    assert_eq!(code, 0, "{report:#}");
    assert!(
        finding(&report, "sound to it").1.contains("it comes back"),
        "{report:#}"
    );
    for check in ["sound from it", "nat", "nat of its sound", "delay"] {
        assert!(finding(&report, check).0, "{report:#}");
    }
    // What an echo on this machine takes is our jitter buffer and a frame or two on each side.
    let delay = number_before(&report, "delay", " ms there and back");
    assert!((20.0..250.0).contains(&delay), "{report:#}");
    let sent = number_before(&report, "sound to it", " dBFS");
    let heard = number_before(&report, "sound from it", " dBFS");
    assert!(
        (sent - heard).abs() < 1.0 && (-30.0..-10.0).contains(&heard),
        "{report:#}"
    );
}

#[tokio::test]
async fn a_password_that_is_wrong_is_found() {
    if !require(Peer::Asterisk) {
        return;
    }
    let peer = Asterisk::shared().await.unwrap();
    let (code, report) = examined(&asterisk(&peer, "wrong"), &["--call", "7101"]).await;
    assert_eq!(code, 1, "{report:#}");
    is_wrong(&report, "test call", "password");
}
