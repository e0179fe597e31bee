//! The sound that a test call plays: sweeps that are found again after G.711, packet loss and an echo
//! canceller's first guess, each unlike the others, so that a late echo of one is not taken for the next.

use std::f32::consts::TAU;

use outdial_media::{correlate, loudness};

/// Where the sweeps begin and end, in hertz, within what a telephone carries.
const SWEEPS: [(f32, f32); 4] = [(400.0, 3_200.0), (3_200.0, 400.0), (400.0, 1_600.0), (3_200.0, 1_800.0)];
/// How long a sweep is, and the pause after it, in milliseconds.
const SWEEP: usize = 400;
const PAUSE: usize = 300;
/// At their beginning and end they swell and fade for so long, to make no click.
const FADE: usize = 20;
/// As loud as somebody who speaks, in dBFS.
const LEVEL: f32 = -20.0;
/// The longest way there and back that is looked for, in milliseconds.
const LONGEST_WAY: usize = 2_500;
/// A sweep that is less alike than this is not one that came back. Other sounds reach a fifth of it.
const ALIKE: f32 = 0.4;
/// Sweeps that came back by the same way did so within this time, in milliseconds; a jitter buffer may
/// have moved between them.
const APART: f32 = 60.0;

/// What came back of the signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Echo {
    /// There and back, in milliseconds.
    pub(super) delay_ms: f32,
    /// In dBFS.
    pub(super) level: f32,
}

/// The signal at this sample rate.
pub(super) fn signal(rate: u32) -> Vec<i16> {
    let pause = vec![0; samples(rate, PAUSE)];
    SWEEPS
        .into_iter()
        .flat_map(|sweep| [self::sweep(rate, sweep), pause.clone()])
        .flatten()
        .collect()
}

/// How loud the signal was sent, where it was: in dBFS.
pub(super) fn level_sent(sent: &[i16], rate: u32) -> Option<f32> {
    let places = places(sent, rate);
    let parts = places.iter().map(|(sweep, place)| &sent[*place..*place + sweep.len()]);
    mean(&parts.map(loudness::rms_dbfs).collect::<Vec<_>>())
}

/// What came back of it; both sides on one clock. `None` where nothing did, or not the same way twice.
pub(super) fn echo(sent: &[i16], received: &[i16], rate: u32) -> Option<Echo> {
    let found: Vec<(f32, f32)> = places(sent, rate)
        .into_iter()
        .filter_map(|(sweep, place)| {
            let end = received.len().min(place + sweep.len() + samples(rate, LONGEST_WAY));
            let heard = received.get(place..end)?;
            let found = correlate::find(&sweep, heard).filter(|found| found.score >= ALIKE)?;
            let back = &heard[found.offset_samples..found.offset_samples + sweep.len()];
            let delay = found.offset_samples as f32 * 1_000.0 / rate as f32;
            Some((delay, loudness::rms_dbfs(back)))
        })
        .collect();
    let agreeing = found.iter().map(|(delay, _)| {
        let near = found.iter().filter(|(other, _)| (other - delay).abs() <= APART);
        near.copied().collect::<Vec<_>>()
    });
    let most = agreeing.max_by_key(Vec::len).filter(|most| most.len() >= 2)?;
    let mut delays: Vec<f32> = most.iter().map(|(delay, _)| *delay).collect();
    delays.sort_by(f32::total_cmp);
    Some(Echo {
        delay_ms: delays[delays.len() / 2],
        level: mean(&most.iter().map(|(_, level)| *level).collect::<Vec<_>>())?,
    })
}

/// Where each sweep stands in what was sent.
fn places(sent: &[i16], rate: u32) -> Vec<(Vec<i16>, usize)> {
    let sweeps = SWEEPS.into_iter().map(|sweep| self::sweep(rate, sweep));
    sweeps
        .filter_map(|sweep| {
            let found = correlate::find(&sweep, sent).filter(|found| found.score > 0.9)?;
            Some((sweep, found.offset_samples))
        })
        .collect()
}

