//! `outdial doctor` finds each fault that is put in on purpose, and nothing where all is well.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use outdial_testkit::peers::{Certificates, Peer, Shown, lease_ports, require};
use program::Home;
use serde_json::Value;

/// The finding of this check.
fn finding<'a>(report: &'a Value, check: &str) -> &'a Value {
    report
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["check"] == check)
        .unwrap_or_else(|| panic!("{check}: {report}"))
}

async fn doctor(home: &Home, arguments: &[&str]) -> (i32, Value) {
    let ran = home.run(&[&["doctor", "--json"], arguments].concat()).await;
    (ran.code, ran.json())
}

#[tokio::test]
async fn all_is_well() {
    if !require(Peer::EspeakNg) {
        return;
    }
    let home = Home::new();
    home.configure("");
    let (code, report) = doctor(&home, &[]).await;
    assert_eq!(code, 0, "{report:#}");
    for check in ["data and database", "api port", "sip port", "speech", "media both ways"] {
        assert_eq!(finding(&report, check)["ok"], true, "{report:#}");
    }
    let server = home.serve().await;
    let (code, report) = doctor(&home, &[]).await;
    assert_eq!(code, 0, "beside a running server: {report:#}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_runs_with_tls_is_known_to_be_ours() {
    if !require(Peer::Openssl) || !require(Peer::EspeakNg) {
        return;
    }
    let certificates = Certificates::make().unwrap();
    let ports = lease_ports(2).unwrap();
    let home = Home::new();
    home.configure(&format!(
        "[sip]\nbind = \"127.0.0.1:{}\"\n[sip.tls]\nbind = \"127.0.0.1:{}\"\ncertificate = {:?}\nkey = {:?}\n\
         [handsets]\nlisten = \"127.0.0.1:0\"\n[[trunk]]\nname = \"far\"\nhost = \"127.0.0.1\"\nport = 9\n",
        ports.first(),
        ports.nth(1),
        certificates.certificate(Shown::Right),
        certificates.key(Shown::Right),
    ));
    let (_, report) = doctor(&home, &[]).await;
    assert!(
        finding(&report, "sip tls port")["detail"]
            .as_str()
            .unwrap()
            .contains("is free"),
        "{report:#}"
    );
    let server = home.serve().await;
    let (_, report) = doctor(&home, &[]).await;
    for check in ["sip port", "sip tls port"] {
        let found = finding(&report, check);
        let detail = found["detail"].as_str().unwrap();
        assert!(
            found["ok"] == true && detail.contains("in use by the running server"),
            "{report:#}"
        );
    }
    assert_eq!(finding(&report, "media both ways")["ok"], true, "{report:#}");
    let (_, report) = doctor(&home, &["far"]).await;
    assert!(!report.to_string().contains("another program"), "{report:#}");
    assert_eq!(finding(&report, "name")["ok"], true, "{report:#}");
    server.stop().await;
}

#[tokio::test]
async fn a_key_of_another_certificate_is_found_in_words() {
    if !require(Peer::Openssl) {
        return;
    }
    let certificates = Certificates::make().unwrap();
    let home = Home::new();
    home.configure(&format!(
        "[sip]\nbind = \"127.0.0.1:0\"\n[sip.tls]\nbind = \"127.0.0.1:0\"\ncertificate = {:?}\nkey = {:?}\n",
        certificates.certificate(Shown::Right),
        certificates.key(Shown::Client),
    ));
    let ran = home.run(&["serve"]).await;
    assert_ne!(ran.code, 0);
    assert!(
        ran.err.contains("the key does not belong to the certificate"),
        "{}",
        ran.err
    );
    let file = home.dir.path().join("no.pem");
    std::fs::write(&file, "hello").unwrap();
    home.configure(&format!(
        "[sip]\nbind = \"127.0.0.1:0\"\n[sip.tls]\nbind = \"127.0.0.1:0\"\ncertificate = {file:?}\nkey = {file:?}\n"
    ));
    let ran = home.run(&["serve"]).await;
    assert!(
        ran.err.contains("-----BEGIN") && !ran.err.contains("NoItemsFound"),
        "{}",
        ran.err
    );
}

#[tokio::test]
async fn speech_that_does_not_speak_is_found() {
    let home = Home::new();
    home.configure("[speech.espeak]\nprogram = \"/no/such/espeak-ng\"\n");
    let (code, report) = doctor(&home, &[]).await;
    assert_eq!(code, 1);
    let speech = finding(&report, "speech");
    assert_eq!(speech["ok"], false);
    assert!(speech["detail"].as_str().unwrap().contains("nstall"), "{speech}");
    assert_eq!(
        finding(&report, "media both ways")["ok"],
        true,
        "media needs no speech: {report:#}"
    );
}

#[tokio::test]
async fn a_database_that_is_none_is_found() {
    let home = Home::new();
    home.configure("");
    std::fs::create_dir_all(home.data()).unwrap();
    std::fs::write(home.data().join("outdial.db"), "no database ".repeat(500)).unwrap();
    let (code, report) = doctor(&home, &[]).await;
    assert_eq!(
        (code, &finding(&report, "data and database")["ok"]),
        (1, &Value::Bool(false)),
        "{report:#}"
    );
}

#[tokio::test]
async fn a_sip_port_in_use_is_found() {
    let home = Home::new();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    home.configure(&format!("[sip]\nbind = \"{}\"\n", taken.local_addr().unwrap()));
    let (code, report) = doctor(&home, &[]).await;
    assert_eq!(
        (code, &finding(&report, "sip port")["ok"]),
        (1, &Value::Bool(false)),
        "{report:#}"
    );
}

#[tokio::test]
async fn an_api_port_in_use_is_found() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let path = home.configure("");
    let text = std::fs::read_to_string(&path).unwrap();
    let bind = format!("[server]\nbind = \"{}\"", taken.local_addr().unwrap());
    std::fs::write(&path, text.replace("[server]\nbind = \"127.0.0.1:0\"", &bind)).unwrap();
    let (code, report) = doctor(&home, &[]).await;
    let found = finding(&report, "api port");
    assert_eq!((code, &found["ok"]), (1, &Value::Bool(false)), "{report:#}");
    assert!(found["detail"].as_str().unwrap().contains("[server] bind"), "{found}");
}

