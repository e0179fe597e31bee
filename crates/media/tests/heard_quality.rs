//! How good speech is heard, judged by PESQ (ITU-T P.862): whole, and with packets lost at random.

mod speech;

use std::path::Path;
use std::time::Instant;

use outdial_media::codec::Codec;
use outdial_media::stream::{MediaStream, StreamConfig};
use outdial_media::{FRAME, MAX_PACKET, loudness, wav};
use outdial_testkit::peers::{Peer, Pesq, require};

/// What is heard of a clip when this share of the packets, of 1000, is lost at random.
fn heard(codec: Codec, clip: &[i16], lost: u32, seed: u32) -> Vec<i16> {
    let mut now = Instant::now();
    let mut speaker = MediaStream::new(StreamConfig::new(codec, 1), now);
    let mut listener = MediaStream::new(StreamConfig::new(codec, 2), now);
    speaker.play(1, [clip.into()]).expect("the queue is empty");
    let (mut packet, mut random) = ([0; MAX_PACKET], seed);
    let mut heard = Vec::new();
    for _ in 0..clip.len() / codec.frame_samples() + 10 {
        if let Some(length) = speaker.tick(now, &mut packet) {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if (random >> 8) % 1000 >= lost || heard.is_empty() {
                listener.handle_packet(&packet[..length], now);
            }
        }
        listener.tick(now, &mut packet);
        heard.extend_from_slice(listener.received().unwrap_or(&[]));
        now += FRAME;
    }
    heard
}

fn score(folder: &Path, rate: u32, said: &[i16], heard: &[i16]) -> f64 {
    let [one, other] = ["said.wav", "heard.wav"].map(|name| folder.join(name));
    for (path, samples) in [(&one, said), (&other, heard)] {
        let mut file = Vec::new();
        wav::write_mono(&mut file, rate, samples).expect("memory takes everything");
        std::fs::write(path, file).expect("the folder is ours");
    }
    Pesq::narrow_band(&one, &other).expect("there is speech")
}

/// The mean score over the clips, each lost in several ways.
fn mean_score(codec: Codec, clips: &[Vec<i16>], lost: u32) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let ways = if lost == 0 { 1 } else { 2 };
    let scores: Vec<f64> = clips
        .iter()
        .enumerate()
        .flat_map(|(index, clip)| (0..ways).map(move |way| (clip, (index * 10 + way + 1) as u32)))
        .map(|(clip, seed)| {
            score(
                folder.path(),
                codec.sample_rate(),
                clip,
                &heard(codec, clip, lost, seed.wrapping_mul(2_654_435_761)),
            )
        })
        .collect();
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// Clips of about eight seconds, as the measure wants them, at the level of a telephone.
fn in_clips(sounds: &[Vec<i16>], rate: u32) -> Vec<Vec<i16>> {
    let mut clips = Vec::new();
    let mut clip: Vec<i16> = Vec::new();
    for sound in sounds {
        clip.extend(sound);
        clip.extend(vec![0; rate as usize / 4]);
        if clip.len() > 7 * rate as usize {
            let mut whole = std::mem::take(&mut clip);
            loudness::normalise(&mut whole, rate, -22.0, -3.0);
            clips.push(whole);
        }
    }
    clips
}

/// The mean score of the codec alone, with nothing between.
fn best_score(codec: Codec, clips: &[Vec<i16>]) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let scores = clips.iter().map(|clip| {
        let mut octets = vec![0; clip.len() / codec.samples_per_octet()];
        codec.encode(clip, &mut octets);
        let mut heard = vec![0; clip.len()];
        codec.decode(&octets, &mut heard);
        score(folder.path(), codec.sample_rate(), clip, &heard)
    });
    scores.sum::<f64>() / clips.len() as f64
}

/// What was measured, for whoever asks for it with `--nocapture`.
#[expect(clippy::print_stdout, reason = "a test's way to tell its figures")]
fn report(line: &str) {
    println!("{line}");
}

fn judge(name: &str, codec: Codec, clips: &[Vec<i16>], wanted: [f64; 4]) {
    for (lost, least) in [0, 10, 30, 50].into_iter().zip(wanted) {
        let score = mean_score(codec, clips, lost);
        let percent = f64::from(lost) / 10.0;
        report(&format!(
            "{name}, {codec:?}, {} clips, {percent} % lost: {score:.2}",
            clips.len()
        ));
        assert!(
            score >= least,
            "{name} with {percent} % lost: {score:.2}, not {least:.2}"
        );
    }
}

/// A synthetic voice loses more by the coding alone than natural ones do, and a lost packet is the more
/// of a loss: it does not meet the limits below, and is held against its codec instead.
#[test]
fn a_synthetic_voice_is_heard_as_well_as_its_codec_lets_it() {
    if !require(Peer::Pesq) {
        return;
    }
    for codec in [Codec::Pcmu, Codec::G722] {
        let clips = in_clips(&speech::synthetic(codec.sample_rate()), codec.sample_rate());
        if !clips.is_empty() {
            let best = best_score(codec, &clips);
            report(&format!("espeak-ng, {codec:?} alone: {best:.2}"));
            judge(
                "espeak-ng",
                codec,
                &clips,
                [best - 0.1, best - 0.4, best - 0.8, best - 1.2],
            );
        }
    }
}

/// Natural voices, as people who call hear them: 3.9, 3.1 and 2.8 with 1, 3 and 5 % lost.
#[test]
fn natural_voices_are_heard_well() {
    if !require(Peer::Pesq) || !require(Peer::Asterisk) || !require(Peer::Sox) {
        return;
    }
    let mut prompts = speech::prompts(60);
    prompts.retain(|prompt| prompt.len() > 16_000);
    let clips = in_clips(&prompts, 8000);
    assert!(!clips.is_empty(), "Asterisk has come without its prompts");
    judge(
        "prompts",
        Codec::Pcma,
        &clips[..clips.len().min(4)],
        [4.0, 3.9, 3.1, 2.8],
    );
}
