//! Unmodified clients of other services, under the names of those services: each test runs itself once more in a
//! network of its own, where the names lead to this machine, and a certificate is made for them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "a test's way to say that it was skipped")]

mod program;

mod receiver;

use std::{path::Path, process::Stdio};

use axum::http::HeaderMap;
use outdial_testkit::peers::{Peer, interop_dir, npm_packages, require, venv_python};
use program::{Home, LIMIT, Server};
use receiver::Receiver;
use serde_json::{Value, json};
use tokio::process::Command;

/// The names that clients have built in.
const NAMES: &[&str] = &["twilix.exotel.in", "api.exotel.com", "secure.hoiio.com"];
/// Says that a test runs in the network of its own.
const INSIDE: &str = "TEST_RUNS_INSIDE";

const FIRST: &str = "+12025550110";
const SECOND: &str = "+12025550111";
const BUSY: &str = "+12025550119";
const OURS: &str = "+12025550199";

/// Runs the test of this name in a network of its own; says whether this is that network. Where the system forbids
/// it, says so; in CI that is a failure.
async fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = ["--user", "--map-root-user", "--mount", "--net"];
    let may = Command::new("unshare")
        .args(unshare)
        .args(["ip", "link", "set", "lo", "up"])
        .output()
        .await;
    if !may.as_ref().is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "a network cannot be had: {may:?}");
        eprintln!("SKIPPED: a network cannot be had: {may:?}");
        return false;
    }
    let directory = tempfile::tempdir().unwrap();
    let hosts = directory.path().join("hosts");
    std::fs::write(&hosts, format!("127.0.0.1 localhost {}\n", NAMES.join(" "))).unwrap();
    let script = "ip link set lo up && mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(unshare).args(["sh", "-c", script, "sh"]).arg(&hosts);
    command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"]);
    let output = command.env(INSIDE, "1").kill_on_drop(true).output();
    let output = tokio::time::timeout(LIMIT, output).await.expect("it ends").unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{told}",
        String::from_utf8_lossy(&output.stdout)
    );
    false
}

/// Makes a certificate for the names, which is its own authority.
async fn certificate(home: &Home) {
    let names: Vec<String> = NAMES.iter().map(|name| format!("DNS:{name}")).collect();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=a test",
        ])
        .args(["-addext", &format!("subjectAltName={}", names.join(","))])
        .args(["-out", "faces.crt", "-keyout", "faces.key"])
        .current_dir(home.dir.path())
        .stderr(Stdio::null())
        .status();
    assert!(made.await.unwrap().success());
}

/// A server with phones, both services, and their names.
async fn serve(home: &Home) -> Server {
    certificate(home).await;
    let at = |name: &str| home.dir.path().join(name).display().to_string();
    let phone = |number: &str| {
        format!(
            "[[phone]]\nnumber = \"{number}\"\nring = \"100ms\"\ndo = [{{ wait = \"1s\" }}, {{ hang_up = true }}]\n"
        )
    };
    let busy = format!("[[phone]]\nnumber = \"{BUSY}\"\nthen = \"busy\"\n");
    std::fs::write(at("phones.toml"), phone(FIRST) + &phone(SECOND) + &busy).unwrap();
    home.configure(&format!(
        "[handsets]\nscript = \"{}\"\n[webhooks]\nallow = [\"127.0.0.1\"]\n\
         [[number]]\nnumber = \"{OURS}\"\nuses = [\"caller_id\", \"receives_texts\"]\n\
         [faces.tls]\nbind = \"127.0.0.1:443\"\ncertificate = \"{}\"\nkey = \"{}\"\n\
         [[faces.exotel.account]]\nsid = \"rajnikanth\"\ntoken = \"asd7\"\n\
         [[faces.hoiio.app]]\napp_id = \"MYAPP\"\naccess_token = \"MYTOKEN\"\n\
         [flow]\nwait = [{{ pause = \"500ms\" }}]\n",
        at("phones.toml"),
        at("faces.crt"),
        at("faces.key"),
    ));
    home.serve().await
}

