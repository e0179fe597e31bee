use proptest::prelude::*;

use super::*;

fn local() -> Local {
    Local {
        address: "192.0.2.1:16384".parse().unwrap(),
        session: 42,
        version: 1,
        codecs: Codec::G711.to_vec(),
        packet_time: 20,
        srtp: Srtp::Off,
        keys: keys(&[7; 64]),
        holds: false,
        telephone_event: TELEPHONE_EVENT,
    }
}

fn answer_with(audio: &str) -> Result<Agreed, SdpError> {
    let body = format!("v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=x\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{audio}");
    read_answer(body.as_bytes(), &local())
}

#[test]
fn the_offer_has_both_laws_and_telephone_event() {
    let text = offer(&local());
    assert!(text.contains("m=audio 16384 RTP/AVP 0 8 101\r\n"), "{text}");
    assert!(
        text.contains("a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"),
        "{text}"
    );
    assert!(text.contains("a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"));
    assert!(Session::parse(text.as_bytes()).is_ok());
}

#[test]
fn the_first_common_codec_of_the_answer_is_taken() {
    let agreed = answer_with("m=audio 4000 RTP/AVP 18 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\n").unwrap();
    assert_eq!(agreed.codec, Codec::Pcma);
    assert_eq!((agreed.send.audio, agreed.receive.audio), (8, 8));
    assert_eq!(
        (agreed.send.telephone_event, agreed.receive.telephone_event),
        (Some(96), Some(101))
    );
    assert_eq!(agreed.remote.unwrap().address, "192.0.2.9:4000".parse().unwrap());
    assert_eq!(agreed.direction, Direction::SendRecv);
}

#[test]
fn an_answer_may_leave_digits_out_and_put_the_address_into_the_media() {
    let agreed = answer_with("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 198.51.100.7\r\na=rtcp:5001\r\n").unwrap();
    assert_eq!(agreed.send.telephone_event, None);
    assert_eq!(agreed.receive.telephone_event, None);
    let remote = agreed.remote.unwrap();
    assert_eq!(remote.address, "198.51.100.7:4000".parse().unwrap());
    assert_eq!(remote.rtcp, Some("198.51.100.7:5001".parse().unwrap()));
}

#[test]
fn what_cannot_be_used_says_why() {
    assert_eq!(answer_with(""), Err(SdpError::NoAudio));
    assert_eq!(answer_with("m=audio 0 RTP/AVP 0\r\n"), Err(SdpError::NoAudio));
    assert_eq!(answer_with("m=video 4000 RTP/AVP 31\r\n"), Err(SdpError::NoAudio));
    assert!(matches!(
        answer_with("m=audio 4000 RTP/SAVP 0\r\n"),
        Err(SdpError::Profile(_))
    ));
    let no_codec = answer_with("m=audio 4000 RTP/AVP 18 97\r\na=rtpmap:97 opus/48000/2\r\n").unwrap_err();
    assert!(
        no_codec.to_string().ends_with("(PCMU, PCMA), only 18, opus"),
        "{no_codec}"
    );
    assert!(matches!(
        answer_with("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 224.0.0.1\r\n"),
        Err(SdpError::Address(_))
    ));
    assert!(matches!(
        answer_with("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 pbx.example.com\r\n"),
        Err(SdpError::Address(_))
    ));
    assert_eq!(read_answer(b"", &local()), Err(SdpError::Missing));
    assert!(matches!(read_answer(b"hello", &local()), Err(SdpError::Unreadable(_))));
}

#[test]
fn hold_is_understood_in_both_spellings() {
    let old = answer_with("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n").unwrap();
    assert_eq!((old.remote, old.direction), (None, Direction::Inactive));
    let new = answer_with("m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n").unwrap();
    assert_eq!(new.direction, Direction::RecvOnly);
    assert!(answer(&local(), &new).contains("a=recvonly\r\n"));
}

#[test]
fn an_offer_keeps_the_codec_in_use_and_its_own_numbers() {
    let body = "v=0\r\no=x 1 2 IN IP4 192.0.2.9\r\ns=x\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                m=audio 4000 RTP/AVP 0 8 100\r\na=rtpmap:100 telephone-event/8000\r\n";
    let agreed = read_offer(body.as_bytes(), &local(), Some(Codec::Pcma)).unwrap();
    assert_eq!(agreed.codec, Codec::Pcma);
    let text = answer(&local(), &agreed);
    assert!(text.contains("m=audio 16384 RTP/AVP 8 100\r\n"), "{text}");
}

fn protected(srtp: Srtp) -> Local {
    Local { srtp, ..local() }
}

fn described(audio: &str) -> Vec<u8> {
    format!("v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=x\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{audio}").into_bytes()
}

const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

#[test]
fn keys_are_offered_as_the_trunk_wants() {
    let plain = offer(&protected(Srtp::Off));
    assert!(plain.contains("RTP/AVP 0") && !plain.contains("crypto"), "{plain}");
    let either = offer(&protected(Srtp::Prefer));
    assert!(
        either.contains("RTP/AVP 0") && either.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"),
        "{either}"
    );
    assert!(
        either.contains("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:"),
        "{either}"
    );
    assert!(offer(&protected(Srtp::Require)).contains("RTP/SAVP 0"));
}

