//! A real Asterisk takes whole calls of ours and rings phones behind it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pbx;
mod program;

use std::{fs, path::Path};

use outdial_media::{codec::Codec, resample, wav};
use outdial_testkit::peers::{Asterisk, Peer, Pesq, Sipp, require};
use pbx::{Bench, RATE};
use program::{Server, outcome, words};
use serde_json::{Value, json};

async fn upload(server: &Server, samples: &[i16]) -> String {
    let mut bytes = Vec::new();
    wav::write_mono(&mut bytes, RATE, samples).unwrap();
    let request = reqwest::Client::new()
        .post(format!("{}/api/v1/audio", server.url))
        .bearer_auth(&server.key)
        .header("Content-Type", "audio/wav")
        .body(bytes);
    let (status, audio) = Server::answer(request).await;
    assert_eq!(status, 201, "{audio}");
    audio["id"].as_str().unwrap().to_owned()
}

/// A sentence of some seconds, spoken without any code of ours but the change of its rate.
fn sentence() -> Vec<i16> {
    let text = "The north wind and the sun argued which of them was the stronger, when a traveller came along.";
    let spoken = std::process::Command::new("espeak-ng")
        .args(["--stdout", text])
        .output()
        .unwrap();
    let clip = wav::read(&spoken.stdout, 60).unwrap();
    resample::resample(&clip.samples, clip.rate, RATE).unwrap()
}

fn through_mu_law(samples: &[i16]) -> Vec<i16> {
    let mut coded = vec![0; samples.len()];
    Codec::Pcmu.encode(samples, &mut coded);
    let mut back = vec![0; samples.len()];
    Codec::Pcmu.decode(&coded, &mut back);
    back
}

fn write(path: &Path, samples: &[i16]) {
    wav::write_mono(&mut fs::File::create(path).unwrap(), RATE, samples).unwrap();
}

async fn call(server: &Server, to: &str, flow: Value) -> Value {
    server
        .call(&json!({ "to": to, "flow": flow, "ring": "3s", "via": "pbx" }))
        .await
}

/// The phone hears the prompt as it was.
async fn is_heard(bench: &Bench, server: &Server) {
    let prompt = sentence();
    let audio = upload(server, &prompt).await;
    let flow = json!([{ "pause": "200ms" }, { "play": audio }, { "pause": "300ms" }]);
    let story = call(server, "200", flow).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    let heard = bench.phones.finished("200").await;
    let reference = bench.home.dir.path().join("reference.wav");
    write(&reference, &through_mu_law(&prompt));
    let score = Pesq::narrow_band(&reference, &heard.wav.unwrap()).unwrap();
    assert!(score >= 4.0, "PESQ {score}");
}

#[tokio::test]
async fn by_files_a_phone_is_rung_once_and_hears_the_prompt() {
    if !require(Peer::Pesq) || !require(Peer::EspeakNg) {
        return;
    }
    let Some(bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_files());
    let server = bench.home.serve().await;
    is_heard(&bench, &server).await;
    for (to, wanted) in [
        ("201", "completed"),
        ("202", "failed"),
        ("203", "failed"),
        ("204", "failed"),
    ] {
        let story = call(&server, to, json!([{ "pause": "5s" }])).await;
        assert_eq!(outcome(&story).0, wanted, "{to}: {story:#}");
        if wanted == "failed" {
            assert_eq!(story["call"]["ending"]["reason"], "unreached", "{story:#}");
        }
        assert_eq!(
            words(&story).iter().filter(|word| **word == "dialing").count(),
            1,
            "{story:#}"
        );
        assert_eq!(bench.phones.rings(to).count, 1, "{to}");
    }
    assert_eq!(bench.queued(), 0);
    server.stop().await;
}

