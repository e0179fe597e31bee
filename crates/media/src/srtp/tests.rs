use proptest::prelude::*;
use rtc_srtp::crypto::providers::RingCrypto;
use rtc_srtp::crypto::{HmacAlgorithm, RTCCrypto, StreamCipherAlgorithm};

use super::*;
use crate::MAX_PACKET;
use crate::rtp::RtpHeader;

/// The master key and salt of RFC 3711, appendix B.3.
const MASTER: &str = "E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6";

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn key(suite: Suite) -> SrtpKey {
    SrtpKey::new(suite, MasterKey::new(octets(MASTER).try_into().unwrap()))
}

fn pair(suite: Suite) -> (Srtp, Srtp) {
    let other = SrtpKey::new(suite, MasterKey::new([9; 30]));
    let keys = SrtpKeys {
        send: key(suite),
        receive: other.clone(),
    };
    let theirs = SrtpKeys {
        send: other,
        receive: key(suite),
    };
    (Srtp::new(&keys), Srtp::new(&theirs))
}

fn packet(sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![sequence as u8; 172];
    RtpHeader {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
    }
    .write(&mut packet)
    .unwrap();
    packet
}

fn sealed(srtp: &mut Srtp, packet: &[u8]) -> Vec<u8> {
    let mut buffer = [0; MAX_PACKET];
    buffer[..packet.len()].copy_from_slice(packet);
    let length = srtp.protect(&mut buffer, packet.len()).unwrap();
    buffer[..length].to_vec()
}

fn opened(srtp: &mut Srtp, packet: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut buffer = packet.to_vec();
    let length = srtp.open(&mut buffer, packet.len())?;
    Ok(buffer[..length].to_vec())
}

#[test]
fn session_keys_are_those_of_rfc_3711() {
    // Appendix B.3: what the master key becomes.
    let (cipher, salt, auth) = (
        octets("C61E7A93744F39EE10734AFE3FF7A087"),
        octets("30CBBC08863D8C85D49DB34A9AE1"),
        octets("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"),
    );
    let plain = packet(0x1234, 0xDECA_FBAD);
    let mut expected = plain.clone();
    // Section 4.1.1: the salt, the source and the packet's index, each in its place.
    let mut counter = [0_u8; 16];
    counter[..14].copy_from_slice(&salt);
    for (at, octet) in [(4, 0xDE), (5, 0xCA), (6, 0xFB), (7, 0xAD), (12, 0x12), (13, 0x34)] {
        counter[at] ^= octet;
    }
    let mut stream = RingCrypto
        .new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &cipher)
        .unwrap();
    stream.apply_keystream(&counter, &mut expected[12..]).unwrap();
    let mut tag = [0; 20];
    let mut hmac = RingCrypto.new_hmac(HmacAlgorithm::Sha1, &auth).unwrap();
    hmac.sign(&[&expected[..], &[0; 4][..]], &mut tag).unwrap();
    for (suite, length) in [(Suite::AesCm128HmacSha1_80, 10), (Suite::AesCm128HmacSha1_32, 4)] {
        let (mut ours, _) = pair(suite);
        assert_eq!(sealed(&mut ours, &plain), [&expected[..], &tag[..length]].concat());
    }
}

#[test]
fn the_key_stream_is_that_of_rfc_3711() {
    // Appendix B.2.
    let key = octets("2B7E151628AED2A6ABF7158809CF4F3C");
    let counter = octets("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
    let mut stream = RingCrypto
        .new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &key)
        .unwrap();
    let mut blocks = [0; 48];
    stream.apply_keystream(&counter, &mut blocks).unwrap();
    let expected = "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(blocks[..], octets(expected));
}

/// The packets that libsrtp's own driver compares with.
#[test]
fn packets_are_those_of_libsrtp() {
    let (mut ours, _) = pair(Suite::AesCm128HmacSha1_80);
    let plain = octets("800F1234DECAFBADCAFEBABEABABABABABABABABABABABABABABABAB");
    let expected = octets("800F1234DECAFBADCAFEBABE4E55DC4CE79978D88CA4D215949D2402B78D6ACC99EA179B8DBB");
    assert_eq!(sealed(&mut ours, &plain), expected);
    let mut report = octets("81C8000BCAFEBABEABABABABABABABABABABABABABABABAB");
    let length = report.len();
    report.resize(length + MOST_ADDED, 0);
    assert_eq!(ours.protect_rtcp(&mut report, length), Some(length + MOST_ADDED));
    let expected = octets("81C8000BCAFEBABE7128035BE487B9BDBEF89041F977A5A880000001993E08CD54D6C1230798");
    assert_eq!(report, expected);
}

