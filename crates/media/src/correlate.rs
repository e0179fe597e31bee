//! Finds one recording inside another, for deciding whether what was said is what was heard.

use realfft::RealFftPlanner;

/// Where the needle is in the haystack, and how alike they are there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Samples of the haystack before the needle begins.
    pub offset_samples: usize,
    /// How alike, 0 (nothing in common) to 1 (the same but for loudness).
    pub score: f32,
}

/// A stretch of the haystack with less than this share of the mean energy is too quiet to be compared with anything.
const AUDIBLE: f64 = 1e-5;

/// The place in `haystack` that is most like `needle`, both at the same rate. `None` if the needle is silent, empty or longer than the haystack.
///
/// The score is the normalised cross-correlation of the two, so it does not depend on how loud either is.
/// The same speech after G.711 scores above 0.9 and other speech of a second or more below 0.3.
/// Time must run alike in both: each frame that a jitter buffer adds or leaves out takes its share of the score. Where that may have happened, use [`find_speech`].
///
/// ```
/// use outdial_media::{correlate, tones};
///
/// let needle = tones::ringback(8000, tones::Ringback::Europe)[7000..9000].to_vec();
/// let mut haystack = vec![0; 500];
/// haystack.extend(&needle);
/// let found = correlate::find(&needle, &haystack).expect("it is in there");
/// assert_eq!(found.offset_samples, 500);
/// assert!(found.score > 0.99);
/// ```
pub fn find(needle: &[i16], haystack: &[i16]) -> Option<Match> {
    let places = haystack.len().checked_sub(needle.len())? + 1;
    let needle = emphasise(needle);
    let haystack = emphasise(haystack);
    let needle_energy: f64 = needle.iter().map(|value| square(*value)).sum();
    if needle_energy == 0.0 {
        return None;
    }
    let products = cross_correlate(&needle, &haystack)?;
    let haystack_energy: f64 = haystack.iter().map(|value| square(*value)).sum();
    let audible = haystack_energy * AUDIBLE * needle.len() as f64 / haystack.len() as f64;
    // Energies are of whole numbers, so adding and taking away leaves no rest behind.
    let mut energy: f64 = haystack[..needle.len()].iter().map(|v| square(*v)).sum();
    let mut best = None::<Match>;
    for (offset_samples, product) in products[..places].iter().enumerate() {
        if energy > audible {
            let likeness = f64::from(*product).abs() / (needle_energy * energy).sqrt();
            let score = likeness.min(1.0) as f32;
            if best.is_none_or(|best| score > best.score) {
                best = Some(Match { offset_samples, score });
            }
        }
        if let Some(next) = haystack.get(offset_samples + needle.len()) {
            energy += square(*next) - square(haystack[offset_samples]);
        }
    }
    best
}

