//! Calls that are left to a real Asterisk: what it is told is what it does, by files and by its manager
//! interface.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pbx;
mod program;

use std::{collections::BTreeMap, time::Duration};

use outdial_testkit::peers::Asterisk;
use pbx::Bench;
use program::{Ran, Server, outcome, words};
use serde_json::{Value, json};

/// What only goes through when nothing is divided, cut or evaluated on the way.
const HARD: &[(&str, &str)] = &[
    ("quotes", r#"say "hi" to 'them'"#),
    ("semicolons", "a;b;; c"),
    ("commas", "1,OTHER=2,,3"),
    ("hash", "#31#5551234"),
    ("brackets", r"(a [b {c\d"),
    ("equals", "x=y=z"),
    ("dollar", "100 $"),
    ("letters", "grüße 电话"),
    ("nothing", ""),
];

/// What stands in the dialplan's notes under a key, out of its brackets.
fn noted(asterisk: &Asterisk, key: &str) -> BTreeMap<String, String> {
    let notes = asterisk.kept("seen").unwrap();
    let of_key = notes.into_iter().filter_map(|(name, value)| {
        let name = name.strip_prefix(key)?.strip_prefix('/')?.to_owned();
        Some((name, value.strip_prefix('[')?.strip_suffix(']')?.to_owned()))
    });
    of_key.collect()
}

fn more(bench: &Bench, way: &str, name: &str) -> String {
    let way = if way == "files" {
        bench.by_files()
    } else {
        bench.by_manager()
    };
    format!("caller_name = '{name}'\naccount = \"acct;7\"\nvariables = {{ \"CHANNEL(language)\" = \"de\" }}\n{way}")
}

/// A call whose dialplan notes what it sees under this key.
fn seen(key: &str, value: &str) -> Value {
    json!({
        "to": "200", "from": "+6560001234", "via": "pbx",
        "flow": [{ "hand_over": {
            "context": "callfile-seen", "extension": "x1",
            "variables": { "KEY": key, "VALUE": value, "OTHER": "untouched" },
        } }],
    })
}

#[tokio::test]
async fn a_dialplan_sees_what_the_request_said() {
    let Some(bench) = Bench::start().await else { return };
    for way in ["files", "manager"] {
        // The name is the operator's, with all that a call file could trip over.
        bench.configure(None, &more(&bench, way, r#"Bob "B"; Ltd"#));
        let server = bench.home.serve().await;
        for (case, value) in HARD {
            let key = format!("{way}{case}");
            let story = server.call(&seen(&key, value)).await;
            assert_eq!(outcome(&story).0, "completed", "{key}: {story:#}");
            let noted = noted(&bench.asterisk, &key);
            for (name, wanted) in [
                ("value", *value),
                ("other", "untouched"),
                ("extension", "x1"),
                ("start", ""),
                ("account", "acct;7"),
                ("language", "de"),
                ("number", "+6560001234"),
                ("name", r#"Bob "B"; Ltd"#),
            ] {
                assert_eq!(
                    noted.get(name).map(String::as_str),
                    Some(wanted),
                    "{key} {name}: {noted:?}"
                );
            }
        }
        server.stop().await;
    }
    let heard = bench.phones.finished("200").await;
    assert_eq!(heard.from, "+6560001234", "{}", heard.invite);
}

#[tokio::test]
async fn callers_that_begin_with_a_hash_and_other_priorities_arrive() {
    let Some(bench) = Bench::start().await else { return };
    for way in ["files", "manager"] {
        bench.configure(None, &more(&bench, way, "#1; \"one\""));
        let server = bench.home.serve().await;
        let mut body = seen(&format!("{way}hash"), "v");
        body["from"] = json!("#31#5551234");
        body["flow"][0]["hand_over"]["priority"] = json!(20);
        let story = server.call(&body).await;
        assert_eq!(outcome(&story).0, "completed", "{story:#}");
        let noted = noted(&bench.asterisk, &format!("{way}hash"));
        assert_eq!(noted["number"], "#31#5551234", "{noted:?}");
        assert_eq!(noted["name"], "#1; \"one\"", "{noted:?}");
        assert_eq!(noted["start"], "20", "{noted:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn an_application_runs_with_its_argument() {
    let Some(bench) = Bench::start().await else { return };
    for way in ["files", "manager"] {
        bench.configure(None, &more(&bench, way, "Bob"));
        let server = bench.home.serve().await;
        let recording = bench.asterisk.recordings_dir().join(format!("{way}.wav"));
        let data = format!("{},0,1,kqx", recording.display());
        let body = json!({
            "to": "201", "via": "pbx",
            "flow": [{ "hand_over": { "application": "Record", "data": data } }],
        });
        let story = server.call(&body).await;
        assert_eq!(outcome(&story).0, "completed", "{story:#}");
        assert!(recording.exists(), "{}", recording.display());
        // The longest duration holds for what Asterisk does by itself, too.
        let body = json!({
            "to": "200", "via": "pbx", "max": "1s", "ring": "2s",
            "flow": [{ "hand_over": { "application": "Wait", "data": "3600" } }],
        });
        let story = server.call(&body).await;
        assert_eq!(outcome(&story).0, "completed", "{story:#}");
        server.stop().await;
    }
}

#[tokio::test]
async fn the_dialplan_begins_at_the_first_sound_only_where_that_is_wanted() {
    let Some(bench) = Bench::start().await else { return };
    for way in ["files", "manager"] {
        bench.configure(None, &more(&bench, way, "Bob"));
        let server = bench.home.serve().await;
        for early in [true, false] {
            let key = format!("{way}{early}");
            let mut body = seen(&key, "v");
            // It plays before any answer, and is never answered.
            (body["to"], body["ring"]) = (json!("205"), json!("2s"));
            body["flow"][0]["hand_over"]["early_media"] = json!(early);
            let story = server.call(&body).await;
            // Asterisk itself goes to the extension `failed` when nobody answers.
            let extension = noted(&bench.asterisk, &key).remove("extension");
            let wanted = if early { "x1" } else { "failed" };
            assert_eq!(extension.as_deref(), Some(wanted), "{key}: {story:#}");
            assert!(early || outcome(&story).0 != "completed", "{story:#}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_phone_rings_as_long_as_was_asked() {
    let Some(bench) = Bench::start().await else { return };
    for way in ["files", "manager"] {
        bench.configure(None, &more(&bench, way, "Bob"));
        let server = bench.home.serve().await;
        let mut body = seen("never", "v");
        (body["to"], body["ring"]) = (json!("203"), json!("2s"));
        let story = server.call(&body).await;
        let at = |kind: &str| -> jiff::Timestamp {
            let events = story["events"].as_array().unwrap();
            let event = events.iter().find(|event| event["type"] == kind).unwrap();
            event["at"].as_str().unwrap().parse().unwrap()
        };
        let rang: Duration = at("ended").duration_since(at("dialing")).try_into().unwrap();
        // Asterisk counts from a little later than we do, and a loaded machine from later still.
        assert!(
            (Duration::from_secs(2)..Duration::from_secs(6)).contains(&rang),
            "{rang:?} {story:#}"
        );
        assert!(!words(&story).contains(&"answered"), "{story:#}");
        server.stop().await;
    }
}

async fn refused(server: &Server, body: &Value) -> (u16, String) {
    let (status, problem) = server.post("/api/v1/calls", body).await;
    (status, problem.to_string())
}

#[tokio::test]
async fn what_may_not_or_cannot_be_handed_over_rings_nobody() {
    let Some(bench) = Bench::start().await else { return };
    let sip = format!(
        "[[trunk]]\nname = \"sip\"\nhost = \"{}\"\n",
        bench.phones.address().ip()
    );
    let flow = "[flow]\nivr = [{ hand_over = { context = \"callfile-seen\", extension = \"x1\", variables = { KEY = \"stored\" } } }]\n";
    for way in ["files", "manager"] {
        bench.configure(None, &format!("{}{sip}{flow}", more(&bench, way, "Bob")));
        let mut server = bench.home.serve().await;
        let rung = bench.phones.all_rings();
        let step = |step: Value| json!({ "to": "200", "via": "pbx", "flow": [step] });
        for (body, wanted) in [
            (
                step(json!({ "hand_over": { "application": "System", "data": "a\nSet: b=c" } })),
                "hand_over.data",
            ),
            (
                step(json!({ "hand_over": { "application": "Wait\r\nData: 1" } })),
                "hand_over.application",
            ),
            (
                step(json!({ "hand_over": { "application": "Wait", "variables": { "A\nArchive": "no" } } })),
                "hand_over.variables",
            ),
            (
                step(json!({ "hand_over": { "application": "Wait", "variables": { "SHELL(touch x)": "no" } } })),
                "SHELL",
            ),
            (
                step(json!({ "hand_over": { "application": "Wait", "data": "1 #2" } })),
                "Data",
            ),
            (
                json!({ "to": "200", "via": "sip", "flow": [{ "hand_over": { "application": "Wait" } }] }),
                "no dialplan",
            ),
            (
                json!({ "to": "200", "via": "pbx", "flow": [{ "pause": "1s" }, { "hand_over": { "application": "Wait" } }] }),
                "first step",
            ),
        ] {
            let (status, problem) = refused(&server, &body).await;
            assert!(status == 422 && problem.contains(wanted), "{status} {problem}");
        }
        // A key without the scope may only name a flow that the operator wrote.
        let request = json!({ "name": format!("tenant {way}"), "scopes": ["calls", "unmasked"] });
        let (status, key) = server.post("/api/v1/keys", &request).await;
        assert_eq!(status, 201, "{key}");
        server.key = key["secret"].as_str().unwrap().to_owned();
        let (status, problem) = refused(&server, &step(json!({ "hand_over": { "application": "Wait" } }))).await;
        assert!(
            status == 403 && problem.contains("hand_over_not_allowed"),
            "{status} {problem}"
        );
        assert_eq!(bench.phones.all_rings(), rung);
        let story = server.call(&json!({ "to": "200", "via": "pbx", "flow": "ivr" })).await;
        assert_eq!(outcome(&story).0, "completed", "{story:#}");
        assert!(!noted(&bench.asterisk, "stored").is_empty());
        server.stop().await;
    }
}

#[tokio::test]
async fn the_command_line_hands_calls_over() {
    let Some(bench) = Bench::start().await else { return };
    for way in ["files", "manager"] {
        bench.configure(None, &more(&bench, way, "Bob"));
        let key = format!("KEY=cli{way}");
        let arguments = format!(
            "call 200 --via pbx --context callfile-seen --extension x1 --variable {key} --variable VALUE=a;b --wait"
        );
        let ran = run(&bench, &arguments).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(noted(&bench.asterisk, &format!("cli{way}"))["value"], "a;b");
    }
    for wrong in [
        "--context ivr",
        "--variable A=b",
        "--application-data x",
        "--dialplan-priority 2",
    ] {
        let ran = run(&bench, &format!("call 200 --via pbx {wrong}")).await;
        assert_eq!(ran.code, 2, "{ran:?}");
    }
    let ran = run(
        &bench,
        "call 200 --via pbx --application Wait --application-data 0.1 --wait",
    )
    .await;
    assert_eq!(ran.code, 0, "{ran:?}");
}

async fn run(bench: &Bench, arguments: &str) -> Ran {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    bench.home.run(&arguments).await
}
