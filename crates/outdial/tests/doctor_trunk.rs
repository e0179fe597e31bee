//! `outdial doctor TRUNK` finds what is wrong with a trunk, fault by fault, and nothing where all is well.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examined;
mod program;

use std::net::SocketAddr;

use examined::{CALL, examined, finding, is_not_known, is_wrong};
use outdial_testkit::peers::{Certificates, Dns, DnsTable, Peer, Shown, TlsFront, require};
use program::Home;
use serde_json::Value;
use tokio::{net::UdpSocket, task::JoinHandle};

/// What a far side of our own does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// It answers, and sends no sound.
    Mute,
    /// It takes none of our codecs.
    NoCodec,
    /// It sees us elsewhere, because a translator is between.
    Translated,
    /// The same, and it wants a password even for OPTIONS.
    TranslatedAndChallenged,
    /// Its clock is wrong.
    Clock,
    /// It does not let us register.
    NotRegistered,
}

/// A far side that answers every request at once, and does one thing wrong.
struct Far {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Far {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Far {
    async fn start(fault: Fault) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 8192];
            while let Ok((length, us)) = socket.recv_from(&mut buffer).await {
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if let Some(answer) = answer(&request, address, fault) {
                    socket.send_to(answer.as_bytes(), us).await.unwrap();
                }
            }
        });
        Self { address, task }
    }
}

fn answer(request: &str, address: SocketAddr, fault: Fault) -> Option<String> {
    let method = request.split(' ').next()?;
    let status = match method {
        "OPTIONS" | "INVITE" | "BYE" | "REGISTER" => match (method, fault) {
            ("OPTIONS", Fault::TranslatedAndChallenged) => "401 Unauthorized",
            ("INVITE", Fault::NoCodec) => "488 Not Acceptable Here",
            ("REGISTER", Fault::NotRegistered) => "403 Forbidden",
            _ => "200 OK",
        },
        _ => return None,
    };
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        match name {
            "Via" if matches!(fault, Fault::Translated | Fault::TranslatedAndChallenged) => {
                text += &format!("{line};received=198.51.100.7\r\n");
            }
            "To" if !line.contains("tag=") => text += &format!("{line};tag=far\r\n"),
            "Via" | "From" | "To" | "Call-ID" | "CSeq" => text += &format!("{line}\r\n"),
            _ => {}
        }
    }
    if status.starts_with("401") {
        text += "WWW-Authenticate: Digest realm=\"far\", nonce=\"n\", algorithm=MD5\r\n";
    }
    if fault == Fault::Clock {
        text += "Date: Fri, 20 Nov 2020 08:00:00 GMT\r\n";
    }
    let body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
    if method == "INVITE" && status.starts_with("200") {
        text += &format!("Contact: <sip:far@{address}>\r\nContent-Type: application/sdp\r\n");
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    } else {
        text += "Content-Length: 0\r\n\r\n";
    }
    Some(text)
}

async fn examined_with(fault: Fault, more: &str, arguments: &[&str]) -> (i32, Value) {
    let far = Far::start(fault).await;
    examined(&format!("port = {}\n{more}", far.address.port()), arguments).await
}

#[tokio::test]
async fn nobody_is_rung_without_a_number() {
    let (code, report) = examined_with(Fault::Mute, "", &[]).await;
    assert_eq!(code, 0, "{report:#}");
    assert!(finding(&report, "name").1.contains("127.0.0.1"));
    let route = finding(&report, "route").1;
    assert!(
        route.contains("from 127.0.0.1 (lo)") && route.contains("answered over UDP"),
        "{route}"
    );
    assert!(
        finding(&report, "own clock").0 && finding(&report, "trunk far").0,
        "{report:#}"
    );
    is_not_known(&report, "clock", "does not tell");
    is_not_known(&report, "test call", "none was made");
}

#[tokio::test]
async fn sound_that_goes_one_way_is_found() {
    let (code, report) = examined_with(Fault::Mute, "test_number = \"+6561234567\"\n", &[]).await;
    assert_eq!(code, 1, "{report:#}");
    assert!(
        finding(&report, "test call").0 && finding(&report, "codec").1.contains("PCMU"),
        "{report:#}"
    );
    is_wrong(&report, "sound from it", "firewall");
    is_not_known(&report, "sound to it", "Call a number that echoes");
    is_not_known(&report, "delay", "echoes");
    is_not_known(&report, "nat of its sound", "no sound came");
}

#[tokio::test]
async fn codecs_without_one_in_common_are_found() {
    let (code, report) = examined_with(Fault::NoCodec, "", &CALL).await;
    assert_eq!(code, 1, "{report:#}");
    is_wrong(&report, "test call", "488");
    is_wrong(&report, "codec", "none in common: we offer PCMU, PCMA");
}

