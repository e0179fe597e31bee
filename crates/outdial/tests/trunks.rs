//! Trunks as the outside world has them, against the whole program: SIPp's scenarios from 16 on, a
//! proxy in between, a softphone, and far sides whose certificates are wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{net::UdpSocket, time::Duration};

use outdial_media::{tones, wav};
use outdial_testkit::peers::{
    Asterisk, Baresip, Certificates, Dns, DnsTable, Kamailio, Peer, PortLease, Shown, Sipp, SippResult, TlsFront,
    lease_ports, require,
};
use program::{Home, Server, outcome, pause, words};
use serde_json::{Value, json};

const TO: &str = "+6598765432";

/// The program with one trunk, and with these keys in `[sip]` and in `[[trunk]]`.
async fn serve(sip: &str, trunk: &str) -> (Home, Server) {
    let home = Home::new();
    home.configure(&format!(
        "[policy]\nopen = [\"+65\", \"local:\"]\n[handsets]\nenabled = false\n[sip]\nbind = \"127.0.0.1:0\"\n{sip}\n\
         [[trunk]]\nname = \"far\"\n{trunk}\n"
    ));
    let server = home.serve().await;
    (home, server)
}

const ACCOUNT: &str = "username = \"outdial\"\npassword = \"outdial-secret\"";

fn at(port: u16) -> String {
    format!("host = \"127.0.0.1\"\nport = {port}")
}

fn over(transport: &str, port: u16) -> String {
    format!("{}\ntransport = \"{transport}\"", at(port))
}

/// What a far side does in one call, what we do, and what shall come of it.
struct Case {
    scenario: &'static str,
    /// What the trunk has beside its host and port.
    trunk: &'static str,
    /// How long we stay on the line.
    stay: &'static str,
    /// Digests in the far side's log are made with the right secret.
    credentials: bool,
}

impl Case {
    fn new(scenario: &'static str) -> Self {
        Self {
            scenario,
            trunk: "",
            stay: "300ms",
            credentials: false,
        }
    }

    async fn play(self) {
        if !require(Peer::Sipp) {
            return;
        }
        let far_side = Sipp::uas(self.scenario).timeout(LONGEST).start().await.unwrap();
        let ears = self
            .scenario
            .contains("moves-media")
            .then(|| Ears::at(far_side.media_port() + 4));
        let trunk = format!("{ACCOUNT}\n{}\n{}", at(far_side.address().port()), self.trunk);
        let (_home, server) = serve("", &trunk).await;
        let story = server.call(&json!({ "to": TO, "flow": pause(self.stay) })).await;
        assert_eq!(outcome(&story), ("completed", "flow"), "{story:#}");
        one_leg(&story);
        answered_and_ended(&story);
        let result = far_side.wait().await.unwrap();
        result.assert_success();
        if self.credentials {
            assert!(result.credentials_hold("outdial-secret").unwrap());
        }
        if let Some(ears) = ears {
            let (before, after) = ears.heard();
            assert!(
                before.len() >= 10 && after.len() >= 10,
                "{} {}",
                before.len(),
                after.len()
            );
            let last = before.last().unwrap();
            assert!(
                after.iter().all(|number| number.wrapping_sub(*last) < 1000),
                "sound goes to the old port after it went to the new one"
            );
        }
        server.stop().await;
    }
}

/// Ears at the port of a scenario's first description and at that of its second.
struct Ears([UdpSocket; 2]);

impl Ears {
    fn at(port: u16) -> Self {
        Self([port, port + 2].map(|port| {
            let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        }))
    }

    /// The sequence numbers of the packets that have come to each.
    fn heard(&self) -> (Vec<u16>, Vec<u16>) {
        let [before, after] = self.0.each_ref().map(|socket| {
            let mut packet = [0; 2048];
            let mut numbers = Vec::new();
            while let Ok(length) = socket.recv(&mut packet) {
                if length >= 12 {
                    numbers.push(u16::from_be_bytes([packet[2], packet[3]]));
                }
            }
            numbers
        });
        (before, after)
    }
}