#[tokio::test]
async fn media_without_ports_is_found() {
    let home = Home::new();
    let path = home.configure("");
    let text = std::fs::read_to_string(&path).unwrap();
    let first: u16 = text
        .split("first_port = ")
        .nth(1)
        .unwrap()
        .split('\n')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    // Somebody else sits on the only pair of ports there is.
    let _taken = std::net::UdpSocket::bind(("127.0.0.1", first)).unwrap();
    let (before, after) = text.split_once("last_port = ").unwrap();
    let after = after.split_once('\n').unwrap().1;
    std::fs::write(&path, format!("{before}last_port = {}\n{after}", first + 1)).unwrap();
    let (code, report) = doctor(&home, &[]).await;
    assert_eq!(
        (code, &finding(&report, "media both ways")["ok"]),
        (1, &Value::Bool(false)),
        "{report:#}"
    );
}

#[tokio::test]
async fn trunks_are_reached_or_not() {
    let home = Home::new();
    home.configure("");
    let server = home.serve().await;
    let port = server.sip.rsplit(':').next().unwrap().to_owned();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = Home::new();
    other.configure(&format!(
        "[sip]\nbind = \"127.0.0.1:0\"\nt1 = 20\n[[trunk]]\nname = \"ours\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         [[trunk]]\nname = \"silent\"\nhost = \"127.0.0.1\"\nport = {}\n\
         [[trunk]]\nname = \"nowhere\"\nhost = \"no-such-host.invalid\"\n",
        silent.local_addr().unwrap().port()
    ));
    let (_, report) = doctor(&other, &[]).await;
    assert_eq!(finding(&report, "trunk ours")["ok"], true, "{report:#}");
    assert_eq!(finding(&report, "trunk silent")["ok"], false, "{report:#}");
    assert!(
        finding(&report, "trunk nowhere")["detail"]
            .as_str()
            .unwrap()
            .contains("no-such-host.invalid")
    );
    let (code, report) = doctor(&other, &["ours"]).await;
    assert_eq!(
        (code, &finding(&report, "trunk ours")["ok"]),
        (0, &Value::Bool(true)),
        "{report:#}"
    );
    assert!(
        report
            .as_array()
            .unwrap()
            .iter()
            .all(|found| found["check"] != "trunk silent")
    );
    server.stop().await;
}
