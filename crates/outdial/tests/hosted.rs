//! Calls and texts that go by hosted services: by services that a second server of ours serves, down to the phones,
//! and by one that answers as it is told, through kills.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use outdial_testkit::{
    http::{Asked, Fake, Reply, ok},
    peers::{Peer, require},
};
use program::{Home, LIMIT, Server, outcome};
use serde_json::{Value, json};

const FIRST: &str = "+12025550110";
const SECOND: &str = "+12025550111";
const BUSY: &str = "+12025550119";
const OURS: &str = "+12025550199";

/// How many phones there are that are rung once.
const ROUNDS: usize = 8;

fn of_round(round: usize) -> String {
    format!("+1202555012{round}")
}

/// The services, with phones behind them.
struct Services {
    home: Home,
    server: Server,
}

impl Services {
    async fn start() -> Self {
        let home = Home::new();
        let phone = |number: &str| {
            format!(
                "[[phone]]\nnumber = \"{number}\"\nring = \"100ms\"\ndo = [{{ wait = \"1s\" }}, {{ hang_up = true }}]\n"
            )
        };
        let busy = format!("[[phone]]\nnumber = \"{BUSY}\"\nthen = \"busy\"\n");
        let others: String = (0..ROUNDS).map(|round| phone(&of_round(round))).collect();
        std::fs::write(
            home.dir.path().join("phones.toml"),
            phone(FIRST) + &phone(SECOND) + &others + &busy,
        )
        .unwrap();
        std::fs::create_dir(home.dir.path().join("audio")).unwrap();
        let at = |name: &str| home.dir.path().join(name).display().to_string();
        home.configure(&format!(
            "[pacing]\nnumber_gap = 0.0\n[handsets]\nscript = \"{}\"\n\
             [[number]]\nnumber = \"{OURS}\"\nuses = [\"caller_id\", \"receives_texts\"]\n\
             [[faces.exotel.account]]\nsid = \"acme\"\ntoken = \"sesame\"\n\
             [[faces.hoiio.app]]\napp_id = \"MYAPP\"\naccess_token = \"sesame\"\n\
             [faces.voicent]\nbind = \"127.0.0.1:0\"\naudio = \"{}\"\n\
             [flow]\nwait = [{{ pause = \"300ms\" }}]\n",
            at("phones.toml"),
            at("audio"),
        ));
        let server = home.serve().await;
        Self { home, server }
    }

    fn audio(&self) -> PathBuf {
        self.home.dir.path().join("audio")
    }

    /// How often a phone was invited.
    fn rings(&self, number: &str) -> usize {
        let log = std::fs::read_to_string(self.home.data().join("rings.jsonl")).unwrap_or_default();
        let invited = |line: &&str| line.contains("\"event\":\"invite\"") && line.contains(number);
        log.lines().filter(invited).count()
    }

    /// A configuration whose trunks are these services.
    fn trunks(&self) -> String {
        let http = "allow = [\"127.0.0.1\"]\nfirst_poll = 0.1\nlongest_poll = 0.3\n";
        let exotel = |table: &str| {
            format!(
                "carrier = \"exotel\"\n[{table}.exotel]\nsid = \"acme\"\ntoken = \"sesame\"\nurl = \"{}\"\nfrom = \"{OURS}\"\n\
                 requests_per_minute = 6000\napps = \"http://my.exotel.in/exoml/start/{{app}}\"\n[{table}.exotel.http]\n{http}",
                self.server.url
            )
        };
        let hoiio = |table: &str| {
            format!(
                "carrier = \"hoiio\"\n[{table}.hoiio]\nurl = \"{}/open/\"\napp_id = \"MYAPP\"\naccess_token = \"sesame\"\n\
                 [{table}.hoiio.http]\n{http}",
                self.server.url
            )
        };
        let voicent = |table: &str| {
            format!(
                "carrier = \"voicent\"\n[{table}.voicent]\nurl = \"http://{}\"\naudio = \"{}\"\n[{table}.voicent.http]\n{http}",
                self.server.face("voicent"),
                self.audio().display()
            )
        };
        format!(
            "[pacing]\nnumber_gap = 0.0\n[handsets]\nenabled = false\n[policy]\nopen = [\"+1202\"]\n\
             [[trunk]]\nname = \"exotel\"\n{}[[trunk]]\nname = \"hoiio\"\n{}[[trunk]]\nname = \"voicent\"\n{}\
             [[sms_trunk]]\nname = \"exotel texts\"\n{}[[sms_trunk]]\nname = \"hoiio texts\"\n{}",
            exotel("trunk"),
            hoiio("trunk"),
            voicent("trunk"),
            exotel("sms_trunk"),
            hoiio("sms_trunk"),
        )
    }
}

