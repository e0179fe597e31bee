//! `outdial doctor TRUNK` finds what is wrong with a trunk, fault by fault, and nothing where all is well.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::net::SocketAddr;

use outdial_testkit::peers::{Asterisk, Certificates, Peer, Shown, TlsFront, require};
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
            "Via" if fault == Fault::Translated => text += &format!("{line};received=198.51.100.7\r\n"),
            "To" if !line.contains("tag=") => text += &format!("{line};tag=far\r\n"),
            "Via" | "From" | "To" | "Call-ID" | "CSeq" => text += &format!("{line}\r\n"),
            _ => {}
        }
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

/// What the doctor says of a trunk named `far` with these lines, and whether all is well.
async fn examined(trunk: &str, arguments: &[&str]) -> (i32, Value) {
    let home = Home::new();
    home.configure(&format!(
        "[sip]\nbind = \"127.0.0.1:0\"\nt1 = 50\n[policy]\nopen = [\"+65\", \"local:\"]\n\
         [[trunk]]\nname = \"far\"\nhost = \"127.0.0.1\"\n{trunk}"
    ));
    let ran = home.run(&[&["doctor", "far", "--json"], arguments].concat()).await;
    (ran.code, ran.json())
}

async fn examined_with(fault: Fault, more: &str, arguments: &[&str]) -> (i32, Value) {
    let far = Far::start(fault).await;
    examined(&format!("port = {}\n{more}", far.address.port()), arguments).await
}

/// Whether a check is well, and what it says.
fn finding<'a>(report: &'a Value, check: &str) -> (bool, &'a str) {
    let found = report.as_array().unwrap().iter().find(|found| found["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check}: {report:#}"));
    (found["ok"].as_bool().unwrap(), found["detail"].as_str().unwrap())
}

#[track_caller]
fn is_wrong(report: &Value, check: &str, says: &str) {
    let (ok, detail) = finding(report, check);
    assert!(!ok && detail.contains(says), "{check}: {detail}");
}

const CALL: [&str; 2] = ["--call", "+6561234567"];

#[tokio::test]
async fn nobody_is_rung_without_a_number() {
    let (code, report) = examined_with(Fault::Mute, "", &[]).await;
    assert_eq!(code, 0, "{report:#}");
    assert!(finding(&report, "name").1.contains("127.0.0.1"));
    assert!(finding(&report, "nat").0 && finding(&report, "trunk far").0);
    assert!(finding(&report, "test call").1.contains("none was made"));
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
    assert!(finding(&report, "sound to it").1.contains("not known"), "{report:#}");
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
    let (code, report) = examined_with(Fault::Translated, "", &[]).await;
    assert_eq!(code, 1, "{report:#}");
    is_wrong(&report, "nat", "advertise = \"198.51.100.7\"");
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
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let (code, report) = examined(&format!("port = {closed}\ntransport = \"tcp\"\n"), &[]).await;
    assert_eq!(code, 1, "{report:#}");
    is_wrong(&report, "trunk far", "refused");
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
    ] {
        let front = TlsFront::start(0, behind, &certificates, shown).await.unwrap();
        let trunk = format!(
            "port = {}\ntransport = \"tls\"\n[trunk.tls]\nroots = \"{}\"\n",
            front.address().port(),
            certificates.root().display()
        );
        let (code, report) = examined(&trunk, &[]).await;
        assert_eq!(code, 1, "{report:#}");
        is_wrong(&report, "trunk far", says);
    }
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
        finding(&report, "sound to it").1.contains("came back after"),
        "{report:#}"
    );
    assert!(
        finding(&report, "sound from it").0 && finding(&report, "nat").0,
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
