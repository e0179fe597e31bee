//! Protected and wide-band sound with a real Asterisk, and what its reports (RTCP) say of ours.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use outdial_media::{codec::Codec, resample, tones, wav};
use outdial_testkit::peers::{Asterisk, Certificates, Peer, Pesq, Shown, require};
use program::{Home, Server, outcome, words};
use serde_json::{Value, json};

const RATE: u32 = 8_000;

/// The program with one trunk that has these lines.
async fn serve(trunk: &str) -> (Home, Server) {
    let home = Home::new();
    home.configure(&format!(
        "[policy]\nopen = [\"local:\"]\n[handsets]\nenabled = false\n\
         [[trunk]]\nname = \"asterisk\"\nusername = {:?}\npassword = {:?}\n{trunk}\n",
        Asterisk::USER,
        Asterisk::SECRET,
    ));
    let server = home.serve().await;
    (home, server)
}

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

/// How well Asterisk heard a sentence that we played to this extension, which records it under a name.
async fn heard(home: &Home, server: &Server, asterisk: &Asterisk, to: &str, name: &str) -> (f64, Value) {
    let prompt = sentence();
    let audio = upload(server, &prompt).await;
    let flow = json!([{ "play": audio }, { "pause": "300ms" }]);
    let story = server.call(&json!({ "to": to, "flow": flow, "ring": "10s" })).await;
    assert_eq!(outcome(&story), ("completed", "flow"), "{story:#}");
    let reference = home.dir.path().join("reference.wav");
    wav::write_mono(&mut std::fs::File::create(&reference).unwrap(), RATE, &prompt).unwrap();
    (Pesq::narrow_band(&reference, &asterisk.recording(name)).unwrap(), story)
}

fn answered_with(story: &Value) -> &str {
    let mut events = story["events"].as_array().unwrap().iter();
    let answered = events.find(|event| event["type"] == "answered");
    answered.unwrap()["data"]["codec"].as_str().unwrap()
}

fn is_ready() -> bool {
    require(Peer::Asterisk) && require(Peer::Pesq) && require(Peer::EspeakNg)
}

#[tokio::test]
async fn asterisk_is_talked_to_over_tls_with_protected_sound() {
    if !is_ready() || !require(Peer::Openssl) {
        return;
    }
    let certificates = Certificates::make().unwrap();
    let asterisk = Asterisk::with_tls(&certificates, Shown::Right).await.unwrap();
    let (home, server) = serve(&format!(
        "host = \"127.0.0.1\"\nport = {}\ntransport = \"tls\"\nsrtp = \"require\"\n\
         [trunk.tls]\nroots = {:?}\nname = {:?}",
        asterisk.tls_address().port(),
        certificates.root(),
        Certificates::NAME,
    ))
    .await;
    let (score, story) = heard(&home, &server, &asterisk, "810401", "01").await;
    assert!(score >= 3.9, "PESQ {score}");
    assert_eq!(answered_with(&story), "PCMU");

    // Both ways, and keys: Asterisk echoes, and reports in between how well it hears us.
    let tone = upload(&server, &tones::sine(RATE, 440.0, -10.0, 8_000)).await;
    let flow = json!([{ "play": tone }, { "send_digits": "5" }, { "gather": { "digits": 1 } }]);
    let story = server.call(&json!({ "to": "8101", "flow": flow, "ring": "10s" })).await;
    assert_eq!(story["call"]["digits"][0]["digits"], "5", "{story:#}");
    let quality = &story["call"]["attempts"][0]["legs"][0]["quality"];
    assert!(quality["received"].as_u64().unwrap() > 300, "{quality}");
    assert!(quality["far_loss"].as_f64().unwrap() < 0.05, "{quality}");
    assert!(quality["round_trip_ms"].as_f64().unwrap() < 100.0, "{quality}");

    let told = home.run(&["explain", story["call"]["id"].as_str().unwrap()]).await;
    assert_eq!(told.code, 0, "{told:?}");
    for part in [
        "MOS 4",
        "the far side reports: round trip",
        "% of ours lost",
        "sound protected by SRTP (AES_CM_128_HMAC_SHA1_80)",
    ] {
        assert!(told.out.contains(part), "no `{part}` in {}", told.out);
    }
    let messages = story.to_string();
    assert!(
        messages.contains("RTP/SAVP") && messages.contains("a=crypto: ***"),
        "{story:#}"
    );
    assert!(!messages.contains("inline:"), "the keys are shown: {messages}");
    server.stop().await;
}

#[tokio::test]
async fn asterisk_is_talked_to_in_g722() {
    if !is_ready() {
        return;
    }
    let asterisk = Asterisk::start().await.unwrap();
    let (home, server) = serve(&format!(
        "host = \"127.0.0.1\"\nport = {}\ncodecs = [\"G722\", \"PCMU\"]",
        asterisk.address().port()
    ))
    .await;
    let (score, story) = heard(&home, &server, &asterisk, "910401", "01").await;
    assert!(score >= 3.9, "PESQ {score}");
    assert_eq!(answered_with(&story), Codec::G722.name());
    assert!(words(&story).contains(&"answered"), "{story:#}");
    // It sends its keys as events of 8 kHz beside sound of 16 kHz, or at 16 kHz: each is heard once.
    let gather = json!([{ "gather": { "most": 12, "finish": "none", "timeout": "8s" } }]);
    let story = server
        .call(&json!({ "to": "9112", "flow": gather, "ring": "10s" }))
        .await;
    assert_eq!(story["call"]["digits"][0]["digits"], "1234567890*#", "{story:#}");
    server.stop().await;
}
