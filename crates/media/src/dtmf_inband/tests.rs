use super::*;
use crate::codec::Codec;
use crate::tones::Tone;

/// What is heard of `clip` after G.711 and with `lead` samples before it, in frames as a leg would feed them.
fn hear(rate: u32, clip: &[i16], lead: usize) -> String {
    let mut audio = vec![0; lead];
    audio.extend(clip);
    audio.extend([0; 1600]);
    let mut octets = vec![0; audio.len()];
    Codec::Pcmu.encode(&audio, &mut octets);
    Codec::Pcmu.decode(&octets, &mut audio);
    let mut detector = DtmfDetector::new(rate);
    let mut keys = String::new();
    for frame in audio.chunks(rate as usize / 50) {
        detector.feed(frame, |digit| keys.push(digit.as_char()));
    }
    keys
}

/// The two tones of a key, off their frequency by a factor each and at a level (dBm0) each.
fn press(key: char, off: (f32, f32), levels: (f32, f32), milliseconds: usize) -> Vec<i16> {
    let (low, high) = tones::frequencies(Digit::try_from(key).unwrap());
    let mut clip = vec![0; milliseconds * 8];
    Tone::dual(8000, (low * off.0, levels.0), (high * off.1, levels.1)).fill(&mut clip);
    clip
}

const KEYS: &str = "0123456789*#ABCD";
const ON: (f32, f32) = (1.0, 1.0);
const USUAL: (f32, f32) = (-10.0, -10.0);

/// Of all keys at several positions within a frame, how many are heard as themselves; any other outcome than "heard" or "nothing" fails.
fn share_heard(make: impl Fn(char) -> Vec<i16>) -> f32 {
    let (mut heard, mut tries) = (0, 0);
    for key in KEYS.chars() {
        let clip = make(key);
        for lead in (0..204).step_by(17) {
            let keys = hear(8000, &clip, lead);
            assert!(keys.is_empty() || keys == key.to_string(), "{key} heard as {keys}");
            heard += keys.len();
            tries += 1;
        }
    }
    heard as f32 / tries as f32
}

#[test]
fn all_keys_are_heard_once_each_at_both_rates() {
    for rate in [8000, 16_000] {
        let mut audio = Vec::new();
        for digit in Digit::all() {
            audio.extend(tones::dtmf(rate, digit, -10.0, 100));
            audio.extend(vec![0; rate as usize / 20]);
        }
        assert_eq!(hear(rate, &audio, 0), "0123456789*#ABCD");
    }
}

#[test]
fn the_same_key_twice_is_two_keys() {
    let one = press('5', ON, USUAL, 50);
    let pause = vec![0; 40 * 8];
    assert_eq!(hear(8000, &[&one[..], &pause, &one].concat(), 0), "55");
}

#[test]
fn a_long_key_and_one_with_a_short_break_are_one() {
    assert_eq!(hear(8000, &press('5', ON, USUAL, 3000), 0), "5");
    let one = press('5', ON, USUAL, 60);
    for lead in 0..102 {
        assert_eq!(hear(8000, &[&one[..], &[0; 80], &one].concat(), lead), "5");
    }
}

#[test]
fn short_tones_by_length() {
    assert_eq!(share_heard(|key| press(key, ON, USUAL, 40)), 1.0);
    assert_eq!(share_heard(|key| press(key, ON, USUAL, 23)), 0.0);
}

#[test]
fn tones_off_their_frequency() {
    for off in [(1.015, 1.015), (0.985, 0.985), (1.015, 0.985), (0.985, 1.015)] {
        assert_eq!(share_heard(|key| press(key, off, USUAL, 50)), 1.0, "{off:?}");
    }
    for off in [(1.035, 1.035), (0.965, 0.965), (1.035, 0.965), (0.965, 1.035)] {
        assert_eq!(share_heard(|key| press(key, off, USUAL, 100)), 0.0, "{off:?}");
    }
}

#[test]
fn twist_within_limits() {
    for (levels, expected) in [
        ((-14.0, -10.0), 1.0),
        ((-10.0, -18.0), 1.0),
        ((-18.0, -10.0), 0.0),
        ((-10.0, -23.0), 0.0),
    ] {
        assert_eq!(share_heard(|key| press(key, ON, levels, 50)), expected, "{levels:?}");
    }
}

#[test]
fn levels_within_limits() {
    for (level, expected) in [(-3.5, 1.0), (-25.0, 1.0), (-30.0, 1.0), (-40.0, 0.0)] {
        assert_eq!(
            share_heard(|key| press(key, ON, (level, level), 50)),
            expected,
            "{level}"
        );
    }
}

#[test]
fn noise_and_single_tones_are_no_keys() {
    let mut random = 1_u32;
    let noise: Vec<i16> = std::iter::repeat_with(|| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) as i16 / 4
    })
    .take(8000 * 30)
    .collect();
    assert_eq!(hear(8000, &noise, 0), "");
    for frequency in ROWS.into_iter().chain(COLUMNS).chain([425.0, 440.0, 1000.0, 2100.0]) {
        assert_eq!(hear(8000, &tones::sine(8000, frequency, -10.0, 500), 0), "");
    }
}

#[test]
fn keys_are_heard_through_noise() {
    let mut random = 7_u32;
    let mut noisy = |clip: Vec<i16>| -> Vec<i16> {
        clip.into_iter()
            .map(|sample| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Uniform noise of about −20 dBm0.
                sample + ((random >> 16) as i16 / 13)
            })
            .collect()
    };
    for key in KEYS.chars() {
        let clip = noisy(press(key, ON, USUAL, 60));
        assert_eq!(hear(8000, &clip, 0), key.to_string());
    }
}
