//! Peers with each other, so that a test that fails with one of them fails because of us.

use outdial_testkit::peers::{
    Asterisk, Baresip, Certificates, Kamailio, Peer, Shown, Sipp, TlsFront, lease_ports, require,
};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

#[tokio::test]
async fn kamailio_stays_in_the_way_and_asks_the_next() {
    if !require(Peer::Kamailio) || !require(Peer::Baresip) || !require(Peer::Asterisk) || !require(Peer::Sipp) {
        return;
    }
    let unable = Sipp::uas("16-unavailable.xml").start().await.unwrap();
    let asterisk = Asterisk::start().await.unwrap();
    let kamailio = Kamailio::start(&[unable.address(), asterisk.address()]).await.unwrap();
    let mut phone = Baresip::of("somebody", kamailio.address()).start().await.unwrap();
    phone.dial(&format!("sip:108@{}", kamailio.address())).await.unwrap();
    phone.until("CALL_ESTABLISHED").await.unwrap();
    let shown = asterisk.cli("core show channels").unwrap();
    assert!(shown.contains("1 active call"), "{shown}");
    // Its BYE gets through only with the Route that the way back is told by.
    phone.hang_up().await.unwrap();
    while !asterisk.cli("core show channels").unwrap().contains("0 active calls") {}
    unable.wait().await.unwrap().assert_success();
}

#[tokio::test]
async fn baresip_registers_with_asterisk_calls_and_is_called() {
    if !require(Peer::Asterisk) || !require(Peer::Baresip) {
        return;
    }
    let asterisk = Asterisk::start().await.unwrap();
    let mut phone = Baresip::of(Asterisk::PHONE, asterisk.address())
        .registers(Asterisk::SECRET)
        .start()
        .await
        .unwrap();
    phone.registered().await.unwrap();
    assert!(asterisk.is_registered(Asterisk::PHONE).unwrap());
    assert!(!asterisk.is_registered(Asterisk::USER).unwrap());

    asterisk
        .cli("channel originate PJSIP/phone extension 100@extensions")
        .unwrap();
    phone.until("CALL_ESTABLISHED").await.unwrap();
    phone.until("CALL_CLOSED").await.unwrap();
    phone.dial(&format!("sip:100@{}", asterisk.address())).await.unwrap();
    phone.until("CALL_ESTABLISHED").await.unwrap();
    phone.until("CALL_CLOSED").await.unwrap();
    let heard = phone.heard();
    assert_eq!(heard.len(), 2, "{}", phone.log());
    for file in heard {
        // Two seconds of a tone, less what the file may have been cut off at its end.
        assert!(std::fs::metadata(&file).unwrap().len() > 24_000, "{}", file.display());
    }
}

#[tokio::test]
async fn baresip_and_asterisk_agree_on_tls_srtp_and_g722() {
    if !require(Peer::Asterisk) || !require(Peer::Baresip) || !require(Peer::Openssl) {
        return;
    }
    let certificates = Certificates::make().unwrap();
    let asterisk = Asterisk::with_tls(&certificates, Shown::Right).await.unwrap();
    let builder = Baresip::of("somebody", asterisk.tls_address())
        .over_tls(&certificates.root())
        .encrypted();
    let mut phone = builder.start().await.unwrap();
    let uri = |extension: &str| format!("sip:{extension}@{};transport=tls", asterisk.tls_address());
    phone.dial(&uri("8100")).await.unwrap();
    phone.until("CALL_ESTABLISHED").await.unwrap();
    phone.until("CALL_CLOSED").await.unwrap();
    assert!(phone.log().contains("AES_CM_128_HMAC_SHA1"), "{}", phone.log());

    let builder = Baresip::of("somebody", asterisk.address()).codecs("G722/16000/1");
    let mut phone = builder.start().await.unwrap();
    phone.dial(&format!("sip:9100@{}", asterisk.address())).await.unwrap();
    phone.until("CALL_ESTABLISHED").await.unwrap();
    phone.until("CALL_CLOSED").await.unwrap();
    assert!(phone.log().contains("G722"), "{}", phone.log());
}

/// Whether somebody else's TLS trusts who is there to be the host of this name.
fn trusts(at: SocketAddr, root: &Path, name: &str) -> bool {
    let output = Command::new("openssl")
        .args(["s_client", "-verify_return_error", "-verify_hostname", name, "-connect"])
        .arg(at.to_string())
        .arg("-CAfile")
        .arg(root)
        .stdin(Stdio::null())
        .output()
        .expect("openssl starts");
    String::from_utf8_lossy(&output.stdout).contains("Verification: OK")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_wrong_in_the_way_they_say() {
    if !require(Peer::Openssl) {
        return;
    }
    let certificates = Certificates::make().unwrap();
    let nowhere = SocketAddr::from(([127, 0, 0, 1], lease_ports(1).unwrap().first()));
    for (shown, right) in [
        (Shown::Right, true),
        (Shown::Expired, false),
        (Shown::OtherName, false),
        (Shown::UnknownRoot, false),
    ] {
        let front = TlsFront::start(0, nowhere, &certificates, shown).await.unwrap();
        let root = certificates.root();
        assert_eq!(
            trusts(front.address(), &root, Certificates::NAME),
            right,
            "{shown:?} {front:?}"
        );
        let other = trusts(front.address(), &root, "elsewhere.test");
        assert_eq!(other, shown == Shown::OtherName, "{shown:?} {front:?}");
    }
    let picky = TlsFront::for_known_clients(0, nowhere, &certificates).await.unwrap();
    assert_eq!(picky.agreed(), 0);
    let _ = trusts(picky.address(), &certificates.root(), Certificates::NAME);
    assert_eq!(picky.agreed(), 0, "it showed no certificate");
}
