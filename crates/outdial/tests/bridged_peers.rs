//! Two parties with real far sides: what SIPp asserts of both legs when both sides hang up, hold or change the session at
//! once, and how well a real phone and a scripted one hear each other.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use outdial_handset::{HandsetSet, Phone, Script, Sound};
use outdial_media::{correlate, resample, wav};
use outdial_testkit::peers::{Baresip, Peer, Pesq, Sipp, SippBuilder, require};
use program::{Home, Server, outcome, words};
use serde_json::{Value, json};

const FIRST: &str = "+6581000001";
const OTHER: &str = "+6582000001";
/// The number of a real phone.
const PHONE: &str = "+6583000001";

/// The program, with a SIPp as the far side of each party.
async fn between(first: SippBuilder, other: SippBuilder) -> (Home, Server, [Sipp; 2]) {
    let far_sides = [first.start().await.unwrap(), other.start().await.unwrap()];
    let trunks = ["+6581", "+6582"].iter().zip(&far_sides).map(|(prefix, far_side)| {
        let (name, port) = (&prefix[1..], far_side.address().port());
        format!("[[trunk]]\nname = \"t{name}\"\nhost = \"127.0.0.1\"\nport = {port}\nprefixes = [\"{prefix}\"]\n")
    });
    let home = Home::new();
    home.configure(&format!(
        "[policy]\nopen = [\"+65\"]\n[handsets]\nenabled = false\n{}",
        trunks.collect::<String>()
    ));
    let server = home.serve().await;
    (home, server, far_sides)
}

/// At the end the far sides, the store and the live calls agree.
async fn all_is_over(server: Server, story: &Value, far_sides: [Sipp; 2]) {
    let legs = story["call"]["attempts"][0]["legs"].as_array().unwrap();
    assert_eq!(legs.len(), 2, "{story:#}");
    assert!(legs.iter().all(|leg| leg["state"] == "ended"), "{story:#}");
    for far_side in far_sides {
        far_side.wait().await.unwrap().assert_success();
    }
    let (_, live) = server.get("/api/v1/calls?state=active").await;
    assert_eq!(live["calls"], json!([]), "{live:#}");
    server.stop().await;
}

#[tokio::test]
async fn both_hang_up_at_once() {
    if !require(Peer::Sipp) {
        return;
    }
    // The other one answers later, by what a leg takes on this machine: one of these is near.
    for later in [0, 15, 30, 45, 60] {
        let talks = |millis: u32| {
            let far_side = Sipp::uas("34-hang-ups-cross.xml");
            far_side.option("-recv_timeout").option(millis.to_string())
        };
        let (_home, server, far_sides) = between(talks(1_000 + later), talks(1_000)).await;
        let flow = json!([{ "dial": OTHER }]);
        let story = server.call(&json!({ "to": FIRST, "flow": flow })).await;
        assert_eq!(outcome(&story), ("completed", "callee"), "{story:#}");
        all_is_over(server, &story, far_sides).await;
    }
}

#[tokio::test]
async fn both_hold_and_take_back_at_once() {
    if !require(Peer::Sipp) {
        return;
    }
    let holding = || Sipp::uas("20-hold-and-resume.xml");
    let (_home, server, far_sides) = between(holding(), holding()).await;
    let flow = json!([{ "dial": { "to": OTHER, "max": "3s" } }]);
    let story = server.call(&json!({ "to": FIRST, "flow": flow })).await;
    assert_eq!(outcome(&story), ("completed", "system"), "{story:#}");
    let held = words(&story).into_iter().filter(|word| *word == "far_hold").count();
    assert_eq!(held, 4, "each held us and took us back: {story:#}");
    all_is_over(server, &story, far_sides).await;
}

#[tokio::test]
async fn a_hold_of_ours_crosses_a_change_of_the_far_side() {
    if !require(Peer::Sipp) {
        return;
    }
    let (_home, server, far_sides) = between(Sipp::uas("30-glare.xml"), Sipp::uas("01-answer.xml")).await;
    let flow = json!([{ "dial": OTHER }]);
    let call = server.place(&json!({ "to": FIRST, "flow": flow })).await;
    server.reached(&call, "connected").await;
    let control = format!("/api/v1/calls/{call}/control");
    let (status, told) = server.post(&control, &json!({ "hold": true })).await;
    assert_eq!(status, 200, "{told}");
    let agreed = |event: &Value| event["type"] == "controlled" && event["data"]["result"] == "the far side agreed";
    server.happened(&call, "hold", agreed).await;
    let (status, _) = server.post(&format!("/api/v1/calls/{call}/hangup"), &json!({})).await;
    assert_eq!(status, 200);
    let story = server.ended(&call).await;
    assert_eq!(outcome(&story), ("completed", "request"), "{story:#}");
    all_is_over(server, &story, far_sides).await;
}