#[test]
fn protection_is_agreed_on_or_refused() {
    let with_key = |profile: &str| {
        described(&format!(
            "m=audio 4000 {profile} 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"
        ))
    };
    let without = described("m=audio 4000 RTP/AVP 0\r\n");
    for (srtp, body, expected) in [
        (Srtp::Off, with_key("RTP/AVP"), Ok(false)),
        (Srtp::Off, with_key("RTP/SAVP"), Err(true)),
        (Srtp::Prefer, with_key("RTP/AVP"), Ok(true)),
        (Srtp::Prefer, with_key("RTP/SAVP"), Ok(true)),
        (Srtp::Prefer, without.clone(), Ok(false)),
        (Srtp::Require, with_key("RTP/SAVP"), Ok(true)),
        (Srtp::Require, without, Err(true)),
        (Srtp::Require, described("m=audio 4000 RTP/SAVP 0\r\n"), Err(true)),
        (
            Srtp::Prefer,
            described("m=audio 4000 RTP/SAVP 0\r\na=crypto:1 F8_128_HMAC_SHA1_80 inline:x\r\n"),
            Err(true),
        ),
    ] {
        let text = String::from_utf8(body.clone()).unwrap();
        let answered = read_answer(&body, &protected(srtp)).map(|agreed| agreed.keys.is_some());
        assert_eq!(answered.map_err(|_| true), expected, "{srtp:?} {text}");
        let offered = read_offer(&body, &protected(srtp), None);
        assert_eq!(
            offered.clone().map(|agreed| agreed.keys.is_some()).map_err(|_| true),
            expected,
            "{srtp:?} {text}"
        );
        if let (Ok(agreed), Ok(true)) = (offered, expected) {
            let shown = answer(&protected(srtp), &agreed);
            assert!(shown.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"), "{shown}");
            assert_eq!(shown.contains("RTP/SAVP"), text.contains("RTP/SAVP"), "{shown}");
        }
    }
    let other_tag = described(&format!(
        "m=audio 4000 RTP/SAVP 0\r\na=crypto:9 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"
    ));
    assert!(read_answer(&other_tag, &protected(Srtp::Require)).is_err());
    assert!(read_offer(&other_tag, &protected(Srtp::Require), None).is_ok());
}

#[test]
fn wide_sound_has_its_clock_and_its_own_keys() {
    let mut wide = local();
    wide.codecs = vec![Codec::G722, Codec::Pcmu];
    let shown = offer(&wide);
    assert!(shown.contains("RTP/AVP 9 0 101\r\na=rtpmap:9 G722/8000\r\n"), "{shown}");
    let events = "a=rtpmap:100 telephone-event/16000\r\n";
    let body = described(&format!("m=audio 4000 RTP/AVP 9 0 100\r\n{events}"));
    let agreed = read_offer(&body, &wide, None).unwrap();
    assert_eq!(
        (agreed.codec, agreed.send.telephone_event, agreed.event_clock),
        (Codec::G722, Some(100), 16_000)
    );
    assert!(answer(&wide, &agreed).contains("telephone-event/16000"));
    // A codec of another rate cannot be changed to while something is played.
    let narrow = read_offer(&body, &wide, Some(Codec::Pcmu)).unwrap();
    assert_eq!((narrow.codec, narrow.send.telephone_event), (Codec::Pcmu, None));
    assert!(read_offer(&described("m=audio 4000 RTP/AVP 9\r\n"), &wide, Some(Codec::Pcmu)).is_err());
}

#[test]
fn packets_are_as_long_as_the_far_side_wants() {
    for (lines, expected) in [
        ("", 20),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:200\r\n", 60),
        ("a=ptime:5\r\n", 10),
        ("a=ptime:60\r\na=maxptime:40\r\n", 40),
        ("a=maxptime:10\r\n", 10),
        ("a=ptime:soon\r\n", 20),
    ] {
        let agreed = answer_with(&format!("m=audio 4000 RTP/AVP 0\r\n{lines}")).unwrap();
        assert_eq!(agreed.packet_time, expected, "{lines}");
    }
}

/// A description of ours, as another of us would offer it.
fn whole() -> Vec<u8> {
    let local = Local {
        codecs: Codec::ALL.to_vec(),
        srtp: Srtp::Prefer,
        ..local()
    };
    offer(&local).into_bytes()
}

proptest! {
    #[test]
    fn no_description_upsets_it(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_answer(&octets, &local());
        let _ = read_offer(&octets, &local(), None);
    }

    #[test]
    fn nor_one_that_is_almost_right(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut changed = whole();
        for (at, octet) in changes {
            let at = at.index(changed.len());
            changed[at] = octet;
        }
        changed.truncate(cut.index(2 * changed.len()).max(changed.len() / 2));
        for srtp in [Srtp::Off, Srtp::Prefer, Srtp::Require] {
            let local = Local { srtp, ..local() };
            if let Ok(agreed) = read_offer(&changed, &local, None) {
                let answered = answer(&local, &agreed);
                prop_assert!(Session::parse(answered.as_bytes()).is_ok(), "{answered}");
                prop_assert!((10..=60).contains(&agreed.packet_time));
            }
            let _ = read_answer(&changed, &local);
        }
    }
}