#[tokio::test]
async fn by_the_manager_interface_it_is_known_what_happens() {
    if !require(Peer::Pesq) || !require(Peer::EspeakNg) {
        return;
    }
    let Some(bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_manager());
    let server = bench.home.serve().await;
    is_heard(&bench, &server).await;
    for (to, wanted, q850) in [
        ("200", ("completed", "flow"), None),
        ("201", ("completed", "callee"), None),
        ("202", ("busy", "callee"), Some(17)),
        ("203", ("no_answer", "callee"), None),
        ("204", ("invalid_number", "network"), Some(1)),
        ("105@extensions", ("busy", "callee"), None),
        ("106@extensions", ("congestion", "network"), None),
    ] {
        let before = bench.phones.rings(to).count;
        let story = call(&server, to, json!([{ "pause": "2s" }])).await;
        assert_eq!(outcome(&story), wanted, "{to}: {story:#}");
        if q850.is_some() {
            assert_eq!(story["call"]["ending"]["q850"].as_u64(), q850, "{to}: {story:#}");
        }
        if !to.contains('@') {
            assert_eq!(bench.phones.rings(to).count - before, 1, "{to}");
        }
        let answered = words(&story).contains(&"answered");
        assert_eq!(answered, wanted.0 == "completed", "{to}: {story:#}");
        assert!(
            words(&story).contains(&"ringing") || !matches!(to, "200" | "203"),
            "{to}: {story:#}"
        );
    }
    // A dialplan that dials and says no more hides why a phone was not answered; the phone's channel does not.
    let to = format!("122{}204@extensions", bench.phones.address().port());
    let story = call(&server, &to, json!([{ "pause": "2s" }])).await;
    assert_eq!(outcome(&story), ("invalid_number", "network"), "{story:#}");
    server.stop().await;
}

