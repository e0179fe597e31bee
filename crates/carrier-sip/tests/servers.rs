//! Several servers behind one name, and what TLS makes sure of.

mod rig;

use std::net::{IpAddr, Ipv4Addr};

use outdial_carrier_sip::{SipConfig, SipTransport, SipTrunk};
use outdial_engine::ports::RingError;
use outdial_testkit::peers::{Certificates, Dns, DnsTable, Shown, Sipp, TlsFront};

use crate::rig::{Rig, rig_with};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Two servers, the first of them first.
async fn names(ports: [u16; 2]) -> Dns {
    let table = DnsTable::new()
        .host("one.far.test", HERE)
        .host("two.far.test", HERE)
        .service("_sip._udp.far.test", 10, 0, ports[0], "one.far.test")
        .service("_sip._udp.far.test", 20, 0, ports[1], "two.far.test")
        .service("_sip._tcp.far.test", 10, 0, ports[0], "one.far.test")
        .service("_sip._tcp.far.test", 20, 0, ports[1], "two.far.test");
    Dns::start(table).await.expect("names are served")
}

fn at_names(names: &Dns, change: impl FnOnce(&mut SipConfig)) -> Rig {
    rig_with(|config| {
        config.resolver = Some(names.address());
        config.trunks = vec![SipTrunk::new("far", "far.test", None)];
        change(config);
    })
}

#[tokio::test]
async fn s16_after_503_the_next_server_is_asked() {
    let first = Sipp::uas("16-unavailable.xml").start().await.expect("SIPp starts");
    let second = Sipp::uas("16-next-target.xml").start().await.expect("SIPp starts");
    let names = names([first.address().port(), second.address().port()]).await;
    let rig = at_names(&names, |_| {});
    let mut call = rig.ring().await;
    call.until("answered").await;
    call.hang_up(outdial_domain::Outcome::Completed).await;
    let (words, end) = call.end().await;
    assert_eq!(
        words,
        ["sent", "answered PCMU 8000", "ended completed flow 0"],
        "{:?}",
        end.ending
    );
    first.wait().await.expect("SIPp ends").assert_success();
    second.wait().await.expect("SIPp ends").assert_success();
    let identity = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.unwrap_or_default().to_owned()
    };
    let invites: Vec<_> = end
        .trace
        .iter()
        .filter(|message| message.text.starts_with("INVITE "))
        .collect();
    assert_eq!(invites.len(), 2);
    for name in ["Call-ID:", "From:", "To:"] {
        assert_eq!(identity(&invites[0].text, name), identity(&invites[1].text, name));
    }
    assert_ne!(identity(&invites[0].text, "CSeq:"), identity(&invites[1].text, "CSeq:"));
    assert_ne!(identity(&invites[0].text, "Via:"), identity(&invites[1].text, "Via:"));
}

#[tokio::test]
async fn s17_a_silent_server_is_the_last_one_asked() {
    let first = Sipp::uas("17-silent.xml").start().await.expect("SIPp starts");
    let mut second = rig::far::Far::listen().await;
    let names = names([first.address().port(), second.address().port()]).await;
    let rig = at_names(&names, |config| config.t1 = std::time::Duration::from_millis(80));
    let (words, end) = rig.ring().await.end().await;
    assert_eq!(words, ["sent", "ended no_answer network 0"]);
    assert!(end.ending.reason.contains("may have rung"), "{}", end.ending.reason);
    first.wait().await.expect("SIPp ends").assert_success();
    assert!(second.within(std::time::Duration::from_millis(1)).await.is_none());
}

#[tokio::test]
async fn over_udp_a_port_where_nobody_listens_is_passed_over() {
    let nobody = rig::far::Far::listen().await.address().port();
    let second = Sipp::uas("16-next-target.xml").start().await.expect("SIPp starts");
    let names = names([nobody, second.address().port()]).await;
    let rig = at_names(&names, |_| {});
    let mut call = rig.ring().await;
    call.until("answered").await;
    call.hang_up(outdial_domain::Outcome::Completed).await;
    let (words, _) = call.end().await;
    assert_eq!(words.first().map(String::as_str), Some("sent"));
    second.wait().await.expect("SIPp ends").assert_success();
}

#[tokio::test]
async fn over_udp_nobody_anywhere_is_said_at_once() {
    let ports = [
        rig::far::Far::listen().await.address().port(),
        rig::far::Far::listen().await.address().port(),
    ];
    let names = names(ports).await;
    let rig = at_names(&names, |_| {});
    let begun = std::time::Instant::now();
    let (words, end) = rig.ring().await.end().await;
    assert_eq!(words, ["sent", "ended congestion network 0"]);
    let reason = end.ending.reason;
    assert!(
        reason.contains("nobody listens") && reason.contains(&ports[1].to_string()),
        "{reason}"
    );
    assert!(reason.contains("has not rung"), "{reason}");
    // Without what the network says it would be 64 times T1.
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
    let invites = end.trace.iter().filter(|message| message.text.starts_with("INVITE "));
    assert_eq!(invites.count(), 2, "each is asked once");
}

#[tokio::test]
async fn a_port_that_closes_after_the_first_copy_may_have_rung() {
    let mut first = rig::far::Far::listen().await;
    let mut second = rig::far::Far::listen().await;
    let names = names([first.address().port(), second.address().port()]).await;
    let rig = at_names(&names, |config| config.t1 = std::time::Duration::from_millis(80));
    let call = rig.ring().await;
    first.hears("INVITE ").await;
    // Whoever it was has heard of the call. What the network says of the next copy changes nothing.
    drop(first);
    let (words, end) = call.end().await;
    assert_eq!(words, ["sent", "ended no_answer network 0"]);
    assert!(end.ending.reason.contains("may have rung"), "{}", end.ending.reason);
    assert!(second.within(std::time::Duration::from_millis(1)).await.is_none());
}

