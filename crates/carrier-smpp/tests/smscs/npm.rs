//! Against npm's smpp.

use std::time::Duration;

use outdial_carrier_smpp::{Binds, TlsSettings};
use outdial_domain::{
    message::{PartFate, Receipt, ReceiptState, Refusal},
    text::{Concatenation, EncodedText},
};
use outdial_engine::ports::{Arrived, TextCarrier as _, TextQuestion};
use outdial_testkit::peers::{Certificates, NpmSmsc, Peer, Shown, require};

use super::{Rig, accepted, trunk};

fn delivered(id: &str) -> Arrived {
    Arrived::Receipt(Receipt {
        id: id.into(),
        state: ReceiptState::Delivered,
        error: None,
    })
}

#[tokio::test]
async fn texts_are_taken_and_receipts_come() {
    if !require(Peer::NpmSmpp) {
        return;
    }
    let mut smsc = NpmSmsc::start().await.unwrap();
    let mut rig = Rig::start(trunk(smsc.address())).up().await;
    for (number, (to, text, coding)) in [
        ("+6598765410", "Hello @ £ [world] €", 0),
        ("+6598765407", "Grüße, 世界 👍", 8),
        ("+6598765403", "The receipt is first", 0),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("m{}", number + 1);
        assert_eq!(rig.send(to, text).await, [accepted(&id)]);
        assert_eq!(rig.arrives().await, delivered(&id));
        let taken = smsc.taken().await.unwrap();
        assert_eq!(taken["to"], to[1..]);
        assert_eq!(taken["from"], "Shop");
        assert_eq!(taken["text"], text);
        assert_eq!(taken["coding"], coding);
    }
    let question = TextQuestion {
        trunk: "smsc".into(),
        id: "m1".into(),
        from: Some("Shop".into()),
    };
    assert_eq!(rig.carrier.look_up(question).await, Some(ReceiptState::Delivered));
    rig.carrier.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn parts_are_told_to_belong_together_in_every_way() {
    if !require(Peer::NpmSmpp) {
        return;
    }
    let long = "Ünïcode 世界 👍 ".repeat(12);
    for (concatenation, header) in [
        (Concatenation::Udh8, "0003070301"),
        (Concatenation::Udh16, "080401070301"),
        (Concatenation::Sar, ""),
        (Concatenation::Payload, ""),
    ] {
        let mut smsc = NpmSmsc::start().await.unwrap();
        let mut trunk = trunk(smsc.address());
        trunk.concatenation = concatenation;
        let rig = Rig::start(trunk).up().await;
        let fates = rig.send("+6598765410", &long).await;
        let submissions = if concatenation == Concatenation::Payload { 1 } else { 3 };
        assert_eq!(fates.len(), submissions, "{concatenation}");
        let mut said = String::new();
        for number in 1..=submissions {
            let taken = smsc.taken().await.unwrap();
            said += taken["text"].as_str().unwrap();
            let shown = taken["header"].as_str().unwrap();
            if number == 1 {
                assert!(shown.ends_with(header), "{concatenation}: {shown}");
            }
            let segment = if concatenation == Concatenation::Sar { number } else { 0 };
            assert_eq!(taken["segment"], segment, "{concatenation}");
        }
        assert_eq!(said, long, "{concatenation}");
    }
}

#[tokio::test]
async fn refusals_throttling_silence_and_lost_connections_are_told_apart() {
    if !require(Peer::NpmSmpp) {
        return;
    }
    let smsc = NpmSmsc::start().await.unwrap();
    let mut trunk = trunk(smsc.address());
    trunk.answer_within = Duration::from_secs(1);
    let mut rig = Rig::start(trunk).up().await;
    // Throttled at first: it is certainly not sent, and the trunk pauses.
    let throttled = rig.send("+6598765401", "one").await;
    assert!(
        matches!(&throttled[..], [PartFate::Refused { refusal: Refusal::Slower, reason }] if reason.contains("ESME_RTHROTTLED")),
        "{throttled:?}"
    );
    while rig.carrier.trunk("smsc").unwrap().pauses.is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.send("+6598765401", "one").await, [accepted("m1")]);
    assert_eq!(rig.arrives().await, delivered("m1"));
    let refused = rig.send("+6598765402", "two").await;
    assert!(
        matches!(&refused[..], [PartFate::Refused { refusal: Refusal::Never, reason }] if reason.contains("ESME_RINVDSTADR"))
    );
    let lost = rig.send("+6598765404", "three").await;
    assert!(matches!(&lost[..], [PartFate::Unknown { .. }]), "{lost:?}");
    assert_eq!(rig.send("+6598765405", "four").await, [accepted("m3")]);
    let broken = rig.send("+6598765406", "five").await;
    assert!(matches!(&broken[..], [PartFate::Unknown { .. }]), "{broken:?}");
    let rig = rig.up().await;
    assert_eq!(rig.send("+6598765410", "six").await, [accepted("m5")]);
}

