//! A real Asterisk on the far side: it records what we play, reads the keys that we send, and sends
//! its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{path::Path, sync::Arc};

use outdial_media::{codec::Codec, resample, tones, wav};
use outdial_testkit::peers::{Asterisk, Peer, Pesq, require};
use program::{Home, Server, outcome};
use serde_json::{Value, json};

const RATE: u32 = 8_000;

struct Bench {
    asterisk: Arc<Asterisk>,
    home: Home,
    server: Server,
}

impl Bench {
    async fn start() -> Option<Self> {
        if !require(Peer::Asterisk) {
            return None;
        }
        let asterisk = Asterisk::shared().await.unwrap();
        let home = Home::new();
        home.configure(&format!(
            "[policy]\nopen = [\"local:\"]\n[handsets]\nenabled = false\n\
             [[trunk]]\nname = \"asterisk\"\nhost = \"127.0.0.1\"\nport = {}\nusername = \"{}\"\npassword = \"{}\"\n",
            asterisk.address().port(),
            Asterisk::USER,
            Asterisk::SECRET,
        ));
        let server = home.serve().await;
        Some(Self { asterisk, home, server })
    }

    async fn call(&self, to: &str, flow: Value) -> Value {
        self.server
            .call(&json!({ "to": to, "flow": flow, "ring": "10s" }))
            .await
    }

    async fn upload(&self, samples: &[i16]) -> String {
        let mut bytes = Vec::new();
        wav::write_mono(&mut bytes, RATE, samples).unwrap();
        let request = reqwest::Client::new()
            .post(format!("{}/api/v1/audio", self.server.url))
            .bearer_auth(&self.server.key)
            .header("Content-Type", "audio/wav")
            .body(bytes);
        let (status, audio) = Server::answer(request).await;
        assert_eq!(status, 201, "{audio}");
        audio["id"].as_str().unwrap().to_owned()
    }
}

fn digits(story: &Value) -> &str {
    story["call"]["digits"][0]["digits"].as_str().unwrap_or("none")
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
    wav::write_mono(&mut std::fs::File::create(path).unwrap(), RATE, samples).unwrap();
}

#[tokio::test]
async fn asterisk_records_what_we_play() {
    if !require(Peer::Pesq) || !require(Peer::EspeakNg) {
        return;
    }
    let Some(bench) = Bench::start().await else { return };
    let prompt = sentence();
    let audio = bench.upload(&prompt).await;
    let story = bench
        .call("10401", json!([{ "play": audio }, { "pause": "300ms" }]))
        .await;
    assert_eq!(outcome(&story), ("completed", "flow"), "{story:#}");
    let reference = bench.home.dir.path().join("reference.wav");
    write(&reference, &through_mu_law(&prompt));
    let score = Pesq::narrow_band(&reference, &bench.asterisk.recording("01")).unwrap();
    assert!(score >= 4.0, "PESQ {score}");
    bench.server.stop().await;
}

#[tokio::test]
async fn asterisk_reads_our_keys_and_we_its() {
    let Some(bench) = Bench::start().await else { return };
    let story = bench
        .call(
            "10220",
            json!([{ "pause": "1s" }, { "send_digits": "1w9*0D#" }, { "pause": "500ms" }]),
        )
        .await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    assert_eq!(bench.asterisk.digits("20").unwrap().as_deref(), Some("19*0D"));
    // With the 6 before it, its keys come in SIP INFO requests.
    for (to, way) in [("112", "rtp"), ("6112", "sip_info")] {
        let gather = json!([{ "gather": { "most": 12, "finish": "none", "timeout": "8s" } }]);
        let story = bench.call(to, gather).await;
        assert_eq!(digits(&story), "1234567890*#", "by {to}: {story:#}");
        let mut events = story["events"].as_array().unwrap().iter();
        assert!(
            events.any(|event| event["type"] == "digit" && event["data"]["way"] == way),
            "{story:#}"
        );
    }
    bench.server.stop().await;
}

#[tokio::test]
async fn asterisk_echoes_sound_and_keys() {
    let Some(bench) = Bench::start().await else { return };
    let tone = bench.upload(&tones::sine(RATE, 440.0, -10.0, 2_000)).await;
    let flow = json!([{ "play": tone }, { "send_digits": "5" }, { "gather": { "digits": 1 } }]);
    let story = bench.call("101", flow).await;
    assert_eq!(digits(&story), "5", "{story:#}");
    let quality = &story["call"]["attempts"][0]["legs"][0]["quality"];
    assert!(quality["received"].as_u64().unwrap() > 80, "{quality}");
    assert!(quality["lost"].as_u64().unwrap() <= 2, "{quality}");
    bench.server.stop().await;
}

#[tokio::test]
async fn asterisk_asks_who_we_are() {
    let Some(bench) = Bench::start().await else { return };
    let story = bench.call("7116", json!([{ "pause": "5s" }])).await;
    assert_eq!(outcome(&story), ("completed", "callee"), "{story:#}");
    bench.server.stop().await;
}

#[tokio::test]
async fn asterisk_is_busy_congested_or_never_answers() {
    let Some(bench) = Bench::start().await else { return };
    for (to, wanted) in [("105", "busy"), ("106", "congestion"), ("114", "busy")] {
        let story = bench.call(to, json!([])).await;
        assert_eq!(outcome(&story).0, wanted, "{to}: {story:#}");
    }
    let story = bench
        .server
        .call(&json!({ "to": "107", "flow": [], "ring": "1s" }))
        .await;
    assert_eq!(outcome(&story), ("no_answer", "system"), "{story:#}");
    bench.server.stop().await;
}