#[test]
fn what_is_protected_can_be_opened_once() {
    for suite in Suite::ALL {
        let (mut ours, mut theirs) = pair(suite);
        for sequence in 0..300 {
            let plain = packet(sequence, 7);
            let sealed = sealed(&mut ours, &plain);
            assert_eq!(sealed.len(), plain.len() + suite.rtp_tag());
            assert!(sealed[12..28] != plain[12..28]);
            assert_eq!(opened(&mut theirs, &sealed), Ok(plain));
            assert_eq!(opened(&mut theirs, &sealed), Err(Refused::NotGenuine));
        }
    }
}

#[test]
fn order_does_not_matter_within_the_window() {
    let (mut ours, mut theirs) = pair(Suite::AesCm128HmacSha1_80);
    let all: Vec<_> = (0..200)
        .map(|sequence| sealed(&mut ours, &packet(sequence, 7)))
        .collect();
    for index in (0..50).rev().chain((50..200).filter(|n| *n != 120)) {
        assert!(opened(&mut theirs, &all[index]).is_ok(), "{index}");
    }
    assert_eq!(opened(&mut theirs, &all[120]), Err(Refused::NotGenuine));
    assert_eq!(opened(&mut theirs, &all[198]), Err(Refused::NotGenuine));
}

#[test]
fn the_count_rolls_over_with_and_without_loss() {
    let (mut ours, mut theirs) = pair(Suite::AesCm128HmacSha1_80);
    for number in 0..140_000_u32 {
        let plain = packet((30_000 + number) as u16, 7);
        let sealed = sealed(&mut ours, &plain);
        // Around each roll-over, and now and then between, something gets lost.
        let sequence = (30_000 + number) as u16;
        if number % 97 == 5 || (65_530..=65_535).contains(&sequence) || (1..4).contains(&sequence) {
            continue;
        }
        if number % 11 == 0 {
            assert_eq!(opened(&mut theirs, &sealed), Ok(plain), "{number}");
        }
    }
}

#[test]
fn another_source_under_the_same_key_is_taken_and_old_packets_are_not() {
    let (mut ours, mut theirs) = pair(Suite::AesCm128HmacSha1_80);
    let first = sealed(&mut ours, &packet(5, 1));
    assert!(opened(&mut theirs, &first).is_ok());
    for ssrc in 2..=8 {
        assert!(opened(&mut theirs, &sealed(&mut ours, &packet(5, ssrc))).is_ok());
        assert_eq!(opened(&mut theirs, &first), Err(Refused::NotGenuine));
    }
    let ninth = sealed(&mut ours, &packet(5, 9));
    assert_eq!(opened(&mut theirs, &ninth), Err(Refused::TooManySources));
    assert!(opened(&mut theirs, &sealed(&mut ours, &packet(6, 1))).is_ok());
}

#[test]
fn strangers_are_refused_however_many_and_leave_nothing_behind() {
    let (mut ours, mut theirs) = pair(Suite::AesCm128HmacSha1_80);
    for ssrc in 0..1000 {
        let mut forged = packet(3, ssrc);
        forged.extend([0; 10]);
        assert_eq!(opened(&mut theirs, &forged), Err(Refused::NotGenuine));
    }
    assert!(theirs.opener.is_empty());
    assert!(opened(&mut theirs, &sealed(&mut ours, &packet(3, 7))).is_ok());
}

fn report(ssrc: u32) -> Vec<u8> {
    let mut report = octets("81C90007000000000000000A000000000000000000000000000000000000000000");
    report.truncate(32);
    report[4..8].copy_from_slice(&ssrc.to_be_bytes());
    report
}

#[test]
fn reports_are_protected_too_and_none_without_encryption_is_taken() {
    for suite in Suite::ALL {
        let (mut ours, mut theirs) = pair(suite);
        for _ in 0..3 {
            let mut buffer = [0; 100];
            buffer[..32].copy_from_slice(&report(7));
            let length = ours.protect_rtcp(&mut buffer, 32).unwrap();
            assert_eq!(length, 46);
            let mut again = buffer;
            assert_eq!(theirs.open_rtcp(&mut buffer, length), Ok(32));
            assert_eq!(buffer[..32], report(7));
            assert_eq!(theirs.open_rtcp(&mut again, length), Err(Refused::NotGenuine));
        }
        // Whoever says that his report is not encrypted needs a tag all the same.
        let mut forged = report(7);
        forged.extend([0, 0, 0, 9]);
        forged.extend([0; 10]);
        let length = forged.len();
        assert_eq!(theirs.open_rtcp(&mut forged, length), Err(Refused::NotGenuine));
        assert_eq!(theirs.open_rtcp(&mut [0x81; 21], 21), Err(Refused::Malformed));
    }
}