/// Runs a client to its end, and gives what it printed.
async fn run(command: &mut Command, home: &Path) -> Value {
    let authority = home.join("faces.crt");
    let output = command
        .env("REQUESTS_CA_BUNDLE", &authority)
        .env("NODE_EXTRA_CA_CERTS", &authority)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, output).await.expect("it ends").unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}

/// The first notification that a receiver took.
async fn first(receiver: &Receiver) -> (HeaderMap, String) {
    let mut took = receiver.took.subscribe();
    let any = took.wait_for(|took| !took.is_empty());
    tokio::time::timeout(LIMIT, any).await.expect("a notification").unwrap()[0].clone()
}

/// The story of the call that a face calls so.
async fn story(server: &Server, name: &Value) -> Value {
    let (_, page) = server
        .get(&format!("/api/v1/calls?face_reference={}", name.as_str().unwrap()))
        .await;
    server.ended(page["calls"][0]["id"].as_str().unwrap()).await
}

#[tokio::test]
async fn calls_of_packages_for_python_ring_phones() {
    if !require(Peer::ExotelPython)
        || !require(Peer::Openssl)
        || !inside("calls_of_packages_for_python_ring_phones").await
    {
        return;
    }
    let home = Home::new();
    let server = serve(&home).await;
    let mut command = Command::new(venv_python());
    command.arg(interop_dir().join("peers/exotel_calls.py"));
    command.args(["rajnikanth", "asd7", FIRST, SECOND, OURS, "wait"]);
    let told = run(&mut command, home.dir.path()).await;
    let two = &told["two"];
    assert_eq!(
        (&two["Status"], &two["To"], &two["From"]),
        (&json!("completed"), &json!(SECOND), &json!(FIRST))
    );
    assert_eq!(two["Price"], Value::Null);
    let story = story(&server, &two["Sid"]).await;
    let legs = story["call"]["attempts"][0]["legs"].as_array().unwrap();
    let shown: Vec<&Value> = legs.iter().map(|leg| &leg["shows"]).collect();
    assert_eq!(shown, [OURS, OURS], "{story}");
    assert_eq!(
        (&told["flow"]["Status"], &told["flow"]["To"]),
        (&json!("completed"), &json!(OURS))
    );
    assert_eq!(
        told["missing"],
        json!({"RestException": {"Status": 404, "Message": "No matching results"}})
    );
    assert_eq!(told["refused"]["RestException"]["Status"], 401);
    assert_eq!(told["sms"]["SMSMessage"]["To"], FIRST, "{told}");
    assert_eq!(
        told["wrong"], "KeyError",
        "it looks for another form of refusal: {told}"
    );
    server.stop().await;
}

#[tokio::test]
async fn calls_of_packages_for_node_ring_phones() {
    if !require(Peer::ExotelNode) || !require(Peer::Openssl) || !inside("calls_of_packages_for_node_ring_phones").await
    {
        return;
    }
    let home = Home::new();
    let server = serve(&home).await;
    let mut command = Command::new("node");
    command
        .arg(interop_dir().join("peers/exotel_calls.js"))
        .arg(npm_packages());
    command.args(["rajnikanth", "asd7", FIRST, BUSY, OURS]);
    let told = run(&mut command, home.dir.path()).await;
    assert_eq!(told["call"]["Status"], "in-progress");
    assert_eq!(
        (&told["details"]["Status"], &told["details"]["To"]),
        (&json!("busy"), &json!(BUSY))
    );
    // This package always gives a sender of its own.
    assert_eq!(
        told["sms"],
        "400: Invalid Parameters: From is not a number of this account"
    );
    assert_eq!(program::outcome(&story(&server, &told["call"]["Sid"]).await).0, "busy");
    server.stop().await;
}

/// Runs a program with one of the packages for Python 2.
async fn run_python2(package: &str, program: &str, home: &Home) -> Value {
    let mut command = Command::new(interop_dir().join("peers/python2"));
    command
        .args(["run", package])
        .arg(interop_dir().join("peers").join(program));
    command.args(["MYAPP", "MYTOKEN", FIRST, SECOND]);
    run(&mut command, home.dir.path()).await
}

