//! In-band DTMF against another decoder, and against speech in which there is none.

mod speech;

use std::io::Write;
use std::process::{Command, Stdio};

use outdial_media::codec::Codec;
use outdial_media::digit::Digit;
use outdial_media::dtmf_inband::DtmfDetector;
use outdial_media::tones;
use outdial_testkit::peers::{Peer, require};

/// What the other decoder takes: samples a second.
const THEIRS: u32 = 22_050;

/// What we hear in 8 kHz audio that came over a telephone line.
fn ours(audio: &[i16]) -> String {
    let mut octets = vec![0; audio.len()];
    Codec::Pcma.encode(audio, &mut octets);
    let mut audio = vec![0; audio.len()];
    Codec::Pcma.decode(&octets, &mut audio);
    let mut keys = String::new();
    let mut detector = DtmfDetector::new(8000);
    for frame in audio.chunks(160) {
        detector.feed(frame, |digit| keys.push(digit.as_char()));
    }
    keys
}

/// What the other decoder hears in the same.
fn theirs(audio: &[i16]) -> String {
    let audio = outdial_media::resample::resample(audio, 8000, THEIRS).expect("a usual rate");
    let mut decoder = Command::new("multimon-ng")
        .args(["-q", "-t", "raw", "-a", "DTMF", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let octets: Vec<u8> = audio.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut input = decoder.stdin.take().expect("it listens");
    input.write_all(&octets).expect("it listens to the end");
    drop(input);
    let output = decoder.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.strip_prefix("DTMF: ")).collect()
}

/// Keys one after the other, with pauses as long.
fn row(keys: &str, milliseconds: u32, level: f32) -> Vec<i16> {
    let mut audio = vec![0; 800];
    for key in Digit::parse_all(keys).expect("keys") {
        audio.extend(tones::dtmf(8000, key, level, milliseconds));
        audio.extend(vec![0; milliseconds as usize * 8]);
    }
    audio.extend(vec![0; 800]);
    audio
}

#[test]
fn another_decoder_hears_the_keys_that_we_send_and_we_hear_what_it_hears() {
    if !require(Peer::MultimonNg) {
        return;
    }
    let keys = "0123456789*#ABCD1590D#";
    for (milliseconds, level) in [(100, -10.0), (70, -6.0), (60, -20.0)] {
        let audio = row(keys, milliseconds, level);
        assert_eq!(theirs(&audio), keys, "{milliseconds} ms at {level}");
        assert_eq!(ours(&audio), keys, "{milliseconds} ms at {level}");
    }
    // Shorter than what the other one is made for, and what the standard asks of us.
    assert_eq!(ours(&row(keys, 40, -10.0)), keys);
}

#[test]
fn keys_are_heard_over_a_voice() {
    let clips = speech::synthetic(8000);
    for (index, clip) in clips.iter().enumerate() {
        // Softer than the keys, as the echo of a prompt is.
        let mut audio = row("159#", 100, -8.0);
        for (sample, voice) in audio.iter_mut().zip(&clip[4000..]) {
            *sample += voice / 10;
        }
        assert_eq!(ours(&audio), "159#", "clip {index}");
    }
}

/// Feeds speech until so many seconds are over, each time round a little louder or softer, and counts the keys that nobody pressed.
fn talk(clips: &[Vec<i16>], seconds: usize) -> (usize, String) {
    let (mut heard, mut samples, mut round) = (String::new(), 0, 0_i32);
    while samples < seconds * 8000 {
        for clip in clips {
            let audio: Vec<i16> = clip
                .iter()
                .map(|sample| (i32::from(*sample) * (10 - round) / 10).clamp(-32_768, 32_767) as i16)
                .collect();
            heard += &ours(&audio);
            samples += audio.len();
            if samples >= seconds * 8000 {
                break;
            }
        }
        round = (round + 1) % 9;
    }
    (samples / 8000, heard)
}

#[test]
fn there_are_no_keys_in_speech() {
    let mut clips = speech::synthetic(8000);
    clips.extend(speech::prompts(80));
    if clips.is_empty() {
        return;
    }
    let (seconds, heard) = talk(&clips, 300);
    assert_eq!(heard, "", "in {seconds} s");
}

/// `cargo test -p outdial-media --release --test in_band_digits -- --ignored`
#[test]
#[ignore = "an hour of speech takes minutes"]
fn there_are_no_keys_in_an_hour_of_speech() {
    let mut clips = speech::synthetic(8000);
    clips.extend(speech::prompts(usize::MAX));
    assert!(!clips.is_empty(), "there is no speech on this machine");
    let distinct: usize = clips.iter().map(Vec::len).sum::<usize>() / 8000;
    let (seconds, heard) = talk(&clips, 3600);
    println!("{seconds} s, {distinct} s of them distinct, in {} clips", clips.len());
    assert_eq!(heard, "");
}
