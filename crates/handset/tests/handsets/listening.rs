//! What a phone hears: recordings, prompts, bad networks.

use std::time::Duration;

use outdial_handset::{EndedBy, EventKind, HandsetSet, Network, Phone, Step};
use outdial_media::codec::Codec;
use outdial_media::rtp::RtpSender;

use crate::caller::{Caller, NUMBER, recording, sine, soon, speak, start};

async fn recording_set(phone: Phone) -> (HandsetSet, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let handsets = HandsetSet::start(listen, phone.into(), Some(directory.path().join("new")))
        .await
        .unwrap();
    (handsets, directory)
}

#[tokio::test]
async fn what_was_heard_is_in_the_recording() {
    let (handsets, directory) = recording_set(Phone::answering(NUMBER)).await;
    let caller = Caller::new().await;
    let call = caller.call(&handsets.uri(NUMBER)).await;
    let spoken: Vec<i16> = sine(300).into_iter().chain(vec![0; 1600]).chain(sine(200)).collect();
    speak(&caller.rtp, call.remote(), &spoken).await;
    call.hang_up().await;
    let heard = soon(handsets.finished(NUMBER)).await;

    let wav = heard.wav.unwrap();
    let name = wav.file_name().unwrap().to_string_lossy().into_owned();
    assert!(
        name.starts_with("+6598765432-1-") && wav.starts_with(directory.path()),
        "{name}"
    );
    let samples = recording(&wav);
    assert_eq!(samples.len(), spoken.len());
    for (heard, spoken) in samples.iter().zip(&spoken) {
        assert!(
            (i32::from(*heard) - i32::from(*spoken)).abs() < 300,
            "µ-law is not that coarse"
        );
    }
    assert_eq!((heard.packets.received, heard.packets.lost), (35, 0));
}

#[tokio::test]
async fn gaps_are_silent_and_the_lost_are_counted() {
    let (handsets, _directory) = recording_set(Phone::answering(NUMBER)).await;
    let caller = Caller::new().await;
    let call = caller.call(&handsets.uri(NUMBER)).await;
    let mut sender = RtpSender::new(3, 65_534);
    for frame in 0..10_u32 {
        let mut packet = [0; 200];
        let length = sender.write(&mut packet, 0, false, frame * 160, |room| {
            Codec::Pcmu.encode(&[9000; 160], room)
        });
        if ![3, 4].contains(&frame) {
            caller
                .rtp
                .send_to(&packet[..length.unwrap()], call.remote())
                .await
                .unwrap();
        }
    }
    caller.rtp.send_to(b"noise", call.remote()).await.unwrap();
    call.hang_up().await;
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!(
        (heard.packets.received, heard.packets.lost, heard.packets.refused),
        (8, 2, 1)
    );
    let samples = recording(&heard.wav.unwrap());
    assert_eq!(samples.len(), 1600);
    let silent: Vec<usize> = samples
        .chunks(160)
        .enumerate()
        .filter(|(_, frame)| frame[0] == 0)
        .map(|(index, _)| index)
        .collect();
    assert_eq!(silent, [3, 4]);
}

#[tokio::test]
async fn a_call_that_nobody_spoke_on_has_an_empty_recording() {
    for phone in [Phone::answering(NUMBER), Phone::answering(NUMBER).deaf()] {
        let deaf = phone.behaviour.deaf;
        let (handsets, _directory) = recording_set(phone).await;
        let caller = Caller::new().await;
        let call = caller.call(&handsets.uri(NUMBER)).await;
        if deaf {
            speak(&caller.rtp, call.remote(), &sine(100)).await;
        }
        call.hang_up().await;
        let heard = soon(handsets.finished(NUMBER)).await;
        assert_eq!(recording(&heard.wav.unwrap()), [0; 0]);
    }
}

#[tokio::test]
async fn a_prompt_that_never_comes_is_a_problem() {
    let limit = Duration::from_millis(300);
    let step = Step::WaitForPrompt {
        limit,
        silence: Step::PROMPT_SILENCE,
    };
    let handsets = start(Phone::answering(NUMBER).step(step).press("1")).await;
    let caller = Caller::new().await;
    let mut call = caller.call(&handsets.uri(NUMBER)).await;
    speak(&caller.rtp, call.remote(), &[0; 1600]).await;
    assert_eq!(call.next_info().await, None, "it hangs up");
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!(heard.ended_by, EndedBy::Phone);
    assert!(
        heard.problems[0].contains("no prompt was heard"),
        "{:?}",
        heard.problems
    );
}

#[tokio::test]
async fn a_bad_network_loses_the_same_packets_again() {
    let mut received = Vec::new();
    for _ in 0..2 {
        let network = Network::losing(0.3).seed(5);
        let handsets = start(Phone::answering(NUMBER).network(network)).await;
        let caller = Caller::new().await;
        let call = caller.call(&handsets.uri(NUMBER)).await;
        speak(&caller.rtp, call.remote(), &sine(1000)).await;
        call.hang_up().await;
        let heard = soon(handsets.finished(NUMBER)).await;
        assert!(heard.packets.dropped > 10, "{:?}", heard.packets);
        received.push(heard.packets.received);
    }
    assert!((25..45).contains(&received[0]), "{received:?}");
    assert_eq!(received[0], received[1]);
}

#[tokio::test]
async fn late_packets_are_still_heard() {
    let network = Network::delaying(Duration::from_millis(60))
        .jitter(Duration::from_millis(50))
        .seed(2);
    let (handsets, _directory) = recording_set(Phone::answering(NUMBER).network(network)).await;
    let caller = Caller::new().await;
    let call = caller.call(&handsets.uri(NUMBER)).await;
    speak(&caller.rtp, call.remote(), &sine(600)).await;
    call.hang_up().await;
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!((heard.packets.received, heard.packets.dropped), (30, 0));
    assert!(recording(&heard.wav.unwrap()).len() >= 4000);
}

#[tokio::test]
async fn a_voicemail_greets_beeps_and_records() {
    let voicemail = outdial_handset::Voicemail {
        greeting: outdial_handset::Sound::Murmur(Duration::from_millis(200)),
        silence: Duration::from_millis(300),
        ..outdial_handset::Voicemail::default()
    };
    let phone = Phone::new(NUMBER, outdial_handset::Behaviour::voicemail(voicemail));
    let (handsets, _directory) = recording_set(phone).await;
    let caller = Caller::new().await;
    let mut call = caller.call(&handsets.uri(NUMBER)).await;
    soon(handsets.wait_for(NUMBER, EventKind::Acknowledged)).await;
    // Half a second of nothing, then the greeting and the beep: about a second in all.
    speak(&caller.rtp, call.remote(), &vec![0; 8 * 1200]).await;
    speak(&caller.rtp, call.remote(), &sine(400)).await;
    assert_eq!(call.next_info().await, None, "it hangs up after the message");
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!((heard.ended_by, heard.problems.len()), (EndedBy::Phone, 0));
    assert!(recording(&heard.wav.unwrap()).iter().any(|sample| *sample > 5000));
}
