//! Keys, in every way and both directions.

use std::time::Duration;

use outdial_handset::{EndedBy, EventKind, HeardWay, Phone, PressWay};
use outdial_media::codec::Codec;
use outdial_media::digit::Digit;
use outdial_media::dtmf_inband::DtmfDetector;
use outdial_media::rtp::{RtpPacket, RtpSender};
use outdial_media::telephone_event::{EventSender, EventStep, EventTiming};
use outdial_media::{sip_info, tones};
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::sip::Header;

use crate::caller::{Caller, NUMBER, hear, keys, sine, soon, speak, start};

#[tokio::test]
async fn keys_are_pressed_after_the_prompt() {
    let handsets = start(Phone::answering(NUMBER).wait_for_prompt().press("1#").hang_up()).await;
    let caller = Caller::new().await;
    let mut call = caller.call(&handsets.uri(NUMBER)).await;
    let (socket, remote) = (caller.rtp.clone(), call.remote());
    let speaking = tokio::spawn(async move { speak(&socket, remote, &sine(500)).await });
    let (pressed, audio) = soon(keys(&caller.rtp, 2)).await;
    assert_eq!(pressed, "1#");
    // Half a second of prompt and 800 ms of silence, at 50 packets a second.
    assert!(audio > 50, "the keys came after {audio} packets");
    speaking.await.unwrap();
    assert_eq!(call.next_info().await, None, "it hangs up");
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!((heard.ended_by, heard.problems.len()), (EndedBy::Phone, 0));
}

#[tokio::test]
async fn keys_are_pressed_by_info() {
    let handsets = start(Phone::answering(NUMBER).press_by(PressWay::Info, "42").hang_up()).await;
    let caller = Caller::new().await;
    let mut call = caller.call(&handsets.uri(NUMBER)).await;
    for expected in ['4', '2'] {
        let body = call.next_info().await.unwrap();
        let pressed = sip_info::parse(sip_info::DTMF_RELAY, body.as_bytes()).unwrap();
        assert_eq!(pressed.digit.as_char(), expected);
    }
    assert_eq!(call.next_info().await, None);
}

#[tokio::test]
async fn keys_are_tones_where_nothing_else_was_offered() {
    for (formats, way) in [("0", PressWay::Rtp), ("0 101", PressWay::InBand)] {
        let handsets = start(Phone::answering(NUMBER).press_by(way, "159D")).await;
        let caller = Caller::new().await;
        let offer = Some(caller.offer(formats).into_bytes());
        let invite = InviteOption {
            offer,
            ..caller.invite(&handsets.uri(NUMBER))
        };
        let call = caller.place(invite).await;
        assert_eq!(call.body().contains("telephone-event"), formats != "0");
        let mut detector = DtmfDetector::new(8000);
        let mut pressed = String::new();
        soon(async {
            while pressed.len() < 4 {
                let datagram = hear(&caller.rtp).await;
                let packet = RtpPacket::parse(&datagram).unwrap();
                assert_eq!(packet.header.payload_type, 0);
                let mut samples = [0; 160];
                Codec::Pcmu.decode(packet.payload, &mut samples);
                detector.feed(&samples, |digit| pressed.push(digit.as_char()));
            }
        })
        .await;
        assert_eq!(pressed, "159D");
        call.hang_up().await;
    }
}

#[tokio::test]
async fn keys_of_the_far_side_are_heard_by_event_and_by_info() {
    let handsets = start(Phone::answering(NUMBER)).await;
    let caller = Caller::new().await;
    let call = caller.call(&handsets.uri(NUMBER)).await;
    press_events(&caller, call.remote(), "12").await;
    for key in ['2', '#'] {
        soon(handsets.wait_for(
            NUMBER,
            EventKind::Digit {
                digit: '2',
                way: HeardWay::Rtp,
            },
        ))
        .await;
        let headers = vec![Header::ContentType(sip_info::DTMF_RELAY.into())];
        let body = sip_info::write(Digit::try_from(key).unwrap(), Duration::from_millis(100));
        let answer = soon(Box::pin(call.dialog.info(Some(headers), Some(body.into_bytes())))).await;
        assert_eq!(answer.unwrap().unwrap().status_code.code(), 200);
    }
    let strange = vec![Header::ContentType("text/plain".into())];
    let answer = soon(Box::pin(call.dialog.info(Some(strange), Some(b"5".to_vec())))).await;
    assert_eq!(answer.unwrap().unwrap().status_code.code(), 415);
    call.hang_up().await;
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!(heard.digits, "122#");
    assert_eq!(heard.packets.refused, 0);
}

#[tokio::test]
async fn keys_of_the_far_side_are_heard_in_the_audio() {
    let handsets = start(Phone::answering(NUMBER)).await;
    let caller = Caller::new().await;
    let offer = Some(caller.offer("0").into_bytes());
    let invite = InviteOption {
        offer,
        ..caller.invite(&handsets.uri(NUMBER))
    };
    let call = caller.place(invite).await;
    let mut audio = vec![0; 800];
    for digit in Digit::parse_all("90*").unwrap() {
        audio.extend(tones::dtmf(8000, digit, -10.0, 100));
        audio.extend([0; 800]);
    }
    speak(&caller.rtp, call.remote(), &audio).await;
    call.hang_up().await;
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!(heard.digits, "90*");
    let in_band = EventKind::Digit {
        digit: '9',
        way: HeardWay::InBand,
    };
    soon(handsets.wait_for(NUMBER, in_band)).await;
}

async fn press_events(caller: &Caller, remote: std::net::SocketAddr, digits: &str) {
    let mut rtp = RtpSender::new(9, 1);
    let mut events = EventSender::new(8000, EventTiming::default());
    events.push(0, &Digit::parse_all(digits).unwrap()).unwrap();
    for frame in 0.. {
        let mut packet = [0; 64];
        let (EventStep::Tone(event) | EventStep::EndAgain(event)) = events.step(frame * 160) else {
            if events.is_busy() {
                continue;
            }
            return;
        };
        let length = rtp.write(&mut packet, 101, event.marker, event.timestamp, |room| {
            room[..4].copy_from_slice(&event.event.write());
            4
        });
        caller.rtp.send_to(&packet[..length.unwrap()], remote).await.unwrap();
    }
}
