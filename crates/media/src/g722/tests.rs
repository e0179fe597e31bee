use super::*;

/// Noise and a triangle, in bursts ever louder, up to clipping. Integers only, so that any program can make the same.
fn signal() -> Vec<i16> {
    let mut random = 1_u32;
    (0..16_000_i32)
        .map(|n| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (random >> 16).cast_signed() - 32_768;
            let loud = (n / 1600) % 8;
            let triangle = (n * 37) % 4096 - 2048;
            ((noise >> (9 - loud)) + triangle * (loud + 1)).clamp(-32_768, 32_767) as i16
        })
        .collect()
}

/// The hash by Fowler, Noll and Vo, 64 bits, variant 1a.
fn hash(octets: impl IntoIterator<Item = u8>) -> u64 {
    octets.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3)
    })
}

fn decode(octets: &[u8]) -> Vec<i16> {
    let mut decoder = G722Decoder::new();
    octets.iter().flat_map(|octet| decoder.decode(*octet)).collect()
}

/// The hashes are of what libg722 (by way of the Python package G722 1.2.8) makes of the same signal.
#[test]
fn every_bit_is_that_of_another_implementation() {
    let mut encoder = G722Encoder::new();
    let signal = signal();
    let (pairs, _) = signal.as_chunks::<2>();
    let octets: Vec<u8> = pairs.iter().map(|pair| encoder.encode(*pair)).collect();
    assert_eq!(octets[..12], [55, 148, 35, 139, 33, 132, 4, 140, 14, 144, 146, 84]);
    assert_eq!(hash(octets.iter().copied()), 0xd9f2_e7c8_0eb7_208e);
    let heard = decode(&octets);
    assert_eq!(
        hash(heard.iter().flat_map(|sample| sample.to_le_bytes())),
        0x2b15_82cc_4bf6_bd40
    );
}

#[test]
fn octets_that_no_encoder_made_are_decoded_the_same_way() {
    let octets: Vec<u8> = (0..4000_u32).map(|i| ((i * i * 7 + i * 131) >> 3) as u8).collect();
    let heard = decode(&octets);
    assert_eq!(
        hash(heard.iter().flat_map(|sample| sample.to_le_bytes())),
        0x9a21_cf2d_49cd_b9f7
    );
}

proptest::proptest! {
    #[test]
    fn any_samples_and_any_octets_are_answered(samples: Vec<[i16; 2]>, octets: Vec<u8>) {
        let mut encoder = G722Encoder::new();
        for pair in samples {
            encoder.encode(pair);
        }
        proptest::prop_assert_eq!(decode(&octets).len(), 2 * octets.len());
    }
}
