//! Recordings of real calls: each side on its channel, what a kill leaves, and what a full disk does.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod program;

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use outdial_handset::{HandsetSet, Phone, Script, Sound};
use outdial_media::{correlate, wav};
use program::{Home, LIMIT, Server, outcome};
use serde_json::{Value, json};

const BOB: &str = "+6590000001";

/// Something like no other and like no echo of itself: noise with this seed, as loud as speech.
fn noise(seed: u32, seconds: usize) -> Vec<i16> {
    let mut state = seed;
    let mut last = 0;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // The upper half of the state is the random one, and two neighbours together are less shrill.
        let sample = i32::from((state >> 16) as u16 as i16) / 8;
        let smooth = (sample + last) / 2;
        last = sample;
        i16::try_from(smooth).unwrap_or(0)
    };
    (0..seconds * 8_000).map(|_| next()).collect()
}

async fn bench(says: &[i16]) -> (Home, HandsetSet) {
    let bob = Phone::answering(BOB)
        .ring(Duration::from_millis(20))
        .play(Sound::Samples(Arc::from(says)))
        .listen(Duration::from_secs(300));
    let handsets = HandsetSet::start("127.0.0.1:0".parse().unwrap(), Script::new().phone(bob), None)
        .await
        .unwrap();
    let home = Home::new();
    home.configure(&format!(
        "[policy]\nopen = [\"+65\"]\n[handsets]\nenabled = false\n\
         [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\n",
        handsets.address().port()
    ));
    (home, handsets)
}

/// The only recording of a call.
async fn recording(server: &Server, call: &str) -> Value {
    let (status, page) = server.get(&format!("/api/v1/recordings?call={call}")).await;
    assert_eq!(status, 200, "{page}");
    let all = page["recordings"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{page}");
    all[0].clone()
}

/// Both channels of a file; of one with one channel both are the same.
fn channels(file: &Path) -> (Vec<i16>, Vec<i16>) {
    let bytes = std::fs::read(file).unwrap();
    let four = |place: usize| u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap()) as usize;
    assert_eq!(
        (four(4), four(40)),
        (bytes.len() - 8, bytes.len() - 44),
        "its sizes are right"
    );
    let samples: Vec<i16> = bytes[44..]
        .chunks(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    if bytes[22] == 1 {
        return (samples.clone(), samples);
    }
    samples.chunks(2).map(|pair| (pair[0], pair[1])).unzip()
}

fn likeness(needle: &[i16], heard: &[i16]) -> f32 {
    correlate::find(needle, heard).map_or(0.0, |found| found.score)
}

#[tokio::test]
async fn each_side_of_a_call_is_on_its_channel() {
    let (said, played) = (noise(1, 2), noise(2, 2));
    let (home, handsets) = bench(&said).await;
    let server = home.serve().await;
    let file = home.dir.path().join("played.wav");
    wav::write_mono(&mut std::fs::File::create(&file).unwrap(), 8_000, &played).unwrap();
    let upload = reqwest::Client::new()
        .post(format!("{}/api/v1/audio", server.url))
        .bearer_auth(&server.key)
        .header("content-type", "audio/wav")
        .body(std::fs::read(&file).unwrap());
    let (status, audio) = Server::answer(upload).await;
    assert_eq!(status, 201, "{audio}");
    let flow = json!([{"play": audio["id"]}, {"pause": "500ms"}]);
    for channels_of in ["separate", "mono"] {
        let call = server
            .place(&json!({"to": BOB, "flow": flow, "record": {"channels": channels_of}}))
            .await;
        let story = server.ended(&call).await;
        assert_eq!(outcome(&story).0, "completed", "{story:#}");
        let words = program::words(&story);
        let place = |word: &str| words.iter().position(|found| *found == word).unwrap();
        assert!(place("recording_finished") < place("ended"), "{words:?}");
        let recording = recording(&server, &call).await;
        assert_eq!(recording["end"], "hung_up");
        let id = recording["id"].as_str().unwrap();
        let out = home.dir.path().join(format!("{channels_of}.wav"));
        let ran = home
            .run(&["recordings", "download", id, "--out", out.to_str().unwrap()])
            .await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let (left, right) = channels(&out);
        let alike = [
            likeness(&said, &left),
            likeness(&played, &left),
            likeness(&said, &right),
            likeness(&played, &right),
        ];
        eprintln!("{channels_of}: said and played on the left, then on the right: {alike:.2?}");
        if channels_of == "separate" {
            assert!(
                alike[0] > 0.9 && alike[3] > 0.9,
                "each is on its own channel: {alike:?}"
            );
            assert!(alike[1] < 0.2 && alike[2] < 0.2, "and not on the other: {alike:?}");
        } else {
            // The two are not equally loud; together they are all that there is.
            let both = alike[0].powi(2) + alike[1].powi(2);
            assert!(
                alike[0] > 0.3 && alike[1] > 0.3 && both > 0.9,
                "both are in the mix: {alike:?}"
            );
        }
    }
    let listed = home.run(&["recordings", "list"]).await;
    assert_eq!(listed.out.matches("rec_").count(), 2, "{listed:?}");
    server.stop().await;
    handsets.shutdown().await;
}

#[tokio::test]
async fn a_kill_keeps_what_was_heard() {
    let said = noise(3, 3);
    let (home, handsets) = bench(&said).await;
    let server = home.serve().await;
    let call = server
        .place(&json!({"to": BOB, "flow": program::pause("5m"), "record": {"channels": "party"}}))
        .await;
    let begun = server.reached(&call, "recording_started").await;
    let id = begun["data"]["recording"].as_str().unwrap();
    let file = home.data().join("recordings").join(format!("{id}.wav"));
    // Four seconds of it are in the file, of which the header knows all but the last second.
    let size = || std::fs::metadata(&file).map_or(0, |file| file.len());
    let grown = async {
        while size() < 44 + 4 * 16_000 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, grown).await.expect("it grows");
    server.kill().await;
    let bytes = std::fs::read(&file).unwrap();
    let known = u32::from_le_bytes(bytes[40..44].try_into().unwrap()) as usize;
    assert!(
        bytes.len() - 44 - known <= 2 * 16_000,
        "{known} of {} bytes",
        bytes.len()
    );

    let server = home.serve().await;
    let story = server.ended(&call).await;
    assert_eq!(outcome(&story).0, "unknown");
    assert!(program::words(&story).contains(&"recording_finished"), "{story:#}");
    let recording = recording(&server, &call).await;
    assert_eq!(
        (&recording["end"], &recording["state"]),
        (&json!("interrupted"), &json!("finished"))
    );
    assert!(recording["seconds"].as_f64().unwrap() >= 4.0, "{recording}");
    let (heard, _) = channels(&file);
    let alike = likeness(&said, &heard);
    eprintln!("what was said before the kill: {alike:.2}");
    assert!(alike > 0.9, "{alike}");
    server.stop().await;
    handsets.shutdown().await;
}

/// The server on a data directory that is a small disk of its own. Where the system forbids that, says so; in
/// CI that is a failure.
fn on_a_small_disk() -> Option<Vec<String>> {
    let unshare = ["unshare", "--user", "--map-root-user", "--mount"];
    let may = Command::new(unshare[0])
        .args(&unshare[1..])
        .args(["sh", "-c", "mount -t tmpfs tmpfs /mnt"])
        .output();
    if !may.as_ref().is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "a small disk cannot be had: {may:?}");
        eprintln!("SKIPPED: a small disk cannot be had: {may:?}");
        return None;
    }
    let script = "mkdir -p \"$DATA\" && mount -t tmpfs -o size=24m tmpfs \"$DATA\" && exec \"$@\"";
    let words = unshare.into_iter().chain(["sh", "-c", script, "sh"]);
    Some(words.map(str::to_owned).collect())
}