fn call(to: &str, via: &str, flow: &Value) -> Value {
    json!({ "to": to, "via": via, "flow": flow, "ring": "20s", "max": "60s" })
}

#[tokio::test]
async fn calls_go_by_services_that_we_serve_ourselves() {
    if !require(Peer::EspeakNg) {
        return;
    }
    let services = Services::start().await;
    let home = Home::new();
    home.configure(&services.trunks());
    let server = home.serve().await;
    for (to, via, flow, wanted, second) in [
        (FIRST, "exotel", json!([{ "dial": SECOND }]), "completed", true),
        (FIRST, "exotel", json!([{ "dial": BUSY }]), "busy", false),
        (
            FIRST,
            "exotel",
            json!([{ "hand_over": { "application": "wait" } }]),
            "completed",
            false,
        ),
        (
            FIRST,
            "hoiio",
            json!([{ "dial": { "to": SECOND, "from": "private" } }]),
            "completed",
            true,
        ),
        (BUSY, "hoiio", json!([{ "dial": SECOND }]), "busy", false),
        (
            FIRST,
            "hoiio",
            json!([{ "conference": "stand-up" }]),
            "completed",
            false,
        ),
        (FIRST, "voicent", json!([{ "say": "Hello" }]), "completed", false),
        (
            FIRST,
            "voicent",
            json!([{ "say": "Hello" }, { "pause": "200ms" }]),
            "completed",
            false,
        ),
        (BUSY, "voicent", json!([{ "say": "Hello" }]), "busy", false),
    ] {
        let (before, before_second) = (services.rings(to), services.rings(SECOND));
        let story = server.call(&call(to, via, &flow)).await;
        assert_eq!(outcome(&story).0, wanted, "{via} {flow}: {story:#}");
        assert_eq!(services.rings(to) - before, 1, "{via} {flow}: {story:#}");
        assert_eq!(
            services.rings(SECOND) - before_second,
            usize::from(second),
            "{via} {flow}"
        );
    }
    // What was spoken by us lies where the gateway took it from.
    assert_eq!(std::fs::read_dir(services.audio()).unwrap().count(), 1);
    for (via, flow, why) in [
        ("exotel", json!([{ "say": "Hello" }]), "connects two numbers"),
        ("hoiio", json!([{ "gather": { "digits": 1 } }]), "connects two numbers"),
        ("voicent", json!([{ "dial": SECOND }]), "says texts"),
    ] {
        let (status, refused) = server.post("/api/v1/calls", &call(FIRST, via, &flow)).await;
        assert!(status >= 400 && refused.to_string().contains(why), "{status} {refused}");
    }
    // Two are in a room there, and one is taken out of it by hanging up.
    let in_room = call(SECOND, "hoiio", &json!([{ "conference": "long" }]));
    let id = server.place(&in_room).await;
    server.reached(&id, "dialing").await;
    let (status, _) = server.post(&format!("/api/v1/calls/{id}/hangup"), &json!({})).await;
    assert!(status < 300, "{status}");
    let story = server.ended(&id).await;
    assert!(["canceled", "completed"].contains(&outcome(&story).0), "{story:#}");
    // A service that hangs nothing up is not said to: the call goes on, and is followed to its end.
    let two = call(FIRST, "exotel", &json!([{ "dial": SECOND }]));
    let id = server.place(&two).await;
    server.reached(&id, "dialing").await;
    let (status, told) = server.post(&format!("/api/v1/calls/{id}/hangup"), &json!({})).await;
    assert_eq!((status, &told["code"]), (409, &json!("not_now")), "{told:#}");
    assert!(told["detail"].to_string().contains("Exotel has no way"), "{told:#}");
    let story = server.ended(&id).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    server.stop().await;
    services.server.stop().await;
}

#[tokio::test]
async fn texts_go_by_services_that_we_serve_ourselves() {
    let services = Services::start().await;
    let home = Home::new();
    home.configure(&services.trunks());
    let server = home.serve().await;
    for (via, from) in [
        ("exotel texts", Some(OURS)),
        ("exotel texts", None),
        ("hoiio texts", None),
    ] {
        let mut body = json!({ "to": FIRST, "body": "Hello", "via": via });
        if let Some(from) = from {
            body["from"] = json!(from);
        }
        let (status, answer) = server.post("/api/v1/messages", &body).await;
        assert_eq!(status, 201, "{answer}");
        let id = answer["results"][0]["message"]["id"]
            .as_str()
            .or(answer["id"].as_str())
            .unwrap()
            .to_owned();
        server.reached(&id, "message_ended").await;
        let (_, message) = server.get(&format!("/api/v1/messages/{id}")).await;
        assert_eq!(message["state"], "delivered", "{via}: {message:#}");
    }
    let texts = std::fs::read_to_string(services.home.data().join("texts.jsonl")).unwrap();
    assert_eq!(
        texts.lines().filter(|line| line.contains("\"48656c6c6f\"")).count(),
        3,
        "{texts}"
    );
    server.stop().await;
    services.server.stop().await;
}

