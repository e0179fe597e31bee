//! Requests of those that nobody rang, and starts that fail.

mod rig;

use std::time::Duration;

use outdial_carrier_sip::{SipCarrier, SipConfig, SipTrunk, StartError};
use outdial_domain::Address;
use outdial_engine::ports::{Answer, Ask, VoiceCarrier};
use outdial_flow::Flow;

use crate::rig::{far::Far, rig_with};

fn request(method: &str, number: u32, to_tag: &str) -> String {
    format!(
        "{method} sip:outdial@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{method}{number};rport\r\n\
         From: <sip:x@y>;tag=1\r\nTo: <sip:outdial@127.0.0.1>{to_tag}\r\nCall-ID: {method}{number}@stranger\r\n\
         CSeq: 1 {method}\r\nContact: <sip:x@127.0.0.1:9>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

#[tokio::test]
async fn strangers_are_told_what_they_may_know() {
    let rig = rig_with(|_| {});
    let us = rig.carrier.local_addr();
    let mut stranger = Far::listen().await;
    for (method, to_tag, status) in [
        ("OPTIONS", "", "SIP/2.0 200"),
        ("INVITE", "", "SIP/2.0 403"),
        ("REGISTER", "", "SIP/2.0 405"),
        ("MESSAGE", "", "SIP/2.0 405"),
        ("BYE", ";tag=2", "SIP/2.0 481"),
        ("INVITE", ";tag=2", "SIP/2.0 481"),
        ("CANCEL", "", "SIP/2.0 481"),
    ] {
        let number = u32::from(!to_tag.is_empty());
        stranger.send_to(us, &request(method, number, to_tag)).await;
        let answer = stranger.next().await.expect("an answer");
        assert!(answer.is(status), "{method}: {}", answer.0);
        if method == "OPTIONS" {
            assert!(answer.header("Allow").contains("INVITE"));
            assert!(answer.header("Accept").contains("application/sdp"));
        }
    }
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn garbage_is_dropped_and_a_flood_is_not_answered() {
    let rig = rig_with(|_| {});
    let us = rig.carrier.local_addr();
    let mut stranger = Far::listen().await;
    for garbage in [
        "",
        "hello",
        "INVITE",
        "INVITE sip:a SIP/2.0\r\n\r\n",
        "SIP/2.0 200 OK\r\n\r\n",
        "\0\0\0\0",
    ] {
        stranger.send_to(us, garbage).await;
    }
    stranger.send_to(us, &request("OPTIONS", 0, "")).await;
    assert!(stranger.next().await.expect("it still answers").is("SIP/2.0 200"));

    for number in 0..2000 {
        stranger.send_to(us, &request("INVITE", number, "")).await;
    }
    let mut answers = 0;
    while stranger.within(Duration::from_millis(300)).await.is_some() {
        answers += 1;
        assert!(answers < 1500, "the flood is answered");
    }
    assert!(answers >= 100, "{answers}");
}

#[tokio::test]
async fn a_port_in_use_says_what_to_do() {
    let rig = rig_with(|_| {});
    let config = SipConfig {
        bind: rig.carrier.local_addr(),
        ..SipConfig::default()
    };
    let error = SipCarrier::start(config, rig.media.clone(), rig.ids())
        .err()
        .expect("the port is in use");
    assert!(matches!(error, StartError::PortInUse(_)));
    assert!(error.to_string().contains("`[sip] bind`"), "{error}");
}

#[tokio::test]
async fn it_says_what_it_can() {
    let rig = rig_with(|config| config.trunks = vec![SipTrunk::new("far", "127.0.0.1", 5999)]);
    let flow = Flow::default();
    let can = |trunk, to: &str| {
        let to = Address::parse(to).expect("an address");
        rig.carrier.can(&Ask {
            trunk,
            to: &to,
            from: None,
            ring: Duration::from_secs(45),
            talk: Duration::from_secs(60),
            flow: &flow,
        })
    };
    assert_eq!(can(Some("far"), "+6561234567"), Answer::Legs);
    assert_eq!(can(None, "sip:bob@127.0.0.1"), Answer::Legs);
    for (trunk, to, reason) in [
        (Some("none"), "100", "`none`"),
        (None, "100", "over a trunk"),
        (Some("far"), "sips:bob@127.0.0.1", "TLS"),
        (None, "sip:bob@127.0.0.1;transport=sctp", "sctp"),
    ] {
        match can(trunk, to) {
            Answer::No(said) => assert!(said.contains(reason), "{said}"),
            other => panic!("{to}: {other:?}"),
        }
    }
}