/// Each far side changes its session while we refresh it, the first party's and the other's.
#[tokio::test]
async fn our_refreshes_of_both_legs_cross_changes_of_both_far_sides() {
    if !require(Peer::Sipp) {
        return;
    }
    // Both are refreshed after half of that.
    let glaring = || {
        let far_side = Sipp::uas("30-glare.xml");
        far_side.option("-key").option("expires").option("28")
    };
    let (_home, server, far_sides) = between(glaring(), glaring()).await;
    let flow = json!([{ "dial": { "to": OTHER, "max": "21s" } }]);
    let story = server.call(&json!({ "to": FIRST, "flow": flow })).await;
    assert_eq!(outcome(&story), ("completed", "system"), "{story:#}");
    // On each leg we refused one, and were refused once.
    for trace in story["traces"].as_array().unwrap() {
        let messages = trace["messages"].as_array().unwrap().iter();
        let pending = messages.filter(|message| message["text"].as_str().unwrap().starts_with("SIP/2.0 491"));
        let mut sent: Vec<bool> = pending.map(|message| message["sent"].as_bool().unwrap()).collect();
        sent.sort_unstable();
        assert_eq!(sent, [false, true], "{trace:#}");
    }
    all_is_over(server, &story, far_sides).await;
}

/// A real phone in a room with two scripted ones, which hum for a while and are silent then.
#[tokio::test]
async fn a_real_phone_in_a_room_hears_the_others_and_not_itself() {
    if !require(Peer::Baresip) || !require(Peer::EspeakNg) {
        return;
    }
    let home = Home::new();
    let place = home.dir.path();
    let theirs = spoken(
        place,
        "theirs.wav",
        "A traveller came along the road, and he was wrapped up in a warm and heavy cloak, and then he sat down, and \
         after a long while he got up again and went on his way.",
    );
    let (said, _) = program::samples(&theirs);
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let mut phone = Baresip::of(PHONE, nowhere).says(&theirs).start().await.unwrap();
    let others = [("+12025550110", 510.0), ("+12025550111", 1_130.0)];
    let phones: String = others
        .iter()
        .map(|(number, tone)| {
            format!(
                "[[phone]]\nnumber = \"{number}\"\ndo = [{{ tone = {tone}, for = \"5s\" }}, {{ wait = \"60s\" }}]\n"
            )
        })
        .collect();
    let script = place.join("phones.toml");
    std::fs::write(&script, phones).unwrap();
    home.configure(&format!(
        "[policy]\nopen = [\"+65\"]\n[handsets]\nscript = \"{}\"\n\
         [[trunk]]\nname = \"phone\"\nhost = \"127.0.0.1\"\nport = {}\nprefixes = [\"+6583\"]\n",
        script.display(),
        phone.address().port(),
    ));
    let server = home.serve().await;
    let body = json!({ "room": "real", "participants": [others[0].0, others[1].0, PHONE], "tones": false });
    let (status, opened) = server.post("/api/v1/rooms", &body).await;
    assert_eq!(status, 201, "{opened}");
    // It hangs up when it has said everything.
    phone.until("CALL_CLOSED").await.unwrap();
    server.ended(opened["calls"][2]["id"].as_str().unwrap()).await;
    let (status, left) = server.get("/api/v1/rooms/real").await;
    assert_eq!((status, left["members"].as_array().unwrap().len()), (200, 2), "{left}");
    home.run(&["rooms", "end", "real"]).await;
    for call in opened["calls"].as_array().unwrap() {
        let story = server.ended(call["id"].as_str().unwrap()).await;
        assert_eq!(story["call"]["outcome"], "completed", "{story:#}\n{}", phone.log());
    }
    server.stop().await;
    let by_them = phone.heard().pop().unwrap();
    for (number, tone) in others {
        let heard = program::tone_heard_for(&by_them, tone);
        assert!(heard > 3.0, "the real phone heard {number} for {heard} s");
    }
    // What it said when the others were silent again, as they heard it, and as it did itself.
    let piece = &said[said.len() - 3 * RATE..said.len() - RATE];
    let alike = |file: &Path| {
        let (samples, rate) = program::samples(file);
        let samples = resample::resample(&samples, rate, 8_000).unwrap();
        correlate::find(piece, &samples).map_or(0.0, |found| found.score)
    };
    let own = alike(&by_them);
    assert!(own < 0.2, "the real phone heard itself: {own}");
    for (number, tone) in others {
        let mut files = std::fs::read_dir(home.data().join("heard"))
            .unwrap()
            .map(|file| file.unwrap().path());
        let file = files.find(|file| file.to_string_lossy().contains(number)).unwrap();
        let well = alike(&file);
        assert!(well > 0.8, "{number} heard the real phone: {well}");
        let own = program::tone_heard_for(&file, tone);
        assert!(own < 0.2, "{number} heard itself for {own} s");
    }
}