#[tokio::test]
async fn no_phone_rings_twice_when_the_program_dies() {
    if !require(Peer::EspeakNg) {
        return;
    }
    let services = Services::start().await;
    let two = || json!([{ "dial": SECOND }]);
    let rounds: [_; ROUNDS] = [
        ("exotel", "before_journal", two(), "completed", 1),
        ("exotel", "after_journal", two(), "unknown", 0),
        ("hoiio", "after_journal", two(), "unknown", 0),
        ("voicent", "after_journal", json!([{ "say": "Hello" }]), "unknown", 0),
        // The service has it, and we never wrote down by which name.
        ("exotel", "sent", two(), "completed", 1),
        ("hoiio", "sent", two(), "completed", 1),
        ("voicent", "sent", json!([{ "say": "Hello" }]), "unknown", 1),
        ("hoiio", "before_end", two(), "completed", 1),
    ];
    for (round, (via, fault, flow, wanted, rings)) in rounds.into_iter().enumerate() {
        // A call of another round between the same numbers could be the one that is looked for at Exotel.
        let (what, number) = (format!("{via} {fault}"), of_round(round));
        let home = Home::new();
        home.configure(&services.trunks());
        let server = home.serve_with_fault(fault).await;
        let _ = server.try_post("/api/v1/calls", &call(&number, via, &flow)).await;
        server.died().await;
        let server = home.serve().await;
        let (_, page) = server.get("/api/v1/calls").await;
        let id = page["calls"][0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{what}: {page}"))
            .to_owned();
        let story = server.ended(&id).await;
        assert_eq!(outcome(&story).0, wanted, "{what}: {story:#}");
        // The call may go on at the service when nobody here knows of it any more.
        let rung = async {
            while services.rings(&number) < rings {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, rung).await.unwrap();
        assert_eq!(services.rings(&number), rings, "{what}");
        server.stop().await;
    }
    services.server.stop().await;
}

#[tokio::test]
async fn a_request_under_way_at_a_kill_is_never_made_again() {
    let listed = r#"{"Calls":[{"Sid":"c1","From":"+12025550110","To":"+12025550111","Status":"in-progress"}]}"#;
    let fake = Fake::start(move |asked: &Asked, _| match asked.line.as_str() {
        // Killed before it is answered.
        line if line.starts_with("POST") => Reply::Nothing,
        line if line.contains("Calls.json?") => ok(listed),
        _ => ok(r#"{"Call":{"Sid":"c1","Status":"completed","Duration":"9"}}"#),
    })
    .await;
    let home = Home::new();
    let trunk = |more: &str| {
        format!(
            "[handsets]\nenabled = false\n[policy]\nopen = [\"+1202\"]\n\
             [[trunk]]\nname = \"far\"\ncarrier = \"exotel\"\n[trunk.exotel]\nsid = \"acme\"\ntoken = \"sesame\"\n\
             url = \"{}\"\nfrom = \"{OURS}\"\n[trunk.exotel.http]\nallow = [\"127.0.0.1\"]\nfirst_poll = 0.1\n{more}",
            fake.url()
        )
    };
    home.configure(&trunk(""));
    let server = home.serve().await;
    let id = server.place(&call(FIRST, "far", &json!([{ "dial": SECOND }]))).await;
    fake.wait_for("POST", 1).await;
    server.kill().await;
    let server = home.serve().await;
    let story = server.ended(&id).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    assert_eq!(fake.asked("POST").len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_text_under_way_at_a_kill_is_found_by_its_tag() {
    let sent = Arc::new(Mutex::new(String::new()));
    let service = Arc::clone(&sent);
    let fake = Fake::start(move |asked: &Asked, _| {
        let mut tag = service.lock().unwrap();
        match asked.line.as_str() {
            line if line.contains("sms/send") => {
                let mut pairs = asked.body.split('&');
                *tag = pairs.find_map(|pair| pair.strip_prefix("tag=")).unwrap().to_owned();
                // Killed before it is answered.
                Reply::Nothing
            }
            line if line.contains("get_history") => ok(format!(
                r#"{{"status":"success_ok","total_entries_count":1,"entries":[{{"txn_ref":"AA-T-1","tag":"{tag}"}}]}}"#
            )),
            _ => ok(r#"{"status":"success_ok","txn_ref":"AA-T-1","sms_status":"delivered"}"#),
        }
    })
    .await;
    let home = Home::new();
    home.configure(&format!(
        "[handsets]\nenabled = false\n[policy]\nopen = [\"+1202\"]\n\
         [[sms_trunk]]\nname = \"far\"\ncarrier = \"hoiio\"\n[sms_trunk.hoiio]\nurl = \"{}/open/\"\n\
         app_id = \"MYAPP\"\naccess_token = \"sesame\"\n[sms_trunk.hoiio.http]\nallow = [\"127.0.0.1\"]\nfirst_poll = 0.1\n",
        fake.url()
    ));
    let server = home.serve().await;
    let text = json!({ "to": FIRST, "body": "Hello" });
    let (status, message) = server.post("/api/v1/messages", &text).await;
    assert_eq!(status, 201, "{message}");
    fake.wait_for("POST /open/sms/send", 1).await;
    server.kill().await;
    let server = home.serve().await;
    let id = message["results"][0]["message"]["id"].as_str().unwrap();
    let path = format!("/api/v1/messages/{id}");
    let ends = async {
        loop {
            let (_, message) = server.get(&path).await;
            if message["state"] == "delivered" {
                return;
            }
            assert_ne!(message["state"], "unknown", "{message}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, ends).await.unwrap();
    assert_eq!(fake.asked("POST /open/sms/send").len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn callbacks_come_where_the_api_is_served() {
    let fake = Fake::start(|asked: &Asked, before| match (asked.line.starts_with("POST"), before) {
        (true, _) => ok(r#"{"Call":{"Sid":"c1","Status":"queued"}}"#),
        (false, _) => ok(r#"{"Call":{"Sid":"c1","Status":"busy"}}"#),
    })
    .await;
    let home = Home::new();
    home.configure(&format!(
        "[handsets]\nenabled = false\n[policy]\nopen = [\"+1202\"]\n\
         [[trunk]]\nname = \"far\"\ncarrier = \"exotel\"\n[trunk.exotel]\nsid = \"acme2\"\ntoken = \"sesame\"\nurl = \"{}\"\n\
         from = \"{OURS}\"\n[trunk.exotel.http]\nallow = [\"127.0.0.1\"]\nfirst_poll = 3000\nlongest_poll = 3600\n\
         callbacks = \"https://calls.example.com\"\n",
        fake.url()
    ));
    let server = home.serve().await;
    let id = server.place(&call(FIRST, "far", &json!([{ "dial": SECOND }]))).await;
    let asked = fake.wait_for("POST", 1).await;
    let (_, path) = asked[0]
        .body
        .split_once("StatusCallback=https%3A%2F%2Fcalls.example.com")
        .unwrap();
    let path = path.split('&').next().unwrap().replace("%2F", "/");
    server.reached(&id, "dialing").await;
    let (status, _) = server.post(&path, &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(outcome(&server.ended(&id).await).0, "busy");
    server.stop().await;
}

#[tokio::test]
async fn doctor_looks_at_hosted_trunks() {
    let services = Services::start().await;
    let home = Home::new();
    let config = services.trunks();
    home.configure(&config);
    for trunk in ["exotel", "hoiio", "voicent"] {
        let ran = home.run(&["doctor", trunk]).await;
        assert!(ran.code == 0 && ran.out.contains("answers"), "{trunk}: {ran:?}");
    }
    for (change, to, trunk, why) in [
        ("token = \"sesame\"", "token = \"wrong\"", "exotel", "check `sid`"),
        (
            "access_token = \"sesame\"",
            "access_token = \"wrong\"",
            "hoiio",
            "check `app_id`",
        ),
        ("audio = \"/", "audio = \"/nowhere/", "voicent", "`audio`"),
    ] {
        let changed = match trunk {
            // Its token is part of the other's name.
            "exotel" => config.replace(&format!("acme\"\n{change}"), &format!("acme\"\n{to}")),
            _ => config.replace(change, to),
        };
        home.configure(&changed);
        let ran = home.run(&["doctor", trunk]).await;
        assert!(ran.code == 1 && ran.out.contains(why), "{trunk}: {ran:?}");
        assert!(!ran.out.contains("wrong") || !ran.out.contains("sesame"), "{ran:?}");
    }
    services.server.stop().await;
}