fn sweep(rate: u32, (from, to): (f32, f32)) -> Vec<i16> {
    let count = samples(rate, SWEEP);
    let fade = samples(rate, FADE);
    // A sine's effective value is 3 dB below its peak.
    let peak = 32_768.0 * 10_f32.powf((LEVEL + 3.01) / 20.0);
    (0..count)
        .map(|index| {
            let time = index as f32 / rate as f32;
            let slope = (to - from) * 1_000.0 / SWEEP as f32;
            let phase = from * time + slope * time * time / 2.0;
            let edge = index.min(count - 1 - index).min(fade) as f32 / fade as f32;
            (peak * edge * (TAU * phase.fract()).sin()) as i16
        })
        .collect()
}

fn mean(levels: &[f32]) -> Option<f32> {
    (!levels.is_empty()).then(|| levels.iter().sum::<f32>() / levels.len() as f32)
}

fn samples(rate: u32, milliseconds: usize) -> usize {
    rate as usize * milliseconds / 1_000
}

#[cfg(test)]
mod tests {
    use outdial_media::codec::Codec;

    use super::*;

    /// Noise of this loudness, as a line has it.
    fn noise(count: usize, loud: i16) -> Vec<i16> {
        let mut random = 1_u32;
        let mut draw = move || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((random >> 16) as i16 as i32 * i32::from(loud) / 32_768) as i16
        };
        (0..count).map(|_| draw()).collect()
    }

    /// What is sent, and what comes back of it later and at another level.
    fn both(rate: u32, delay: usize, gain: f32) -> (Vec<i16>, Vec<i16>) {
        let mut sent = vec![0; samples(rate, 480)];
        sent.extend(signal(rate));
        sent.resize(sent.len() + samples(rate, 1_500), 0);
        let mut received = noise(sent.len(), 20);
        let delay = samples(rate, delay);
        for (index, sample) in sent[..sent.len() - delay].iter().enumerate() {
            received[index + delay] += (f32::from(*sample) * gain) as i16;
        }
        (sent, received)
    }

    fn through(codec: Codec, samples: &[i16]) -> Vec<i16> {
        let mut octets = vec![0; samples.len()];
        let length = codec.encode(samples, &mut octets);
        let mut decoded = vec![0; samples.len()];
        codec.decode(&octets[..length], &mut decoded);
        decoded
    }

    #[test]
    fn the_way_and_the_level_are_found_after_coding() {
        for (rate, codec) in [(8_000, Codec::Pcmu), (8_000, Codec::Pcma), (16_000, Codec::G722)] {
            for (delay, gain, level) in [(40, 1.0, -20.2), (143, 0.5, -26.2), (1_200, 0.0316, -50.2)] {
                let (sent, received) = both(rate, delay, gain);
                let found = echo(&sent, &through(codec, &received), rate).unwrap();
                let more = match codec {
                    // Its filters take a few milliseconds.
                    Codec::G722 => 4.0,
                    Codec::Pcmu | Codec::Pcma => 0.2,
                };
                assert!(
                    (found.delay_ms - delay as f32).abs() <= more,
                    "{codec:?} {delay}: {found:?}"
                );
                assert!((found.level - level).abs() < 1.0, "{codec:?} {level}: {found:?}");
                let level = level_sent(&sent, rate).unwrap();
                assert!((level + 20.2).abs() < 0.5, "{level}");
            }
        }
    }

    #[test]
    fn what_is_no_echo_is_none() {
        let (sent, _) = both(8_000, 40, 1.0);
        assert_eq!(echo(&sent, &vec![0; sent.len()], 8_000), None);
        assert_eq!(echo(&sent, &noise(sent.len(), 3_000), 8_000), None);
        assert_eq!(echo(&sent, &[], 8_000), None);
        assert_eq!(echo(&[], &sent, 8_000), None);
        let tone = outdial_media::tones::ringback(8_000, outdial_media::tones::Ringback::Europe);
        assert_eq!(echo(&sent, &tone[..sent.len().min(tone.len())], 8_000), None);
        assert_eq!(level_sent(&noise(sent.len(), 3_000), 8_000), None);
    }

    #[test]
    fn frames_that_were_added_and_lost_are_borne() {
        let (sent, received) = both(8_000, 100, 0.7);
        let mut moved = received[..8_000].to_vec();
        moved.extend([0; 160]);
        moved.extend(&received[8_000..14_000]);
        moved.extend(vec![0; 320]);
        moved.extend(&received[14_320..]);
        let found = echo(&sent, &moved, 8_000).unwrap();
        assert!((100.0..=121.0).contains(&found.delay_ms), "{found:?}");
    }
}
