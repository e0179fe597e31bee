//! What a phone says.

use std::time::Duration;

use outdial_handset::{EndedBy, EventKind, Phone, Sound};
use outdial_media::codec::Codec;
use outdial_media::rtp::RtpPacket;
use rsipstack::dialog::invitation::InviteOption;

use crate::caller::{Caller, NUMBER, hear, sine, soon, start};

/// Listens to the phone for so many packets and returns what it said.
async fn listen(caller: &Caller, packets: usize, payload_type: u8) -> Vec<i16> {
    let mut said = Vec::new();
    let mut last: Option<(u16, u32)> = None;
    for _ in 0..packets {
        let datagram = hear(&caller.rtp).await;
        let packet = RtpPacket::parse(&datagram).unwrap();
        assert_eq!(packet.header.payload_type, payload_type);
        assert_eq!(
            packet.header.marker,
            last.is_none(),
            "only the first packet begins a talk spurt"
        );
        let (sequence, timestamp) = (packet.header.sequence, packet.header.timestamp);
        if let Some((before, ticks)) = last.replace((sequence, timestamp)) {
            assert_eq!((sequence, timestamp), (before.wrapping_add(1), ticks.wrapping_add(160)));
        }
        let mut samples = [0; 160];
        Codec::from_payload_type(payload_type)
            .unwrap()
            .decode(packet.payload, &mut samples);
        said.extend(samples);
    }
    said
}

#[tokio::test]
async fn a_file_is_spoken_in_the_codec_of_the_caller() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hello.wav");
    let spoken = sine(400);
    let mut file = std::fs::File::create(&path).unwrap();
    outdial_media::wav::write_mono(&mut file, 8000, &spoken).unwrap();
    for (formats, payload_type) in [("0 8 101", 0), ("8 0", 8)] {
        let handsets = start(Phone::answering(NUMBER).speak(&path).hang_up()).await;
        let caller = Caller::new().await;
        let offer = Some(caller.offer(formats).into_bytes());
        let invite = InviteOption {
            offer,
            ..caller.invite(&handsets.uri(NUMBER))
        };
        let mut call = caller.place(invite).await;
        let said = listen(&caller, 20, payload_type).await;
        let begin = said.iter().position(|sample| sample.abs() > 2000).unwrap() - 1;
        let matching = said[begin..]
            .iter()
            .zip(&spoken)
            .filter(|(a, b)| (**a - **b).abs() < 1200)
            .count();
        assert!(matching > 1600, "{matching} of {} samples", said.len() - begin);
        assert_eq!(call.next_info().await, None);
        assert_eq!(soon(handsets.finished(NUMBER)).await.ended_by, EndedBy::Phone);
    }
}

#[tokio::test]
async fn a_phone_with_nothing_to_say_sends_silence() {
    let handsets = start(Phone::answering(NUMBER)).await;
    let caller = Caller::new().await;
    let call = caller.call(&handsets.uri(NUMBER)).await;
    assert!(listen(&caller, 5, 0).await.iter().all(|sample| sample.abs() < 10));
    call.hang_up().await;
    assert!(soon(handsets.finished(NUMBER)).await.packets.sent >= 5);
}

#[tokio::test]
async fn a_mute_phone_and_one_without_rtp_send_nothing() {
    let length = Duration::from_millis(100);
    for phone in [
        Phone::answering(NUMBER).mute().tone(440.0, length),
        Phone::answering(NUMBER).without_rtp().wait(length),
    ] {
        let handsets = start(phone.hang_up()).await;
        let caller = Caller::new().await;
        let mut call = caller.call(&handsets.uri(NUMBER)).await;
        assert_ne!(call.remote().port(), 0, "it says that it has RTP all the same");
        assert_eq!(call.next_info().await, None);
        let heard = soon(handsets.finished(NUMBER)).await;
        assert_eq!((heard.ended_by, heard.packets.sent), (EndedBy::Phone, 0));
        let nothing = caller.rtp.try_recv_from(&mut [0; 100]).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn early_media_comes_before_the_answer() {
    let early = Sound::Samples(sine(200).into());
    let handsets = start(Phone::answering(NUMBER).ring(Duration::from_millis(20)).early(early)).await;
    let caller = Caller::new().await;
    let call = caller.call(&handsets.uri(NUMBER)).await;
    let said = listen(&caller, 8, 0).await;
    assert!(said.iter().any(|sample| *sample > 5000));
    call.hang_up().await;
    soon(handsets.finished(NUMBER)).await;
    let kinds: Vec<EventKind> = handsets
        .events()
        .into_iter()
        .skip(1)
        .take(3)
        .map(|event| event.kind)
        .collect();
    assert_eq!(kinds, [EventKind::Ringing, EventKind::EarlyMedia, EventKind::Answered]);
}

#[tokio::test]
async fn it_hangs_up_at_its_time_whatever_it_is_doing() {
    let phone = Phone::answering(NUMBER).tone(440.0, Duration::from_secs(600));
    let handsets = start(phone.hang_up_after(Duration::from_millis(200))).await;
    let caller = Caller::new().await;
    let mut call = caller.call(&handsets.uri(NUMBER)).await;
    assert_eq!(call.next_info().await, None);
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!(heard.ended_by, EndedBy::Phone);
    let talked = heard.ended_at.duration_since(heard.answered_at.unwrap());
    assert!(talked.as_millis() >= 200, "{talked:?}");
}