#[tokio::test]
async fn calls_of_packages_for_python_2_ring_phones() {
    if !require(Peer::HoiioPython)
        || !require(Peer::Openssl)
        || !inside("calls_of_packages_for_python_2_ring_phones").await
    {
        return;
    }
    let home = Home::new();
    let server = serve(&home).await;
    let told = run_python2("hoiio", "hoiio_calls.py", &home).await;
    assert_eq!(told["placed"][1], "success_ok", "{told}");
    assert_eq!(told["call"], json!(["myapp", FIRST, SECOND, "answered", "answered"]));
    assert_eq!(told["lasted"], json!(["int", "datetime"]));
    assert_eq!(told["meeting"], json!(["MY-ROOM", 2]));
    assert_eq!(told["hung_up"], json!(["success_ok", "success_ok"]));
    assert_eq!(told["history"], json!([3, 3, true]));
    assert_eq!(told["text"], json!([true, "success_ok"]));
    assert_eq!(told["rate"], json!([false, "error_service_not_available"]));
    assert_eq!(told["refused"], json!([false, "error_invalid_access_token"]));
    let story = story(&server, &told["placed"][2]).await;
    let legs = story["call"]["attempts"][0]["legs"].as_array().unwrap();
    assert_eq!(legs.len(), 2, "{story}");

    let told = run_python2("python-hoiio", "python_hoiio_calls.py", &home).await;
    assert_eq!(told["placed"]["status"], "success_ok", "{told}");
    assert_eq!(told["call"]["call_status_dest2"], "answered", "{told}");
    assert_eq!(told["history"]["total_entries_count"], "4", "{told}");
    assert_eq!(told["text"]["status"], "success_ok", "{told}");
    assert_eq!(told["dialled"]["status"], "success_ok", "{told}");
    assert_eq!(told["info"]["status"], "success_ok", "{told}");
    assert_eq!(
        told["subscribed"]["status"], "error_subscribe_number_not_available",
        "{told}"
    );
    assert_eq!(told["refused"]["status"], "error_invalid_access_token", "{told}");
    server.stop().await;
}

#[tokio::test]
async fn receivers_are_told_in_the_words_of_the_service() {
    let home = Home::new();
    let script = home.dir.path().join("phones.toml");
    std::fs::write(
        &script,
        format!("[[phone]]\nnumber = \"{BUSY}\"\nthen = \"busy\"\n[[phone]]\nnumber = \"{FIRST}\"\n"),
    )
    .unwrap();
    home.configure(&format!(
        "[handsets]\nscript = \"{}\"\n[webhooks]\nallow = [\"127.0.0.1\"]\n\
         [[faces.hoiio.app]]\napp_id = \"MYAPP\"\naccess_token = \"MYTOKEN\"\n",
        script.display()
    ));
    let server = home.serve().await;
    let receiver = Receiver::start(200).await;
    let ours = Receiver::start(200).await;
    let (status, _) = server
        .post("/api/v1/webhooks", &json!({"url": ours.url(), "events": ["ended"]}))
        .await;
    assert_eq!(status, 201);
    let number = |number: &str| number.replace('+', "%2B");
    let path = format!(
        "/open/voice/call?app_id=MYAPP&access_token=MYTOKEN&dest1={}&dest2={}&tag=mine&notify_url={}",
        number(BUSY),
        number(FIRST),
        receiver.url().replace(':', "%3A").replace('/', "%2F")
    );
    let (status, placed) = server.get(&path).await;
    assert_eq!((status, &placed["status"]), (200, &json!("success_ok")), "{placed}");
    story(&server, &placed["txn_ref"]).await;
    let (headers, body) = first(&receiver).await;
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    assert!(
        body.contains("call_status_dest1=busy") && body.contains("tag=mine"),
        "{body}"
    );
    assert_eq!(headers["x-hoiio-signature"].to_str().unwrap().len(), 64);
    // A webhook of the account is told in our own words, whoever makes the calls.
    let (headers, body) = first(&ours).await;
    assert_eq!(headers["content-type"], "application/json");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body["data"]["call"]["face"],
        json!({"name": "hoiio", "reference": placed["txn_ref"]})
    );
    server.stop().await;
}
