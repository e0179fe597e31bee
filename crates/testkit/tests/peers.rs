//! The peers themselves: SIPp against SIPp, a real Asterisk, and the measure of speech quality.

use outdial_testkit::peers::{Asterisk, Peer, Pesq, Sipp, SippResult, lease_ports, require};
use std::f64::consts::TAU;
use std::path::Path;
use std::time::Duration;

#[tokio::test]
async fn sipp_calls_sipp() {
    if !require(Peer::Sipp) {
        return;
    }
    let callee = Sipp::plain_uas().calls(3).start().await.unwrap();
    let caller = Sipp::plain_uac(callee.address()).calls(3).start().await.unwrap();
    let (caller, callee) = (caller.wait().await.unwrap(), callee.wait().await.unwrap());
    caller.assert_success();
    callee.assert_success();
    assert_eq!(callee.successful, 3);
    assert_eq!((callee.received("INVITE"), callee.received("CANCEL")), (3, 0));
}

#[tokio::test]
async fn a_wrong_caller_fails_a_scenario() {
    if !require(Peer::Sipp) {
        return;
    }
    // SIPp's plain caller offers no telephone events, which our scenarios ask for.
    let callee = Sipp::uas("01-answer.xml")
        .timeout(Duration::from_secs(3))
        .start()
        .await
        .unwrap();
    let _caller = Sipp::plain_uac(callee.address()).start().await.unwrap();
    let callee = callee.wait().await.unwrap();
    assert!(!callee.is_success(), "{callee}");
    assert!(callee.errors.contains("telephone-event"), "{callee}");
}

#[tokio::test]
async fn sipp_nobody_calls_fails_in_its_time() {
    if !require(Peer::Sipp) {
        return;
    }
    let callee = Sipp::uas("04-busy.xml")
        .timeout(Duration::from_secs(1))
        .start()
        .await
        .unwrap();
    let callee = callee.wait().await.unwrap();
    assert!(!callee.is_success(), "{callee}");
    assert_eq!(callee.successful, 0);
}

#[tokio::test]
async fn sipp_says_why_it_does_not_start() {
    if !require(Peer::Sipp) {
        return;
    }
    let broken = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(broken.path(), "<scenario name=\"broken\"><send></scenario>").unwrap();
    let refusal = Sipp::uas(broken.path()).start().await.unwrap_err();
    assert!(format!("{refusal:#}").contains("ended at once"), "{refusal:#}");
}

#[test]
fn credentials_are_checked_with_the_secret() {
    // The example of RFC 2617, 3.5, as a call.
    let messages = "UDP message received [9] bytes :\n\nGET sip:x SIP/2.0\nProxy-Authorization: Digest username=\"Mufasa\", \
        realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, \
        nc=00000001, cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\"\n\n";
    let result = SippResult {
        exit_code: Some(0),
        successful: 1,
        failed: 0,
        errors: String::new(),
        messages: messages.to_owned(),
    };
    assert!(result.credentials_hold("Circle Of Life").unwrap());
    assert!(!result.credentials_hold("another").unwrap());
}

#[test]
fn credentials_of_sha_256_are_checked_beside_md5() {
    // The example of RFC 7616, 3.9.1, as a call.
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let messages = format!(
            "UDP message received [9] bytes :\n\nGET sip:x SIP/2.0\nProxy-Authorization: Digest username=\"Mufasa\", \
             realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\"\n\n"
        );
        let result = SippResult {
            exit_code: Some(0),
            successful: 1,
            failed: 0,
            errors: String::new(),
            messages,
        };
        assert!(result.credentials_hold("Circle of Life").unwrap(), "{algorithm}");
        assert!(!result.credentials_hold("another").unwrap(), "{algorithm}");
        assert_eq!((result.received("GET"), result.received_status(200, "GET")), (1, 0));
    }
}

#[test]
fn leases_do_not_overlap() {
    let leases: Vec<_> = (0..20).map(|_| lease_ports(30).unwrap()).collect();
    let mut ports: Vec<u16> = leases.iter().flat_map(|lease| lease.first()..=lease.last()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 600);
    assert!(leases.iter().all(|lease| lease.first() % 2 == 0));
}

#[tokio::test]
async fn asterisk_answers_its_command_line_and_a_call() {
    if !require(Peer::Asterisk) || !require(Peer::Sipp) {
        return;
    }
    let asterisk = Asterisk::shared().await.unwrap();
    let version = asterisk.cli("core show version").unwrap();
    assert!(version.starts_with("Asterisk "), "{version}");
    assert_eq!(asterisk.digits("4711").unwrap(), None);

    let caller = Sipp::plain_uac(asterisk.address())
        .option("-s")
        .option("101")
        .start()
        .await
        .unwrap();
    caller.wait().await.unwrap().assert_success();

    let caller = Sipp::plain_uac(asterisk.address())
        .option("-s")
        .option("1044711")
        .option("-d")
        .option("500");
    caller.start().await.unwrap().wait().await.unwrap().assert_success();
    assert!(asterisk.recording("4711").exists(), "{}", asterisk.log());

    // Whoever calls 7 and an extension is asked who he is, and this caller cannot say.
    let caller = Sipp::plain_uac(asterisk.address())
        .option("-s")
        .option("7101")
        .start()
        .await
        .unwrap();
    let refused = caller.wait().await.unwrap();
    assert!(refused.messages.contains("SIP/2.0 401 "), "{refused}");
}

#[test]
fn pesq_tells_the_same_from_noise() {
    if !require(Peer::Pesq) || !require(Peer::EspeakNg) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let spoken = folder.path().join("spoken.wav");
    let noisy = folder.path().join("noisy.wav");
    let text = "The quick brown fox jumps over the lazy dog, and then it takes a rest.";
    let status = std::process::Command::new("espeak-ng")
        .arg("-w")
        .arg(&spoken)
        .arg(text)
        .status()
        .unwrap();
    assert!(status.success());
    add_tone(&spoken, &noisy);
    let same = Pesq::narrow_band(&spoken, &spoken).unwrap();
    let worse = Pesq::narrow_band(&spoken, &noisy).unwrap();
    assert!(same > 4.4, "{same}");
    assert!(worse < 3.0, "{worse}");
    assert!(Pesq::narrow_band(&spoken, Path::new("/nowhere.wav")).is_err());
}

/// The 16-bit WAV with a loud tone over it. The header is taken as it is.
fn add_tone(from: &Path, to: &Path) {
    let mut bytes = std::fs::read(from).expect("the spoken file is there");
    for (index, sample) in bytes[44..].chunks_exact_mut(2).enumerate() {
        let before = f64::from(i16::from_le_bytes([sample[0], sample[1]]));
        let tone = 8000.0 * (TAU * 700.0 * index as f64 / 22_050.0).sin();
        sample.copy_from_slice(&((before + tone) as i16).to_le_bytes());
    }
    std::fs::write(to, bytes).expect("the folder is ours to write in");
}
