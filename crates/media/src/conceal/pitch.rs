//! How long a period of the voice is.

use super::MEMORY;

/// The shortest and the longest period that is looked for: voices between 200 and 66 Hz, and multiples of higher ones.
const SHORTEST_MS: usize = 5;
pub(super) const LONGEST_MS: usize = 15;

/// How many periods are repeated in turn at most.
pub(super) const MOST_PERIODS: usize = 3;

/// How much of the end is compared with what was before it.
const COMPARED_MS: usize = 20;

/// The samples after which the end of the audio repeats what was before it best.
pub(super) fn find_period(memory: &[i16; MEMORY], per_ms: usize) -> usize {
    let (shortest, longest) = (SHORTEST_MS * per_ms, LONGEST_MS * per_ms);
    // Every fourth of a millisecond at first, and then all around the best.
    let coarse = per_ms / 4;
    let best = (shortest..=longest)
        .step_by(coarse)
        .max_by(|a, b| likeness(memory, *a, per_ms, coarse).total_cmp(&likeness(memory, *b, per_ms, coarse)))
        .unwrap_or(longest);
    let around = best.saturating_sub(coarse).max(shortest)..=(best + coarse).min(longest);
    around
        .max_by(|a, b| likeness(memory, *a, per_ms, 1).total_cmp(&likeness(memory, *b, per_ms, 1)))
        .unwrap_or(best)
}

/// The correlation of the end with what was `lag` samples before it, between -1 and 1, looking at every so-manieth sample.
fn likeness(memory: &[i16; MEMORY], lag: usize, per_ms: usize, every: usize) -> f32 {
    let length = COMPARED_MS * per_ms;
    let end = &memory[MEMORY - length..];
    let before = &memory[MEMORY - length - lag..MEMORY - lag];
    let (mut product, mut energy) = (0.0, 1.0);
    for (one, other) in end.iter().zip(before).step_by(every) {
        let (one, other) = (f32::from(*one), f32::from(*other));
        product += one * other;
        energy += other * other;
    }
    product / f32::sqrt(energy)
}