#[tokio::test]
async fn a_text_of_somebody_comes_in_its_parts() {
    if !require(Peer::NpmSmpp) {
        return;
    }
    let smsc = NpmSmsc::start().await.unwrap();
    let mut trunk = trunk(smsc.address());
    trunk.binds = Binds::Separate {
        transmitters: 2,
        receivers: 1,
    };
    let mut rig = Rig::start(trunk).up().await;
    // A receiver may be bound after a transmitter is; what it is sent before that is lost at this SMSC.
    let parts = loop {
        rig.send("+6598765499", "talk to me").await;
        if let Ok(first) = tokio::time::timeout(Duration::from_millis(500), rig.arrives()).await {
            break [first, rig.arrives().await];
        }
    };
    let texts = parts.map(|part| match part {
        Arrived::Text(text) => text,
        other => panic!("a text, not {other:?}"),
    });
    assert_eq!(texts[0].from, "+6598765499");
    let place = texts[1].place.unwrap();
    assert_eq!((place.reference, place.total, place.number), (9, 2, 2));
    assert_eq!(
        EncodedText::read(texts.iter().map(|part| &part.text)),
        "First, second 👍"
    );
}

#[tokio::test]
async fn a_wrong_password_says_so_and_is_tried_again() {
    if !require(Peer::NpmSmpp) {
        return;
    }
    let smsc = NpmSmsc::start().await.unwrap();
    let mut trunk = trunk(smsc.address());
    trunk.password = "wrong".to_owned().into();
    let rig = Rig::start(trunk);
    let says = async {
        loop {
            let down = rig.carrier.trunk("smsc").unwrap().down.unwrap();
            if down.contains("ESME_RBINDFAIL") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::WAIT, says).await.unwrap();
    let fate = rig.send("+6598765410", "nobody hears this").await;
    assert!(matches!(&fate[..], [PartFate::NotSent { reason }] if reason.contains("ESME_RBINDFAIL")));
}

#[tokio::test]
async fn texts_go_over_tls_and_only_to_whom_we_trust() {
    if !require(Peer::NpmSmpp) || !require(Peer::Openssl) {
        return;
    }
    let certificates = Certificates::make().unwrap();
    let start = async |shown| {
        NpmSmsc::start_tls(&certificates.key(shown), &certificates.certificate(shown))
            .await
            .unwrap()
    };
    let settings = || TlsSettings {
        name: Some("localhost".into()),
        roots: Some(std::fs::read_to_string(certificates.root()).unwrap()),
        identity: None,
    };
    let mut smsc = start(Shown::Right).await;
    let mut right = trunk(smsc.address());
    right.tls = Some(settings());
    let rig = Rig::start(right).up().await;
    assert_eq!(rig.send("+6598765410", "over TLS").await, [accepted("m1")]);
    assert_eq!(smsc.taken().await.unwrap()["text"], "over TLS");

    let stranger = start(Shown::UnknownRoot).await;
    let mut wrong = trunk(stranger.address());
    wrong.tls = Some(settings());
    let rig = Rig::start(wrong);
    let says = async {
        while !rig
            .carrier
            .trunk("smsc")
            .unwrap()
            .down
            .unwrap()
            .contains("with `tls.roots`")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::WAIT, says).await.unwrap();

    // One that is signed by itself is trusted where exactly it was named, for its own name.
    let itself = start(Shown::Itself).await;
    let mut named = trunk(itself.address());
    named.tls = Some(TlsSettings {
        name: Some(Certificates::NAME.to_owned()),
        roots: Some(std::fs::read_to_string(certificates.certificate(Shown::Itself)).unwrap()),
        identity: None,
    });
    let rig = Rig::start(named.clone()).up().await;
    assert_eq!(rig.send("+6598765410", "over TLS, too").await, [accepted("m1")]);
    named.tls.as_mut().unwrap().name = Some("elsewhere.test".into());
    let rig = Rig::start(named);
    let says = async {
        while !rig.carrier.trunk("smsc").unwrap().down.unwrap().contains("`tls.name`") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::WAIT, says).await.unwrap();
}