#[tokio::test]
async fn over_ipv6_a_port_where_nobody_listens_is_said_at_once() {
    let nobody = rig::far::Far::listen_at("[::1]:0").await.address();
    let rig = rig_with(|config| {
        config.bind = "[::1]:0".parse().expect("an address");
        config.trunks = vec![SipTrunk::new("far", "::1", nobody.port())];
    });
    let (words, end) = rig.ring().await.end().await;
    assert_eq!(words, ["sent", "ended congestion network 0"]);
    assert!(end.ending.reason.contains("nobody listens"), "{}", end.ending.reason);
}

#[tokio::test]
async fn a_server_that_refuses_connections_is_passed_over() {
    let nobody = rig::far::Far::listen().await.address().port();
    let second = Sipp::uas("25-tcp.xml").start().await.expect("SIPp starts");
    let names = names([nobody, second.address().port()]).await;
    let rig = at_names(&names, |config| config.trunks[0].transport = SipTransport::Tcp);
    let mut call = rig.ring().await;
    call.until("answered").await;
    call.hang_up(outdial_domain::Outcome::Completed).await;
    call.end().await;
    second.wait().await.expect("SIPp ends").assert_success();
}

/// A far side with this certificate, and a trunk to it.
async fn over_tls(shown: Shown, change: impl FnOnce(&mut SipTrunk, &Certificates)) -> (Rig, Sipp, TlsFront, Dns) {
    let certificates = Certificates::make().expect("certificates are made");
    let sipp = Sipp::uas("26-tls.xml").start().await.expect("SIPp starts");
    let port = sipp.address().port();
    let front = TlsFront::start(port + 1, sipp.address(), &certificates, shown).await;
    let front = front.expect("TLS is served");
    let table = DnsTable::new().host(Certificates::NAME, HERE).service(
        &format!("_sips._tcp.{}", Certificates::NAME),
        1,
        1,
        port + 1,
        Certificates::NAME,
    );
    let names = Dns::start(table).await.expect("names are served");
    let rig = rig_with(|config| {
        config.resolver = Some(names.address());
        let mut trunk = SipTrunk::new("far", Certificates::NAME, None);
        trunk.transport = SipTransport::Tls;
        trunk.tls.roots = Some(std::fs::read_to_string(certificates.root()).expect("the root is there"));
        change(&mut trunk, &certificates);
        config.trunks = vec![trunk];
    });
    (rig, sipp, front, names)
}

#[tokio::test]
async fn s26_over_tls() {
    let (rig, sipp, front, _names) = over_tls(Shown::Right, |_, _| {}).await;
    let mut call = rig.ring().await;
    call.until("answered").await;
    call.hang_up(outdial_domain::Outcome::Completed).await;
    let (words, end) = call.end().await;
    assert_eq!(
        words,
        ["sent", "answered PCMU 8000", "ended completed flow 0"],
        "{:?}",
        end.ending
    );
    sipp.wait().await.expect("SIPp ends").assert_success();
    assert_eq!((front.agreed(), front.failed()), (1, 0));
}

#[tokio::test]
async fn certificates_that_are_wrong_end_the_call_before_it_begins() {
    for (shown, reason) in [
        (Shown::Expired, "expired"),
        (Shown::OtherName, "for another name"),
        (Shown::UnknownRoot, "not trusted"),
    ] {
        let (rig, _sipp, front, _names) = over_tls(shown, |_, _| {}).await;
        let error = rig.try_ring(rig.order("100")).await.err();
        assert!(
            matches!(&error, Some(RingError::Exhausted(said)) if said.contains("TLS") && said.contains(reason)),
            "{shown:?}: {error:?}"
        );
        assert_eq!(front.agreed(), 0);
    }
}

#[tokio::test]
async fn a_far_side_that_wants_our_certificate_says_so_at_once() {
    let certificates = Certificates::make().expect("certificates are made");
    let behind = rig::far::Far::listen().await;
    let front = TlsFront::for_known_clients(0, behind.address(), &certificates)
        .await
        .expect("TLS is served");
    for (shown, reason) in [
        (None, "`tls.certificate`"),
        (Some(Shown::UnknownRoot), "refuses our certificate"),
    ] {
        let rig = rig_with(|config| {
            let mut trunk = SipTrunk::new("far", "127.0.0.1", front.address().port());
            trunk.transport = SipTransport::Tls;
            let read = |path: std::path::PathBuf| std::fs::read_to_string(path).expect("it is there");
            trunk.tls.roots = Some(read(certificates.root()));
            trunk.tls.name = Some(Certificates::NAME.into());
            trunk.tls.certificate = shown.map(|shown| read(certificates.certificate(shown)));
            trunk.tls.key = shown.map(|shown| read(certificates.key(shown)).into());
            config.trunks = vec![trunk];
        });
        let begun = std::time::Instant::now();
        let error = rig.try_ring(rig.order("100")).await.err();
        assert!(
            matches!(&error, Some(RingError::Exhausted(said)) if said.contains("TLS") && said.contains(reason)),
            "{shown:?}: {error:?}"
        );
        assert!(begun.elapsed() < std::time::Duration::from_secs(10));
    }
    assert_eq!((front.agreed(), front.failed()), (0, 2));
}