#[tokio::test]
async fn by_the_manager_interface_calls_are_hung_up_and_limited() {
    let Some(bench) = Bench::start().await else { return };
    bench.configure(
        None,
        &format!("context = \"extensions\"\nextension = \"108\"\n{}", bench.by_manager()),
    );
    let server = bench.home.serve().await;
    // An empty flow goes on in the dialplan, which would be silent for ever.
    let body = json!({ "to": "200", "flow": [], "via": "pbx", "max": "1s" });
    let story = server.call(&body).await;
    assert_eq!(outcome(&story), ("completed", "system"), "{story:#}");
    for (to, at, wanted) in [("200", "answered", "completed"), ("203", "ringing", "canceled")] {
        let id = server.place(&json!({ "to": to, "flow": [], "via": "pbx" })).await;
        server.reached(&id, at).await;
        let (status, _) = server.post(&format!("/api/v1/calls/{id}/hangup"), &json!({})).await;
        assert!(status < 300, "{status}");
        let story = server.ended(&id).await;
        assert_eq!(outcome(&story), (wanted, "request"), "{story:#}");
        bench.phones.finished(to).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn by_the_manager_interface_crashes_on_either_side_are_accounted_for() {
    let Some(mut bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_manager());
    let server = bench.home.serve().await;
    // We crash: the call is found at Asterisk and hung up.
    let id = server
        .place(&json!({ "to": "200", "flow": [{ "pause": "60s" }], "via": "pbx" }))
        .await;
    server.reached(&id, "answered").await;
    server.kill().await;
    let server = bench.home.serve().await;
    let story = server.ended(&id).await;
    assert_eq!(outcome(&story), ("completed", "system"), "{story:#}");
    bench.phones.finished("200").await;
    // While it rings: it is hung up, and a retry after failures does not ring it again.
    let id = server
        .place(&json!({ "to": "203", "flow": [], "ring": "60s", "retry": "1/1s", "via": "pbx" }))
        .await;
    server.reached(&id, "ringing").await;
    server.kill().await;
    let server = bench.home.serve().await;
    let story = server.ended(&id).await;
    assert_eq!(outcome(&story), ("unknown", "system"), "{story:#}");
    bench.phones.finished("203").await;
    assert_eq!(bench.phones.rings("203").count, 1);
    // Asterisk crashes: what rang is unknown, and when it is back calls go on.
    let id = server
        .place(&json!({ "to": "203", "flow": [], "ring": "60s", "via": "pbx" }))
        .await;
    server.reached(&id, "ringing").await;
    bench.asterisk.crash().unwrap();
    bench.asterisk.start_again().await.unwrap();
    let story = server.ended(&id).await;
    assert_eq!(outcome(&story).0, "unknown", "{story:#}");
    let story = call(&server, "202", json!([])).await;
    assert_eq!(outcome(&story).0, "busy", "{story:#}");
    assert_eq!(bench.phones.rings("203").count, 2);
    server.stop().await;
}

#[tokio::test]
async fn the_command_line_rings_sipp_behind_asterisk() {
    if !require(Peer::Sipp) {
        return;
    }
    let Some(bench) = Bench::start().await else { return };
    for more in [bench.by_files(), bench.by_manager()] {
        let sipp = Sipp::plain_uas().start().await.unwrap();
        bench.configure(Some(sipp.address().port()), &more);
        let arguments = ["call", "100", "--via", "pbx", "--flow", "FLOW", "--wait", "--json"];
        let flow = bench.home.dir.path().join("flow.json");
        fs::write(&flow, r#"[{ "pause": "500ms" }]"#).unwrap();
        let arguments = arguments.map(|word| if word == "FLOW" { flow.to_str().unwrap() } else { word });
        let ran = bench.home.run(&arguments).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("completed"), "{ran:?}");
        sipp.wait().await.unwrap().assert_success();
    }
}

#[tokio::test]
async fn what_asterisk_cannot_do_is_refused_with_the_reason() {
    let Some(bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_files());
    let server = bench.home.serve().await;
    for (to, flow, wanted) in [
        ("200", json!([{ "gather": { "digits": 1 } }]), "gather keys"),
        ("200", json!([{ "send_digits": "1" }]), "press keys"),
        ("1@elsewhere", json!([]), "elsewhere"),
    ] {
        let (status, problem) = server
            .post("/api/v1/calls", &json!({ "to": to, "flow": flow, "via": "pbx" }))
            .await;
        assert!(
            status >= 400 && problem.to_string().contains(wanted),
            "{status} {problem:#}"
        );
    }
    server.stop().await;
}

/// Asterisk itself would dial a file again after a crash of its own, whatever the number of retries.
#[tokio::test]
async fn by_files_nobody_is_rung_twice_when_asterisk_is_killed() {
    let Some(mut bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_files());
    let server = bench.home.serve().await;
    let id = server
        .place(&json!({ "to": "203", "flow": [], "ring": "3s", "via": "pbx" }))
        .await;
    bench.phones.wait_for("203", outdial_handset::EventKind::Ringing).await;
    bench.asterisk.crash().unwrap();
    bench.asterisk.start_again().await.unwrap();
    // A call that is placed after it shows that Asterisk has looked through its queue.
    let story = call(&server, "202", json!([])).await;
    assert_eq!(outcome(&story).0, "failed", "{story:#}");
    assert_eq!(bench.phones.rings("203").count, 1);
    // Our own crash: the file is found, removed when the call cannot go on any more, and the call is unknown.
    server.kill().await;
    let server = bench.home.serve().await;
    let story = server.ended(&id).await;
    assert_eq!(outcome(&story).0, "unknown", "{story:#}");
    assert_eq!(bench.queued(), 0);
    server.stop().await;
}

/// While Asterisk is down a call waits in its queue, and after our crash it is taken back unrung.
#[tokio::test]
async fn by_files_the_archive_answers_after_a_crash() {
    let Some(mut bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_files());
    let server = bench.home.serve().await;
    let ran = server
        .place(&json!({ "to": "201", "flow": [{ "pause": "5s" }], "via": "pbx" }))
        .await;
    server.reached(&ran, "dialing").await;
    server.kill().await;
    bench.phones.finished("201").await;
    let server = bench.home.serve().await;
    let story = server.ended(&ran).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    bench.asterisk.crash().unwrap();
    let queued = server.place(&json!({ "to": "200", "flow": [], "via": "pbx" })).await;
    server.reached(&queued, "dialing").await;
    server.kill().await;
    let server = bench.home.serve().await;
    let story = server.ended(&queued).await;
    assert_eq!(outcome(&story).0, "failed", "{story:#}");
    assert!(
        story["call"]["ending"]["reason"]
            .as_str()
            .unwrap()
            .contains("nobody was rung"),
        "{story:#}"
    );
    bench.asterisk.start_again().await.unwrap();
    let story = call(&server, "202", json!([])).await;
    assert_eq!(outcome(&story).0, "failed", "{story:#}");
    assert_eq!(bench.phones.rings("200").count, 0);
    server.stop().await;
}

#[tokio::test]
async fn doctor_looks_at_an_asterisk_trunk() {
    let Some(bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_files());
    let ran = bench.home.run(&["doctor", "pbx"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("call files can be put into"), "{ran:?}");
    bench.configure(None, &bench.by_manager());
    let ran = bench.home.run(&["doctor", "pbx"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("logged in"), "{ran:?}");
    let poor = bench
        .by_manager()
        .replace(Asterisk::USER, Asterisk::PHONE)
        .replace("phone-secret", Asterisk::SECRET);
    for (more, wanted) in [
        (poor, "write = call,originate"),
        (bench.by_manager().replace(Asterisk::SECRET, "wrong"), "refused"),
    ] {
        bench.configure(None, &more);
        let ran = bench.home.run(&["doctor", "pbx"]).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            ran.out.contains(wanted) && !ran.out.contains(Asterisk::SECRET),
            "{ran:?}"
        );
    }
    bench.configure(None, "spool = \"/nowhere/outgoing\"\n");
    let ran = bench.home.run(&["doctor", "pbx"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("/nowhere/outgoing"), "{ran:?}");
}