/// A sentence, spoken without any code of ours but the change of its rate, as a file.
fn spoken(home: &Path, name: &str, text: &str) -> PathBuf {
    let spoken = std::process::Command::new("espeak-ng")
        .args(["--stdout", text])
        .output()
        .unwrap();
    let clip = wav::read(&spoken.stdout, 60).unwrap();
    let samples = resample::resample(&clip.samples, clip.rate, 8_000).unwrap();
    let file = home.join(name);
    wav::write_mono(&mut std::fs::File::create(&file).unwrap(), 8_000, &samples).unwrap();
    file
}

#[tokio::test]
async fn a_real_phone_and_a_scripted_one_hear_each_other_and_not_themselves() {
    if !require(Peer::Baresip) || !require(Peer::Pesq) || !require(Peer::EspeakNg) {
        return;
    }
    let home = Home::new();
    let place = home.dir.path();
    let ours = spoken(
        place,
        "ours.wav",
        "The north wind and the sun argued which of them was stronger.",
    );
    let theirs = spoken(
        place,
        "theirs.wav",
        "A traveller came along the road, and he was wrapped up in a warm and heavy cloak, and then he sat down.",
    );
    // It belongs nowhere, and answers whoever calls it. It hangs up when it has said everything.
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let mut phone = Baresip::of(PHONE, nowhere).says(&theirs).start().await.unwrap();
    let number = "+12025550110";
    let script = place.join("phones.toml");
    let steps = format!("do = [{{ speak = \"{}\" }}, {{ wait = \"60s\" }}]", ours.display());
    std::fs::write(&script, format!("[[phone]]\nnumber = \"{number}\"\n{steps}\n")).unwrap();
    // The codec of the other one, so that all is passed on; and another, so that all is converted.
    for (index, codecs) in ["[\"PCMU\"]", "[\"PCMA\"]"].into_iter().enumerate() {
        home.configure(&format!(
            "[policy]\nopen = [\"+65\"]\n[handsets]\nscript = \"{}\"\n\
             [[trunk]]\nname = \"phone\"\nhost = \"127.0.0.1\"\nport = {}\nprefixes = [\"+6583\"]\ncodecs = {codecs}\n",
            script.display(),
            phone.address().port(),
        ));
        let server = home.serve().await;
        let flow = json!([{ "dial": PHONE }]);
        let story = server.call(&json!({ "to": number, "flow": flow })).await;
        assert_eq!(outcome(&story), ("completed", "callee"), "{story:#}\n{}", phone.log());
        phone.until("CALL_CLOSED").await.unwrap();
        server.stop().await;
        let heard = std::fs::read_dir(home.data().join("heard")).unwrap();
        let mut heard: Vec<PathBuf> = heard
            .map(|file| file.unwrap().path())
            .filter(|file| file.extension().is_some_and(|extension| extension == "wav"))
            .collect();
        heard.sort();
        assert_eq!(heard.len(), index + 1);
        let (by_us, by_them) = (&heard[index], phone.heard().pop().unwrap());
        for (said, heard, not) in [(&theirs, by_us, &ours), (&ours, &by_them, &theirs)] {
            let (well, own) = (
                Pesq::narrow_band(said, heard).unwrap(),
                Pesq::narrow_band(not, heard).unwrap_or(0.0),
            );
            // The two phones alone, with all passed on, come to 3.5; companding twice more costs a quarter.
            assert!(
                well >= 3.0 && own < 2.0,
                "{codecs}: PESQ {well}, of its own words {own}"
            );
        }
    }
}

