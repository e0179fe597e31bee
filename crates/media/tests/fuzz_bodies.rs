//! The bodies of the fuzz targets, run short: on random bytes, and on bytes that are almost right.

#[path = "../../../fuzz/bodies/media.rs"]
mod bodies;

use proptest::prelude::*;

/// Rows of datagrams as the bodies split them, each beginning as its kind does.
fn rows(beginning: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let datagram = (any::<bool>(), 0_u8..4, prop::collection::vec(any::<u8>(), 0..200));
    prop::collection::vec(datagram, 0..20).prop_map(move |datagrams| {
        let mut data = Vec::new();
        for (right, frames, rest) in datagrams {
            let datagram = if right { [beginning, &rest].concat() } else { rest };
            data.extend((datagram.len() as u16 | u16::from(frames) << 13).to_be_bytes());
            data.extend(datagram);
        }
        data
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rtp(data in rows(&[0x80, 0]), noise: Vec<u8>) {
        bodies::rtp(&data);
        bodies::rtp(&noise);
    }

    #[test]
    fn rtcp(data in rows(&[0x81, 200, 0, 12, 0, 0, 0, 7]), noise: Vec<u8>) {
        bodies::rtcp(&data);
        bodies::rtcp(&noise);
    }

    #[test]
    fn telephone_event(data in prop::collection::vec(any::<u8>(), 0..800)) {
        bodies::telephone_event(&data);
    }

    #[test]
    fn sip_info(text in "(Signal|Duration)?[ =]*[0-9A-F*#]{0,4}(\r\n)?.{0,30}", noise: Vec<u8>) {
        bodies::sip_info(text.as_bytes());
        bodies::sip_info(&noise);
    }

    #[test]
    fn wav(format in prop::collection::vec(any::<u8>(), 16..40), noise: Vec<u8>) {
        let length = (format.len() as u32).to_le_bytes();
        bodies::wav(&[b"RIFF....WAVEfmt ", &length[..], &format, b"data\xff\xff\0\0", &noise].concat());
        bodies::wav(&noise);
    }

    #[test]
    fn sdes(text in "[0-9]{1,2} AES_CM_128_HMAC_SHA1_[38][02] inline:[A-Za-z0-9+/]{40}[|:0-9^ A-Z=-]{0,30}", noise: Vec<u8>) {
        bodies::sdes(text.as_bytes());
        bodies::sdes(&noise);
    }

    #[test]
    fn srtp(data in rows(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7]), noise: Vec<u8>) {
        bodies::srtp(&data);
        bodies::srtp(&noise);
    }
}