#[tokio::test]
async fn a_full_disk_ends_a_recording_and_not_its_call() {
    let Some(wrapper) = on_a_small_disk() else { return };
    let said = noise(4, 1);
    let (home, handsets) = bench(&said).await;
    let server = home.serve_through(&wrapper).await;
    let data = server.inside(&home.data());
    let call = server
        .place(&json!({"to": BOB, "flow": program::pause("5m"), "record": {"channels": "party"}}))
        .await;
    let begun = server.reached(&call, "recording_started").await;
    let id = begun["data"]["recording"].as_str().unwrap();
    let file = data.join("recordings").join(format!("{id}.wav"));
    let size = || std::fs::metadata(&file).map_or(0, |file| file.len());
    let grown = async {
        while size() < 44 + 2 * 16_000 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, grown).await.expect("it grows");
    let ballast = data.join("ballast");
    let _ = std::fs::write(&ballast, vec![0; 32 << 20]);
    // It ends when it fits no more: nothing is added to its file then.
    let ended = async {
        let mut last = 0;
        let mut same = 0;
        while same < 40 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            same = if size() == last { same + 1 } else { 0 };
            last = size();
        }
    };
    tokio::time::timeout(LIMIT, ended).await.expect("it ends");
    std::fs::remove_file(&ballast).unwrap();

    let finished = server.reached(&call, "recording_finished").await;
    assert_eq!(finished["data"]["end"], "disk_full", "{finished}");
    let (_, live) = server.get(&format!("/api/v1/calls/{call}")).await;
    assert_eq!(live["state"], "active", "the call goes on: {live}");
    let (status, _) = server.post(&format!("/api/v1/calls/{call}/hangup"), &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(outcome(&server.ended(&call).await).0, "completed");
    let recording = recording(&server, &call).await;
    assert_eq!(recording["end"], "disk_full");
    assert!(
        likeness(&said, &channels(&file).0) > 0.9,
        "what was heard before is kept"
    );
    server.stop().await;
    handsets.shutdown().await;
}