#[tokio::test]
async fn a_translator_between_is_found() {
    for fault in [Fault::Translated, Fault::TranslatedAndChallenged] {
        let (code, report) = examined_with(fault, "", &[]).await;
        assert_eq!(code, 1, "{report:#}");
        is_wrong(&report, "nat", "advertise = \"198.51.100.7\"");
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_found() {
    let (code, report) = examined_with(Fault::Clock, "", &[]).await;
    assert_eq!(code, 1, "{report:#}");
    is_wrong(&report, "clock", "behind ours");
}

#[tokio::test]
async fn a_registrar_that_refuses_is_found() {
    let more = "username = \"u\"\npassword = \"p\"\nregister = true\n";
    let (code, report) = examined_with(Fault::NotRegistered, more, &[]).await;
    assert_eq!(code, 1, "{report:#}");
    assert!(finding(&report, "trunk far").0);
    is_wrong(&report, "registration", "403");
}

#[tokio::test]
async fn far_sides_that_are_not_there_are_found() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (code, report) = examined(&format!("port = {}\n", silent.local_addr().unwrap().port()), &[]).await;
    assert_eq!(code, 1, "{report:#}");
    is_wrong(&report, "trunk far", "did not answer within");
    is_wrong(&report, "route", "silent over UDP");
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let (code, report) = examined(&format!("port = {closed}\ntransport = \"tcp\"\n"), &[]).await;
    assert_eq!(code, 1, "{report:#}");
    is_wrong(&report, "route", "nobody listens at TCP port");
    let (code, report) = examined(&format!("port = {closed}\n"), &[]).await;
    assert_eq!(code, 1, "{report:#}");
    is_wrong(&report, "route", "Check `host`, `port`");
    let (code, report) = examined(&format!("port = {closed}\ntransport = \"tls\"\n"), &[]).await;
    assert_eq!(code, 1, "{report:#}");
    is_not_known(&report, "tls", "no way leads there");
}

#[tokio::test]
async fn certificates_that_are_wrong_are_found() {
    if !require(Peer::Openssl) {
        return;
    }
    let certificates = Certificates::make().unwrap();
    let behind = ([127, 0, 0, 1], 9).into();
    for (shown, says) in [
        (Shown::Expired, "has expired"),
        (Shown::OtherName, "for another name"),
        (Shown::UnknownRoot, "root that is not trusted"),
        (Shown::Ending, "tell them to renew it"),
    ] {
        let front = TlsFront::start(0, behind, &certificates, shown).await.unwrap();
        let trunk = format!(
            "port = {}\ntransport = \"tls\"\n[trunk.tls]\nroots = \"{}\"\n",
            front.address().port(),
            certificates.root().display()
        );
        let (code, report) = examined(&trunk, &[]).await;
        assert_eq!(code, 1, "{report:#}");
        is_wrong(&report, "tls", says);
        assert!(finding(&report, "route").1.contains("connected over TCP"), "{report:#}");
    }
    let front = TlsFront::start(0, behind, &certificates, Shown::Right).await.unwrap();
    let trunk = format!(
        "port = {}\ntransport = \"tls\"\n[trunk.tls]\nroots = \"{}\"\n",
        front.address().port(),
        certificates.root().display()
    );
    let (_, report) = examined(&trunk, &[]).await;
    let (ok, detail) = finding(&report, "tls");
    assert!(
        ok && detail.contains("TLS 1.3") && detail.contains("the roots of `tls.roots`"),
        "{detail}"
    );
    assert!(
        detail.contains(Certificates::NAME) && detail.contains("CN=root"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_trusted_when_it_is_named() {
    if !require(Peer::Openssl) {
        return;
    }
    let certificates = Certificates::make().unwrap();
    let behind = ([127, 0, 0, 1], 9).into();
    let examined_with = async |shown: Shown, roots: std::path::PathBuf, more: &str| {
        let front = TlsFront::start(0, behind, &certificates, shown).await.unwrap();
        let port = front.address().port();
        let trunk = format!("port = {port}\ntransport = \"tls\"\n[trunk.tls]\nroots = {roots:?}\n{more}");
        let (_, report) = examined(&trunk, &[]).await;
        let (ok, detail) = finding(&report, "tls");
        (ok, detail.to_owned())
    };
    let of_old = format!("name = \"{}\"\n", Certificates::NAME);
    for (shown, more) in [
        (Shown::Itself, ""),
        (Shown::ItselfOfOld, of_old.as_str()),
        (Shown::UnknownRoot, ""),
    ] {
        let (ok, detail) = examined_with(shown, certificates.certificate(shown), more).await;
        assert!(ok && detail.contains("TLS 1.3"), "{shown:?}: {detail}");
    }
    for (shown, roots, says) in [
        (
            Shown::Itself,
            certificates.root(),
            "name exactly this certificate with `tls.roots`",
        ),
        (
            Shown::ItselfElsewhere,
            certificates.certificate(Shown::ItselfElsewhere),
            "for another name",
        ),
        (
            Shown::ItselfOfOld,
            certificates.certificate(Shown::ItselfOfOld),
            "for another name",
        ),
        (Shown::Expired, certificates.certificate(Shown::Expired), "has expired"),
    ] {
        let (ok, detail) = examined_with(shown, roots, "").await;
        assert!(!ok && detail.contains(says), "{shown:?}: {detail}");
    }
}

#[tokio::test]
async fn who_answers_nothing_over_a_connection_is_not_said_to_be_behind_a_firewall() {
    let far = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = far.local_addr().unwrap().port();
    let (code, report) = examined(&format!("port = {port}\ntransport = \"tcp\"\n"), &[]).await;
    assert_eq!(code, 1, "{report:#}");
    is_wrong(&report, "trunk far", "took the connection");
    let told = finding(&report, "trunk far").1;
    assert!(!told.contains("firewall") && !told.contains("UDP"), "{told}");
}

#[tokio::test]
async fn what_does_not_speak_tls_is_found_in_words() {
    let far = Far::start(Fault::Clock).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail.test ready\r\n").await;
        }
    });
    let (code, report) = examined(&format!("port = {port}\ntransport = \"tls\"\n"), &[]).await;
    assert_eq!(code, 1, "{report:#}");
    is_wrong(&report, "tls", "does not speak TLS");
    task.abort();
    drop(far);
}

#[tokio::test]
async fn a_name_that_there_is_not_is_told_in_words() {
    let names = Dns::start(DnsTable::new()).await.unwrap();
    let home = Home::new();
    home.configure(&format!(
        "[sip]\nbind = \"127.0.0.1:0\"\nresolver = \"{}\"\n[[trunk]]\nname = \"far\"\nhost = \"gone.test\"\n",
        names.address()
    ));
    let report = home.run(&["doctor", "far", "--json"]).await.json();
    is_wrong(&report, "name", "there is no such name");
}

#[tokio::test]
async fn names_tell_the_records_behind_them() {
    let far = Far::start(Fault::Clock).await;
    let port = far.address.port();
    let table = DnsTable::new()
        .service("_sip._udp.trunk.test", 20, 0, port, "spare.trunk.test")
        .service("_sip._udp.trunk.test", 10, 60, port, "first.trunk.test")
        .host("first.trunk.test", "127.0.0.1".parse().unwrap())
        .host("first.trunk.test", "::1".parse().unwrap())
        .host("spare.trunk.test", "127.0.0.2".parse().unwrap());
    let names = Dns::start(table).await.unwrap();
    let home = Home::new();
    home.configure(&format!(
        "[sip]\nbind = \"127.0.0.1:0\"\nt1 = 50\nresolver = \"{}\"\n[[trunk]]\nname = \"far\"\nhost = \"trunk.test\"\n",
        names.address()
    ));
    let report = home.run(&["doctor", "far", "--json"]).await.json();
    let (ok, detail) = finding(&report, "name");
    let (usable, others) = detail.split_once("; ").unwrap();
    let first = format!("127.0.0.1:{port} over UDP (SRV priority 10, weight 60, port {port}, A of first.trunk.test)");
    let (first, rest) = usable
        .split_once(", then ")
        .map(|(one, rest)| (one.ends_with(&first), rest))
        .unwrap();
    assert!(
        ok && first && rest.starts_with("127.0.0.2") && rest.contains("priority 20"),
        "{detail}"
    );
    assert!(
        others.contains("[::1]") && others.contains("AAAA of first.trunk.test"),
        "{detail}"
    );
    is_wrong(&report, "clock", "behind ours");
}

#[tokio::test]
async fn a_server_that_is_passed_over_because_it_is_silent_is_wrong() {
    let far = Far::start(Fault::Clock).await;
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let table = DnsTable::new()
        .service(
            "_sip._udp.trunk.test",
            10,
            0,
            silent.local_addr().unwrap().port(),
            "far.trunk.test",
        )
        .service("_sip._udp.trunk.test", 20, 0, far.address.port(), "far.trunk.test")
        .host("far.trunk.test", "127.0.0.1".parse().unwrap());
    let names = Dns::start(table).await.unwrap();
    let home = Home::new();
    home.configure(&format!(
        "[sip]\nbind = \"127.0.0.1:0\"\nt1 = 50\nresolver = \"{}\"\n[[trunk]]\nname = \"far\"\nhost = \"trunk.test\"\n",
        names.address()
    ));
    let report = home.run(&["doctor", "far", "--json"]).await.json();
    is_wrong(&report, "route", "did not answer over UDP");
}
