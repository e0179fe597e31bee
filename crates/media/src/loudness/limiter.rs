//! Makes louder without passing a ceiling.

use std::collections::VecDeque;

/// How long before and after a peak the audio is pressed down with it, in milliseconds, so that it is not bent.
const AROUND_MS: usize = 5;

/// Multiplies samples by `factor`, and by less around those that would pass `ceiling`.
pub(super) fn amplify(samples: &mut [i16], rate: u32, factor: f32, ceiling: f32) {
    let ceiling = ceiling.floor();
    let allowed = |sample: i16| {
        let wanted = f32::from(sample).abs() * factor;
        if wanted > ceiling { ceiling / wanted } else { 1.0 }
    };
    let around = (rate as usize * AROUND_MS / 1000).max(1);
    // The least that is allowed from `around` before to `around` after, and of these the mean over as much: it is one
    // away from peaks, no more than allowed at them, and has no corners.
    let least = least_around(samples.iter().map(|sample| allowed(*sample)), samples.len(), around);
    let (mut sum, mut count) = (0.0_f64, 0_usize);
    for place in 0..samples.len() + around / 2 {
        if let Some(value) = least.get(place) {
            sum += f64::from(*value);
            count += 1;
        }
        if let Some(gone) = place.checked_sub(around) {
            sum -= f64::from(least[gone]);
            count -= 1;
        }
        if let Some(sample) = place.checked_sub(around / 2).and_then(|at| samples.get_mut(at)) {
            let mean = (sum / count.max(1) as f64) as f32;
            *sample = (f32::from(*sample) * factor * mean).clamp(-ceiling, ceiling) as i16;
        }
    }
}

/// For each place the least value no more than `around` away.
fn least_around(values: impl Iterator<Item = f32>, length: usize, around: usize) -> Vec<f32> {
    let mut least = Vec::with_capacity(length);
    // Places whose values grow; the first is the least of those in reach.
    let mut rising: VecDeque<(usize, f32)> = VecDeque::new();
    for (place, value) in values.enumerate() {
        while rising.back().is_some_and(|(_, before)| *before >= value) {
            rising.pop_back();
        }
        rising.push_back((place, value));
        if place >= around {
            put_least(&mut least, &mut rising, around);
        }
    }
    while least.len() < length {
        put_least(&mut least, &mut rising, around);
    }
    least
}

fn put_least(least: &mut Vec<f32>, rising: &mut VecDeque<(usize, f32)>, around: usize) {
    let place = least.len();
    while rising.front().is_some_and(|(at, _)| at + around < place) {
        rising.pop_front();
    }
    least.push(rising.front().map_or(1.0, |(_, value)| *value));
}