/// Like [`find`], for audio that came through a network: each second of the needle is searched for itself, so that frames added, lost or left out between them do little harm.
///
/// The score is the mean of the seconds, by how loud each is; one that is found out of its place counts as not found. The offset is the one that most of the needle agrees with.
pub fn find_speech(needle: &[i16], haystack: &[i16], rate: u32) -> Option<Match> {
    let second = rate.max(1) as usize;
    let parts: Vec<Part> = needle
        .chunks(second)
        .enumerate()
        .filter(|(index, part)| *index == 0 || part.len() > second / 2)
        .map(|(index, part)| Part {
            energy: emphasise(part).into_iter().map(square).sum(),
            found: find(part, haystack).map(|found| {
                let shift = found.offset_samples as i64 - (index * second) as i64;
                (shift, found.score)
            }),
        })
        .collect();
    let total: f64 = parts.iter().map(|part| part.energy).sum();
    let agreeing = |shift: i64| -> f64 {
        parts
            .iter()
            .filter_map(|part| {
                let (other, score) = part.found?;
                let near = (other - shift).unsigned_abs() <= second as u64 / 2;
                near.then_some(part.energy * f64::from(score))
            })
            .sum()
    };
    let (shift, sum) = parts
        .iter()
        .filter_map(|part| part.found)
        .map(|(shift, _)| (shift, agreeing(shift)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Match {
        offset_samples: usize::try_from(shift).unwrap_or(0),
        score: (sum / total) as f32,
    })
}

struct Part {
    energy: f64,
    /// By how much it lies later in the haystack than in the needle, and how alike it is there.
    found: Option<(i64, f32)>,
}

/// The difference from sample to sample. Without it the few lowest tones, which all voices share, would decide.
fn emphasise(samples: &[i16]) -> Vec<f32> {
    let mut before = 0;
    samples
        .iter()
        .map(|sample| {
            let difference = i32::from(*sample) - before;
            before = i32::from(*sample);
            difference as f32
        })
        .collect()
}

/// The sum of products of the needle with the haystack at every offset, by way of their spectra.
fn cross_correlate(needle: &[f32], haystack: &[f32]) -> Option<Vec<f32>> {
    // Offsets at which the needle would reach over the end wrap around, and are not looked at.
    let length = haystack.len().next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let forward = planner.plan_fft_forward(length);
    let spectrum = |samples: &[f32]| {
        let mut input = vec![0.0; length];
        input[..samples.len()].copy_from_slice(samples);
        let mut output = forward.make_output_vec();
        forward.process(&mut input, &mut output).ok()?;
        Some(output)
    };
    let needle = spectrum(needle)?;
    let mut product = spectrum(haystack)?;
    for (value, needle) in product.iter_mut().zip(&needle) {
        *value *= needle.conj();
    }
    let inverse = planner.plan_fft_inverse(length);
    let mut output = inverse.make_output_vec();
    inverse.process(&mut product, &mut output).ok()?;
    for value in &mut output {
        *value /= length as f32;
    }
    Some(output)
}

fn square(value: f32) -> f64 {
    f64::from(value).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;

    /// Something like speech: syllables of a gliding voice with pauses between, different for every seed.
    fn babble(seed: u32, seconds: usize) -> Vec<i16> {
        let mut random = seed;
        let mut draw = move || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as f32 / (1 << 24) as f32
        };
        let mut out = Vec::new();
        while out.len() < seconds * 8000 {
            let length = 800 + (draw() * 1600.0) as usize;
            let (pitch, glide) = (90.0 + 80.0 * draw(), 40.0 * (draw() - 0.5));
            let loud: Vec<f32> = (0..20).map(|_| draw() * draw()).collect();
            let mut phase = 0.0;
            for index in 0..length {
                let at = index as f32 / length as f32;
                phase += (pitch + glide * at) / 8000.0;
                let voice: f32 = (1..20)
                    .map(|n| loud[n] * (std::f32::consts::TAU * phase * n as f32).sin())
                    .sum();
                let shape = (std::f32::consts::PI * at).sin();
                out.push((voice * shape * 2000.0 + (draw() - 0.5) * 200.0) as i16);
            }
            out.resize(out.len() + (draw() * 1200.0) as usize, 0);
        }
        out.truncate(seconds * 8000);
        out
    }

    fn through(codec: Codec, samples: &[i16], gain: f32) -> Vec<i16> {
        let mut samples: Vec<i16> = samples
            .iter()
            .map(|sample| (f32::from(*sample) * gain) as i16)
            .collect();
        let mut octets = vec![0; samples.len()];
        codec.encode(&samples, &mut octets);
        codec.decode(&octets, &mut samples);
        samples
    }

    #[test]
    fn a_sentence_is_found_where_it_is_after_coding_and_at_another_level() {
        let needle = babble(1, 10);
        for codec in Codec::G711 {
            let mut haystack = babble(2, 9);
            haystack.extend(&needle);
            haystack.extend(babble(3, 11));
            let found = find(&needle, &through(codec, &haystack, 0.3)).unwrap();
            assert_eq!(found.offset_samples, 72_000);
            assert!(found.score > 0.95, "{found:?}");
        }
    }

    #[test]
    fn another_sentence_is_not_found() {
        for seed in 2..6 {
            let found = find(&babble(1, 3), &through(Codec::Pcmu, &babble(seed, 30), 1.0));
            assert!(found.unwrap().score < 0.3, "{found:?}");
        }
    }

    #[test]
    fn frames_added_and_lost_do_little_harm_to_speech() {
        let needle = babble(1, 10);
        let mut haystack = vec![0; 4000];
        haystack.extend(&needle[..20_000]);
        haystack.extend([0; 160]);
        haystack.extend(&needle[20_000..44_000]);
        haystack.extend(&needle[44_320..]);
        let found = find_speech(&needle, &through(Codec::Pcma, &haystack, 0.5), 8000).unwrap();
        assert!(found.score > 0.85, "{found:?}");
        assert!(found.offset_samples.abs_diff(4000) <= 320);
        assert!(find(&needle, &haystack).unwrap().score < 0.8);

        let found = find_speech(&needle, &babble(2, 30), 8000).unwrap();
        assert!(found.score < 0.3, "{found:?}");
        assert_eq!(find_speech(&[], &haystack, 8000), None);
        assert_eq!(find_speech(&[0; 9], &haystack, 8000), None);
    }

    #[test]
    fn what_cannot_be_searched_is_none() {
        assert_eq!(find(&[], &[1, 2]), None);
        assert_eq!(find(&[0; 5], &[1; 10]), None);
        assert_eq!(find(&[1, 2, 3], &[1, 2]), None);
        assert_eq!(find(&[1, 2, 3], &[0; 10]), None);
        let same = find(&[1, -2, 3], &[1, -2, 3]).unwrap();
        assert_eq!((same.offset_samples, same.score > 0.999), (0, true));
    }

    proptest::proptest! {
        #[test]
        fn any_two_are_answered(needle: Vec<i16>, haystack: Vec<i16>) {
            if let Some(found) = find(&needle, &haystack) {
                proptest::prop_assert!(found.offset_samples + needle.len() <= haystack.len());
                proptest::prop_assert!((0.0..=1.0).contains(&found.score));
            }
        }
    }
}