/// Samples a second of what the scripted phones say.
const RATE: usize = 8_000;

/// Noise that is like no other and like no later part of itself.
fn noise(seed: u32, seconds: usize) -> Arc<[i16]> {
    let mut state = seed;
    let mut last = 0;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let sample = i32::from((state >> 16) as u16 as i16) / 8;
        let smooth = (sample + last) / 2;
        last = sample;
        i16::try_from(smooth).unwrap_or(0)
    };
    (0..seconds * RATE).map(|_| next()).collect()
}

/// By how many samples each two seconds of what was said were heard later, and how alike they are. They are looked for
/// half a second around where they belong.
fn shifts(said: &[i16], heard: &[i16]) -> Vec<(i64, f32)> {
    const PIECE: usize = 2 * RATE;
    let mut expected = None;
    let mut shifts = Vec::new();
    // The first moments are said before the two are connected.
    for at in (PIECE..said.len() - PIECE).step_by(PIECE) {
        let around = match expected {
            None => 0..heard.len().min(at + 5 * RATE),
            Some(shift) => {
                let place = usize::try_from(at as i64 + shift).unwrap_or(0);
                place.saturating_sub(RATE / 2)..heard.len().min(place + PIECE + RATE / 2)
            }
        };
        let begin = around.start;
        if let Some(found) = correlate::find(&said[at..at + PIECE], &heard[around]) {
            let shift = (begin + found.offset_samples) as i64 - at as i64;
            if found.score > 0.5 {
                expected = Some(shift);
            }
            shifts.push((shift, found.score));
        }
    }
    shifts
}

/// Some seconds; `script/soak talk` asks for ten minutes.
#[tokio::test]
async fn two_talk_for_long_and_nothing_drifts() {
    let seconds = std::env::var("SOAK_TALK_SECONDS").map_or(12, |text| text.parse().unwrap());
    let says = [(FIRST, noise(1, seconds)), (OTHER, noise(2, seconds))];
    let script = says.iter().fold(Script::new(), |script, (number, says)| {
        let phone = Phone::answering(*number).play(Sound::Samples(Arc::clone(says)));
        script.phone(phone.hang_up())
    });
    let home = Home::new();
    let heard = home.dir.path().join("heard");
    let handsets = HandsetSet::start("127.0.0.1:0".parse().unwrap(), script, Some(heard)).await;
    let handsets = handsets.unwrap();
    home.configure(&format!(
        "[policy]\nopen = [\"+65\"]\n[handsets]\nenabled = false\n\
         [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\n",
        handsets.address().port()
    ));
    let server = home.serve().await;
    let call = server.place(&json!({ "to": FIRST, "flow": [{ "dial": OTHER }] })).await;
    let heard = [handsets.finished(FIRST).await, handsets.finished(OTHER).await];
    let story = server.ended(&call).await;
    assert_eq!(outcome(&story), ("completed", "callee"), "{story:#}");
    for (heard, (by, said)) in heard.iter().zip([(FIRST, &says[1].1), (OTHER, &says[0].1)]) {
        let (samples, _) = program::samples(heard.wav.as_ref().unwrap());
        let all = shifts(said, &samples);
        let (begin, end) = (all[0].0, all[all.len() - 1].0);
        let alike = all.iter().filter(|(_, score)| *score > 0.9).count();
        eprintln!(
            "{by} heard {alike} of {} pieces as they were said; they came {begin} samples late at first, {end} at last",
            all.len()
        );
        assert!(all.len() >= seconds / 2 - 3, "{all:?}");
        assert!(alike * 100 >= all.len() * 90, "{all:?}");
        // A jitter buffer may have learnt something in between: two frames, and not more with more time.
        assert!((end - begin).abs() <= 320, "{all:?}");
        let own = if by == FIRST { &says[0].1 } else { &says[1].1 };
        let echo = correlate::find(&own[2 * RATE..4 * RATE], &samples).map_or(0.0, |found| found.score);
        assert!(echo < 0.2, "{by} heard itself: {echo}");
    }
    server.stop().await;
    handsets.shutdown().await;
}