/// One attempt with one leg: nothing rang twice.
fn one_leg(story: &Value) {
    let attempts = story["call"]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{story:#}");
    assert_eq!(attempts[0]["legs"].as_array().unwrap().len(), 1, "{story:#}");
}

/// The leg and the events of a call that was answered.
fn answered_and_ended(story: &Value) {
    let leg = &story["call"]["attempts"][0]["legs"][0];
    assert_eq!(
        (&leg["state"], &leg["trunk"]),
        (&json!("ended"), &json!("far")),
        "{story:#}"
    );
    let happened = words(story);
    let mut rest = happened.iter();
    for wanted in [
        "created",
        "routed",
        "journalled",
        "dialing",
        "answered",
        "leg_ended",
        "ended",
    ] {
        assert!(
            rest.any(|word| *word == wanted),
            "`{wanted}` is missing or out of order in {happened:?}"
        );
    }
}

/// What is told with the first event of this kind.
fn event<'a>(story: &'a Value, kind: &str) -> &'a Value {
    let mut events = story["events"].as_array().unwrap().iter();
    let found = events.find(|event| event["type"] == kind);
    &found.unwrap_or_else(|| panic!("no `{kind}` in {story:#}"))["data"]
}

/// A header of the first message of this kind that a far side received.
fn header<'a>(result: &'a SippResult, method: &str, name: &str) -> &'a str {
    let mut messages = result.received_messages();
    let message = messages.find(|message| message.starts_with(method)).unwrap();
    let mut lines = message.lines();
    lines.find_map(|line| line.strip_prefix(name)).unwrap()
}

