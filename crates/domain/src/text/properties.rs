//! What holds of every text.

use proptest::prelude::*;

use super::*;

fn concatenation() -> impl Strategy<Value = Concatenation> {
    proptest::sample::select(Concatenation::ALL)
}

/// Texts of the alphabet, of everything, and of both, up to some parts long.
fn text() -> impl Strategy<Value = String> {
    let gsm = proptest::sample::select("aZ0@£€[]~^{}|\\\nñΩ".chars().collect::<Vec<_>>());
    let all = any::<char>().prop_filter("no control characters", |character| !character.is_control());
    let few = prop_oneof![
        gsm.clone(),
        gsm,
        proptest::sample::select(vec!['ж', '👍', '你', '\u{FFFF}'])
    ];
    prop_oneof![
        proptest::collection::vec(few, 1..900),
        proptest::collection::vec(all, 1..400),
        proptest::collection::vec(proptest::sample::select("ab€[".chars().collect::<Vec<_>>()), 1..900),
    ]
    .prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #[test]
    fn the_parts_say_the_whole_text_and_each_fits(text in text(), concatenation in concatenation()) {
        let composed = compose(&text, false, concatenation, MOST_PARTS).unwrap();
        prop_assert_eq!(composed.text(), text);
        let room = match composed.parts.len() {
            1 => composed.encoding.room(),
            _ => composed.encoding.room_beside(concatenation.header_octets()),
        };
        for part in &composed.parts {
            let octets = composed.encoding.octets(&part.text).unwrap();
            prop_assert_eq!(composed.encoding.text(&octets), part.text.as_str());
            prop_assert!(part.units <= room && part.units > 0);
            let per_unit = match composed.encoding { Encoding::Gsm7 => 1, Encoding::Ucs2 => 2 };
            prop_assert_eq!(octets.len(), part.units * per_unit);
        }
    }

    #[test]
    fn no_part_could_take_the_first_character_of_the_next(text in text(), concatenation in concatenation()) {
        let composed = compose(&text, false, concatenation, MOST_PARTS).unwrap();
        let room = composed.encoding.room_beside(concatenation.header_octets());
        for pair in composed.parts.windows(2) {
            let next = pair[1].text.chars().next().unwrap();
            prop_assert!(pair[0].units + composed.encoding.units_of(next).unwrap() > room);
        }
    }

    #[test]
    fn no_part_ends_within_a_character(text in text(), concatenation in concatenation()) {
        let composed = compose(&text, false, concatenation, MOST_PARTS).unwrap();
        for part in &composed.parts {
            let octets = composed.encoding.octets(&part.text).unwrap();
            match composed.encoding {
                Encoding::Gsm7 => prop_assert_ne!(octets.last(), Some(&gsm::ESCAPE)),
                Encoding::Ucs2 => {
                    let last = &octets[octets.len() - 2..];
                    prop_assert!(!(0xD8..0xDC).contains(&last[0]), "a high surrogate ends a part");
                    prop_assert!(!(0xDC..0xE0).contains(&octets[0]), "a low surrogate begins a part");
                }
            }
        }
    }

    #[test]
    fn whatever_octets_come_are_a_text(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        for encoding in Encoding::ALL {
            let _ = encoding.text(&octets);
        }
        let septets: Vec<u8> = octets.iter().map(|octet| octet & 0x7F).collect();
        prop_assert!(gsm::encode(&gsm::decode(&septets)).is_some());
    }

    #[test]
    fn plain_typography_is_never_longer_than_the_text_in_ucs2(text in text()) {
        let plain = compose(&text, true, Concatenation::Udh8, MOST_PARTS);
        let as_given = compose(&text, false, Concatenation::Udh8, MOST_PARTS).unwrap();
        prop_assert!(plain.unwrap().parts.len() <= as_given.parts.len());
    }
}