#[test]
fn the_name_of_a_key_is_taken_out_of_its_packets() {
    let (mut ours, theirs) = pair(Suite::AesCm128HmacSha1_80);
    let mut keys = theirs.keys.clone();
    keys.receive.mki = Some(Mki {
        value: 0x0102,
        octets: 4,
    });
    let mut theirs = Srtp::new(&keys);
    let plain = packet(1, 7);
    let mut named = sealed(&mut ours, &plain);
    assert_eq!(opened(&mut theirs, &named), Err(Refused::NotGenuine));
    let tag = named.len() - 10;
    named.splice(tag..tag, [0, 0, 1, 2]);
    assert_eq!(opened(&mut theirs, &named), Ok(plain));
}

#[test]
fn a_change_of_one_key_leaves_the_other_way_alone() {
    let (mut ours, mut theirs) = pair(Suite::AesCm128HmacSha1_80);
    let before = sealed(&mut ours, &packet(1, 7));
    assert!(opened(&mut theirs, &before).is_ok());
    let fresh = SrtpKey::new(Suite::AesCm128HmacSha1_32, MasterKey::new([4; 30]));
    let mut keys = theirs.keys.clone();
    keys.send = fresh.clone();
    theirs.change(&keys);
    // The same packet again would be taken if the counts had begun anew.
    assert_eq!(opened(&mut theirs, &before), Err(Refused::NotGenuine));
    assert!(opened(&mut ours, &sealed(&mut theirs, &packet(1, 8))).is_err());
    let mut keys = ours.keys.clone();
    keys.receive = fresh;
    ours.change(&keys);
    assert!(opened(&mut ours, &sealed(&mut theirs, &packet(2, 8))).is_ok());
}

#[test]
fn extensions_and_contributors_stay_in_the_clear() {
    let (mut ours, mut theirs) = pair(Suite::AesCm128HmacSha1_80);
    let mut plain = packet(1, 7);
    // One contributor, and an extension that another reader would find padded oddly.
    plain[0] = 0x80 | 0x10 | 1;
    plain[12..24].copy_from_slice(&[9, 9, 9, 9, 0xBE, 0xDE, 0, 1, 0, 0, 0x10, 0]);
    let sealed = sealed(&mut ours, &plain);
    assert_eq!(sealed[..24], plain[..24]);
    assert!(sealed[24..40] != plain[24..40]);
    assert_eq!(opened(&mut theirs, &sealed), Ok(plain));
}

#[test]
fn no_key_is_ever_printed() {
    let (ours, _) = pair(Suite::AesCm128HmacSha1_80);
    let printed = format!("{ours:?} {:?}", ours.keys);
    assert!(printed.contains("MasterKey(…)"));
    assert!(
        !printed.contains("225") && !printed.to_lowercase().contains("e1f9"),
        "{printed}"
    );
}

#[test]
fn without_room_for_the_tag_nothing_is_sent() {
    let (mut ours, _) = pair(Suite::AesCm128HmacSha1_80);
    assert_eq!(ours.protect(&mut packet(1, 7), 172), None);
    assert_eq!(ours.protect(&mut [0; 200], 172), None);
    assert_eq!(ours.protect_rtcp(&mut [0; 3], 3), None);
}

proptest! {
    #[test]
    fn any_datagram_is_answered(datagram in prop::collection::vec(any::<u8>(), 0..120), as_rtp: bool, named: bool) {
        let (_, theirs) = pair(Suite::AesCm128HmacSha1_80);
        let mut keys = theirs.keys.clone();
        keys.receive.mki = named.then_some(Mki { value: 1, octets: 4 });
        let mut theirs = Srtp::new(&keys);
        let mut datagram = datagram;
        if as_rtp && let Some(first) = datagram.first_mut() {
            *first = 0x80 | (*first & 0x3F);
        }
        let length = datagram.len();
        prop_assert!(theirs.open(&mut datagram.clone(), length).is_err());
        prop_assert!(theirs.open_rtcp(&mut datagram, length).is_err());
    }

    /// One wrong bit anywhere, and the packet is not the far side's.
    #[test]
    fn any_wrong_bit_is_noticed(bit in 0_usize..182 * 8) {
        let (mut ours, mut theirs) = pair(Suite::AesCm128HmacSha1_80);
        let mut packet = sealed(&mut ours, &packet(1, 7));
        packet[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(opened(&mut theirs, &packet).is_err());
    }
}