/// Names for a trunk with two servers, the first of them first.
async fn two_servers(first: u16, second: u16) -> (Dns, String) {
    let here = "127.0.0.1".parse().unwrap();
    let dns = Dns::start(
        DnsTable::new()
            .service("_sip._udp.trunk.test", 10, 0, first, "one.trunk.test")
            .service("_sip._udp.trunk.test", 20, 0, second, "two.trunk.test")
            .host("one.trunk.test", here)
            .host("two.trunk.test", here),
    )
    .await
    .unwrap();
    let resolver = format!("resolver = \"{}\"", dns.address());
    (dns, resolver)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipp_16_is_unavailable_and_the_next_target_answers() {
    if !require(Peer::Sipp) {
        return;
    }
    let first = Sipp::uas("16-unavailable.xml").start().await.unwrap();
    let second = Sipp::uas("16-next-target.xml").start().await.unwrap();
    let (_dns, resolver) = two_servers(first.address().port(), second.address().port()).await;
    let (_home, server) = serve(&resolver, "host = \"trunk.test\"").await;
    let story = server.call(&json!({ "to": TO, "flow": pause("300ms") })).await;
    assert_eq!(outcome(&story), ("completed", "flow"), "{story:#}");
    one_leg(&story);
    let (first, second) = (first.wait().await.unwrap(), second.wait().await.unwrap());
    first.assert_success();
    second.assert_success();
    for name in ["INVITE ", "Call-ID:", "From:", "To:"] {
        assert_eq!(
            header(&first, "INVITE", name),
            header(&second, "INVITE", name),
            "{name}"
        );
    }
    assert_ne!(header(&first, "INVITE", "Via:"), header(&second, "INVITE", "Via:"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipp_17_is_silent_and_nobody_else_is_asked() {
    if !require(Peer::Sipp) {
        return;
    }
    let first = Sipp::uas("17-silent.xml").start().await.unwrap();
    let second = UdpSocket::bind("127.0.0.1:0").unwrap();
    second.set_nonblocking(true).unwrap();
    let (_dns, resolver) = two_servers(first.address().port(), second.local_addr().unwrap().port()).await;
    let (_home, server) = serve(&format!("{resolver}\nt1 = 20"), "host = \"trunk.test\"").await;
    let story = server.call(&json!({ "to": TO, "flow": pause("300ms") })).await;
    assert_eq!(outcome(&story).0, "no_answer", "{story:#}");
    one_leg(&story);
    first.wait().await.unwrap().assert_success();
    assert!(second.recv(&mut [0; 9]).is_err(), "the second target was asked");
    server.stop().await;
}

#[tokio::test]
async fn sipp_18_asks_who_we_are_by_sha_256() {
    let mut case = Case::new("18-challenge-sha-256.xml");
    case.credentials = true;
    case.play().await;
}

#[tokio::test]
async fn sipp_19_sends_us_elsewhere() {
    Case::new("19-redirect.xml").play().await;
}

#[tokio::test]
async fn sipp_20_holds_and_resumes() {
    if !require(Peer::Sipp) {
        return;
    }
    let far_side = Sipp::uas("20-hold-and-resume.xml")
        .timeout(LONGEST)
        .start()
        .await
        .unwrap();
    let trunk = format!("{ACCOUNT}\n{}", at(far_side.address().port()));
    let (home, server) = serve("", &trunk).await;
    let id = server.place(&json!({ "to": TO, "flow": pause("2s") })).await;
    // Whoever follows the events hears it while the call goes on.
    let held = server.reached(&id, "far_hold").await;
    assert_eq!(held["data"]["held"], json!(true), "{held}");
    let (_, call) = server.get(&format!("/api/v1/calls/{id}")).await;
    assert_eq!(call["state"], json!("active"), "{call}");
    let story = server.ended(&id).await;
    assert_eq!(outcome(&story), ("completed", "flow"), "{story:#}");
    answered_and_ended(&story);
    let events = story["events"].as_array().unwrap().iter();
    let holds: Vec<_> = events.filter(|event| event["type"] == "far_hold").collect();
    assert_eq!(holds.len(), 2, "{story:#}");
    assert_eq!(
        (&holds[0]["data"]["held"], &holds[1]["data"]["held"]),
        (&json!(true), &json!(false))
    );
    let told = home.run(&["explain", &id]).await.out;
    assert!(
        told.contains("it put us on hold") && told.contains("it took us back"),
        "{told}"
    );
    far_side.wait().await.unwrap().assert_success();
    server.stop().await;
}

#[tokio::test]
async fn sound_that_is_not_protected_although_that_was_wished_for_is_told() {
    if !require(Peer::Sipp) {
        return;
    }
    let far_side = Sipp::uas("01-answer.xml").start().await.unwrap();
    let trunk = format!("{}\n{SILENT}\nsrtp = \"prefer\"", at(far_side.address().port()));
    let (_home, server) = serve("", &trunk).await;
    let story = server.call(&json!({ "to": TO, "flow": pause("300ms") })).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    assert_eq!(event(&story, "session")["srtp"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn sipp_21_moves_the_media() {
    let mut case = Case::new("21-update-moves-media.xml");
    case.stay = "1500ms";
    case.play().await;
}

/// How long a far side waits for the call to end.
const LONGEST: Duration = Duration::from_secs(120);

/// SIPp sends no sound.
const SILENT: &str = "silent_after = 0";

/// A minute and a half of two calls at a time: no session is shorter (RFC 4028, section 4).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipp_22_is_refreshed_by_us_and_23_expires() {
    let refreshed = async {
        let mut case = Case::new("22-session-refreshed.xml");
        case.stay = "94s";
        case.trunk = SILENT;
        case.play().await;
    };
    let expired = async {
        if !require(Peer::Sipp) {
            return;
        }
        let far_side = Sipp::uas("23-session-expired.xml")
            .timeout(LONGEST)
            .start()
            .await
            .unwrap();
        let trunk = format!("{}\n{SILENT}", at(far_side.address().port()));
        let (_home, server) = serve("", &trunk).await;
        let story = server.call(&json!({ "to": TO, "flow": pause("94s") })).await;
        assert_eq!(outcome(&story), ("failed", "network"), "{story:#}");
        let session = event(&story, "session");
        assert_eq!(session["refreshed_by"], json!("far_side"), "{session}");
        assert_eq!(session["srtp"], Value::Null, "{session}");
        let reason = story["call"]["ending"]["reason"].as_str().unwrap();
        assert!(reason.contains("refreshed"), "{reason}");
        one_leg(&story);
        far_side.wait().await.unwrap().assert_success();
        server.stop().await;
    };
    tokio::join!(refreshed, expired);
}

#[tokio::test]
async fn sipp_22_refreshes_the_session_itself() {
    if !require(Peer::Sipp) {
        return;
    }
    let far_side = Sipp::uas("22-session-refreshed-by-far-side.xml").start().await.unwrap();
    let (_home, server) = serve("", &at(far_side.address().port())).await;
    let story = server.call(&json!({ "to": TO, "flow": pause("30s") })).await;
    assert_eq!(outcome(&story), ("completed", "callee"), "{story:#}");
    one_leg(&story);
    far_side.wait().await.unwrap().assert_success();
    server.stop().await;
}

#[tokio::test]
async fn sipp_24_wants_its_ringing_acknowledged() {
    Case::new("24-prack.xml").play().await;
}

#[tokio::test]
async fn sipp_25_talks_over_tcp() {
    let mut case = Case::new("25-tcp.xml");
    case.trunk = "transport = \"tcp\"";
    case.play().await;
}

/// SIPp behind something that takes the TLS off, one port above its own.
struct TlsFarSide {
    sipp: Sipp,
    front: TlsFront,
    certificates: Certificates,
    _ports: PortLease,
}

impl TlsFarSide {
    async fn start(shown: Shown) -> Option<Self> {
        if !require(Peer::Sipp) || !require(Peer::Openssl) {
            return None;
        }
        let ports = lease_ports(2).unwrap();
        let certificates = Certificates::make().unwrap();
        let sipp = Sipp::uas("26-tls.xml").port(ports.first()).start().await.unwrap();
        let front = TlsFront::start(ports.nth(1), sipp.address(), &certificates, shown);
        Some(Self {
            front: front.await.unwrap(),
            sipp,
            certificates,
            _ports: ports,
        })
    }

    fn trunk(&self) -> String {
        let port = self.front.address().port();
        let root = self.certificates.root();
        format!("{}\n[trunk.tls]\nroots = {root:?}", over("tls", port))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipp_26_talks_over_tls() {
    let Some(far_side) = TlsFarSide::start(Shown::Right).await else {
        return;
    };
    let (_home, server) = serve("", &far_side.trunk()).await;
    let story = server.call(&json!({ "to": TO, "flow": pause("300ms") })).await;
    assert_eq!(outcome(&story), ("completed", "flow"), "{story:#}");
    far_side.sipp.wait().await.unwrap().assert_success();
    assert_eq!((far_side.front.agreed(), far_side.front.failed()), (1, 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipp_26_wants_to_see_our_certificate() {
    if !require(Peer::Sipp) || !require(Peer::Openssl) {
        return;
    }
    let ports = lease_ports(2).unwrap();
    let certificates = Certificates::make().unwrap();
    let sipp = Sipp::uas("26-tls.xml").port(ports.first()).start().await.unwrap();
    let front = TlsFront::for_known_clients(ports.nth(1), sipp.address(), &certificates)
        .await
        .unwrap();
    let (root, shown, key) = (
        certificates.root(),
        certificates.certificate(Shown::Client),
        certificates.key(Shown::Client),
    );
    let trunk = format!("{}\n[trunk.tls]\nroots = {root:?}", over("tls", ports.nth(1)));
    let trunk = format!("{trunk}\ncertificate = {shown:?}\nkey = {key:?}");
    let (_home, server) = serve("", &trunk).await;
    let story = server.call(&json!({ "to": TO, "flow": pause("300ms") })).await;
    assert_eq!(outcome(&story), ("completed", "flow"), "{story:#}");
    server.stop().await;
    sipp.wait().await.unwrap().assert_success();
    assert_eq!(front.agreed(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipp_26_with_a_wrong_certificate_hears_nothing() {
    for shown in [Shown::Expired, Shown::OtherName, Shown::UnknownRoot] {
        let Some(far_side) = TlsFarSide::start(shown).await else {
            return;
        };
        let (_home, server) = serve("", &far_side.trunk()).await;
        let story = server.call(&json!({ "to": TO, "flow": pause("300ms") })).await;
        let reason = story["call"]["ending"]["reason"].as_str().unwrap_or_default();
        assert!(!words(&story).contains(&"answered"), "{shown:?}: {story:#}");
        assert!(reason.contains("certificate"), "{shown:?}: {reason}");
        assert_eq!(far_side.front.agreed(), 0, "{shown:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn sipp_27_offers_nothing_in_the_call() {
    let mut case = Case::new("27-late-offer-in-call.xml");
    case.stay = "1500ms";
    case.play().await;
}

#[tokio::test]
async fn sipp_31_hears_who_diverts_calls_of_other_people_and_only_those() {
    if !require(Peer::Sipp) {
        return;
    }
    let (other, ours) = ("+6590001111", "+6561234567");
    for (scenario, from, diverted) in [
        ("31-diversion.xml", Some(other), true),
        ("01-answer.xml", Some(ours), false),
        ("01-answer.xml", None, false),
    ] {
        let far_side = Sipp::uas(scenario).start().await.unwrap();
        let trunk = format!("{ACCOUNT}\ndiversion = {ours:?}\n{}", at(far_side.address().port()));
        let (_home, server) = serve("", &trunk).await;
        let mut request = json!({ "to": TO, "flow": pause("300ms") });
        if let Some(from) = from {
            request["from"] = json!(from);
        }
        let story = server.call(&request).await;
        assert_eq!(outcome(&story), ("completed", "flow"), "{story:#}");
        let result = far_side.wait().await.unwrap();
        result.assert_success();
        assert_eq!(result.messages.contains("Diversion:"), diverted, "{from:?}: {result}");
        server.stop().await;
    }
}

/// Waits until Asterisk has no call any more: our BYE has arrived.
async fn quiet(asterisk: &Asterisk) {
    let wait = async {
        while !asterisk.cli("core show channels").unwrap().contains("0 active calls") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
}

#[tokio::test]
async fn asterisk_behind_kamailio_is_reached_after_the_first_target_refuses() {
    if !require(Peer::Kamailio) || !require(Peer::Asterisk) || !require(Peer::Sipp) {
        return;
    }
    for transport in ["udp", "tcp"] {
        let unable = Sipp::uas("16-unavailable.xml").start().await.unwrap();
        let asterisk = Asterisk::shared().await.unwrap();
        let kamailio = Kamailio::start(&[unable.address(), asterisk.address()]).await.unwrap();
        // In another name than the user's, whom Asterisk asks who he is: then both targets see one INVITE.
        let trunk = format!(
            "from_user = \"somebody\"\n{}",
            over(transport, kamailio.address().port())
        );
        let (_home, server) = serve("", &trunk).await;
        // Keys, so that sound goes past the proxy; then it is ours to hang up, through the proxy.
        let flow = json!([{ "pause": "1s" }, { "send_digits": "42#" }, { "pause": "500ms" }]);
        let id = server.place(&json!({ "to": "10242", "flow": flow })).await;
        let story = server.ended(&id).await;
        assert_eq!(outcome(&story).0, "completed", "{story:#}\n{}", kamailio.log());
        one_leg(&story);
        quiet(&asterisk).await;
        assert_eq!(asterisk.digits("42").unwrap().as_deref(), Some("42"), "{transport}");
        unable.wait().await.unwrap().assert_success();

        // Whom Asterisk hangs up: its BYE comes through the proxy.
        let second = Kamailio::start(&[asterisk.address()]).await.unwrap();
        let (_home, other) = serve("", &format!("{ACCOUNT}\n{}", over(transport, second.address().port()))).await;
        let story = other.call(&json!({ "to": "116", "flow": pause("10s") })).await;
        assert_eq!(outcome(&story), ("completed", "callee"), "{story:#}\n{}", second.log());
        // A challenge in the dialog's beginning goes through it as well.
        let story = other.call(&json!({ "to": "7101", "flow": pause("300ms") })).await;
        assert_eq!(outcome(&story), ("completed", "flow"), "{story:#}\n{}", second.log());
        quiet(&asterisk).await;
        server.stop().await;
        other.stop().await;
    }
}

/// How much of a recording is a tone of 440 Hz, from 0 to 1, where it is not silent.
fn tone(samples: &[i16], rate: u32) -> f64 {
    let frame = rate as usize / 50;
    let loud: Vec<f64> = samples
        .chunks_exact(frame)
        .filter(|chunk| chunk.iter().any(|sample| sample.unsigned_abs() > 500))
        .map(|chunk| {
            let step = std::f64::consts::TAU * 440.0 / f64::from(rate);
            let (mut real, mut imaginary, mut power) = (0.0, 0.0, 0.0);
            for (index, sample) in chunk.iter().enumerate() {
                let value = f64::from(*sample);
                real += value * (step * index as f64).cos();
                imaginary += value * (step * index as f64).sin();
                power += value * value;
            }
            2.0 * (real * real + imaginary * imaginary) / (power * frame as f64)
        })
        .collect();
    assert!(loud.len() > 20, "only {} frames are not silent", loud.len());
    loud.iter().sum::<f64>() / loud.len() as f64
}

#[tokio::test]
async fn asterisk_and_baresip_are_rung_and_heard() {
    if !require(Peer::Baresip) || !require(Peer::Asterisk) {
        return;
    }
    // The phone belongs to Asterisk; we ring it there, and without it.
    let asterisk = Asterisk::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let speech = home.path().join("says.wav");
    wav::write_mono(
        &mut std::fs::File::create(&speech).unwrap(),
        8000,
        &tones::sine(8000, 440.0, -10.0, 3_000),
    )
    .unwrap();
    let phone = Baresip::of(Asterisk::PHONE, asterisk.address())
        .registers(Asterisk::SECRET)
        .says(&speech);
    let mut phone = phone.start().await.unwrap();
    phone.registered().await.unwrap();
    let itself = format!("sip:{}@{}", Asterisk::PHONE, phone.address());
    for to in ["120", &itself] {
        let (_home, server) = serve("", &format!("{ACCOUNT}\n{}", at(asterisk.address().port()))).await;
        let mut prompt = Vec::new();
        wav::write_mono(&mut prompt, 8000, &tones::sine(8000, 440.0, -10.0, 1_500)).unwrap();
        let request = reqwest::Client::new()
            .post(format!("{}/api/v1/audio", server.url))
            .bearer_auth(&server.key)
            .header("Content-Type", "audio/wav")
            .body(prompt);
        let (_, audio) = Server::answer(request).await;
        let flow = json!([{ "play": audio["id"] }, { "pause": "10s" }]);
        let story = server.call(&json!({ "to": to, "flow": flow, "ring": "10s" })).await;
        // It hangs up when it has said everything.
        assert_eq!(outcome(&story), ("completed", "callee"), "{story:#}\n{}", phone.log());
        phone.until("CALL_CLOSED").await.unwrap();
        let quality = &story["call"]["attempts"][0]["legs"][0]["quality"];
        assert!(quality["received"].as_u64().unwrap() > 100, "{quality}");
        let (samples, rate) = program::samples(phone.heard().last().unwrap());
        let share = tone(&samples, rate);
        assert!(share > 0.9, "only {share} of what it heard is what we played");
        server.stop().await;
    }
}

#[tokio::test]
async fn sipp_is_rung_over_ipv6() {
    if !require(Peer::Sipp) {
        return;
    }
    let far_side = Sipp::uas("01-answer.xml").ipv6().start().await.unwrap();
    let home = Home::new();
    home.configure(&format!(
        "[policy]\nopen = [\"+65\"]\n[handsets]\nenabled = false\n[sip]\nbind = \"[::1]:0\"\n\
         [[trunk]]\nname = \"far\"\nhost = \"::1\"\nport = {}\n",
        far_side.address().port()
    ));
    let server = home.serve().await;
    let story = server.call(&json!({ "to": TO, "flow": pause("300ms") })).await;
    assert_eq!(outcome(&story), ("completed", "flow"), "{story:#}");
    one_leg(&story);
    answered_and_ended(&story);
    let sent = story["traces"][0]["messages"][0]["text"].as_str().unwrap();
    assert!(
        sent.contains("Via: SIP/2.0/UDP [::1]:") && sent.contains("c=IN IP6 ::1"),
        "{sent}"
    );
    far_side.wait().await.unwrap().assert_success();
    server.stop().await;
}

/// Whoever says nothing at all keeps a call for as long as it may ring, and not for the half minute in which a
/// response may still come.
#[tokio::test]
async fn ringing_ends_when_it_was_said_to_however_silent_the_far_side_is() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (_home, server) = serve("", &at(silent.local_addr().unwrap().port())).await;
    let begun = std::time::Instant::now();
    let story = server
        .call(&json!({ "to": TO, "ring": "1s", "flow": pause("1s") }))
        .await;
    assert_eq!(outcome(&story), ("no_answer", "system"), "{story:#}");
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    one_leg(&story);
    server.stop().await;
}

#[tokio::test]
async fn sipp_33_hangs_up_at_once_whatever_follows_the_answer() {
    if !require(Peer::Sipp) {
        return;
    }
    for flow in [
        json!([{ "pause": "30s" }]),
        json!([{ "gather": { "digits": 4, "timeout": "30s" } }, { "pause": "30s" }]),
        json!([{ "send_digits": "1234567890" }, { "pause": "30s" }]),
        json!([{ "dial": { "to": "+6590001111", "ring": "30s" } }, { "pause": "30s" }]),
        json!([{ "conference": { "room": "early" } }]),
    ] {
        let far_side = Sipp::uas("33-hangs-up-at-once.xml").start().await.unwrap();
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = format!(
            "prefixes = [\"+6598\"]\n[[trunk]]\nname = \"other\"\n{}",
            at(silent.local_addr().unwrap().port())
        );
        let (_home, server) = serve("t1 = 50", &format!("{}\n{other}", at(far_side.address().port()))).await;
        let story = server.call(&json!({ "to": TO, "flow": flow })).await;
        assert_eq!(outcome(&story).1, "callee", "{flow}: {story:#}");
        // Whoever was being dialled for it meanwhile is let go.
        assert!(
            ["completed", "canceled"].contains(&outcome(&story).0),
            "{flow}: {story:#}"
        );
        let attempts = story["call"]["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 1, "{story:#}");
        for leg in attempts[0]["legs"].as_array().unwrap() {
            assert_eq!(leg["state"], json!("ended"), "{flow}: {story:#}");
        }
        far_side.wait().await.unwrap().assert_success();
        server.stop().await;
    }
}
