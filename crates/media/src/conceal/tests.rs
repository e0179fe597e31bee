use super::*;
use crate::loudness::rms_dbfs;
use crate::tones;

/// A voice-like sound of this pitch: many harmonics, the higher the softer.
fn voice(rate: u32, pitch: f32, milliseconds: u32) -> Vec<i16> {
    let mut sound = vec![0_i16; (rate / 1000 * milliseconds) as usize];
    for harmonic in 1..8 {
        let level = -14.0 - 3.0 * harmonic as f32;
        let part = tones::sine(rate, pitch * harmonic as f32, level, milliseconds);
        for (sound, part) in sound.iter_mut().zip(part) {
            *sound += part;
        }
    }
    sound
}

/// Loses frames of 20 ms of a sound and gives what is heard.
fn through(rate: u32, sound: &[i16], loses: impl Fn(usize) -> bool) -> Vec<i16> {
    let mut concealer = Concealer::new(rate);
    let mut heard = Vec::new();
    for (number, frame) in sound.chunks_exact(rate as usize / 50).enumerate() {
        let mut frame = frame.to_vec();
        if loses(number) {
            concealer.lost(&mut frame);
        } else {
            concealer.good(&mut frame);
        }
        heard.extend(frame);
    }
    heard
}

#[test]
fn a_steady_voice_goes_on_as_if_nothing_was_lost() {
    for rate in [8000, 16_000] {
        for pitch in [70.0, 105.0, 163.0, 221.0, 340.0] {
            let sound = voice(rate, pitch, 400);
            let heard = through(rate, &sound, |number| number == 10);
            let error: Vec<i16> = heard.iter().zip(&sound).map(|(a, b)| a.wrapping_sub(*b)).collect();
            let frame = rate as usize / 50;
            // The first 10 ms are not faded yet.
            let error = rms_dbfs(&error[10 * frame..10 * frame + frame / 2]);
            // A period is a whole number of samples, which is not quite that of a high voice.
            assert!(error < rms_dbfs(&sound) - 10.0, "{pitch} Hz at {rate}: {error}");
        }
    }
}

#[test]
fn a_long_loss_fades_to_silence_within_60_ms() {
    for rate in [8000, 16_000] {
        let heard = through(rate, &voice(rate, 130.0, 400), |number| number >= 10);
        let ms = rate as usize / 1000;
        let level = |from: usize, to: usize| rms_dbfs(&heard[from * ms..to * ms]);
        let loud = level(180, 200);
        assert!(level(200, 210) > loud - 1.5);
        assert!(level(230, 240) < loud - 3.0 && level(250, 260) < loud - 10.0);
        assert!(heard[261 * ms..].iter().all(|sample| *sample == 0));
    }
}

#[test]
fn there_is_no_click_where_loss_begins_and_ends() {
    for rate in [8000, 16_000] {
        // Noise would hide a click, so this sound is one that changes slowly.
        let sound = tones::sine(rate, 210.0, -9.0, 600);
        let natural = largest_step(&sound);
        for lost in [7..8, 7..9, 7..12] {
            let heard = through(rate, &sound, |number| lost.contains(&number));
            let step = largest_step(&heard);
            assert!(step < natural * 2, "{step} for {natural} at {rate}, {lost:?}");
        }
    }
}

fn largest_step(sound: &[i16]) -> i32 {
    let steps = sound
        .windows(2)
        .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs());
    steps.max().unwrap_or_default()
}

#[test]
fn halves_of_frames_can_be_lost() {
    let sound = voice(8000, 120.0, 400);
    let mut concealer = Concealer::new(8000);
    let mut heard = Vec::new();
    for (number, half) in sound.chunks_exact(80).enumerate() {
        let mut half = half.to_vec();
        if number % 9 == 8 {
            concealer.lost(&mut half);
        } else {
            concealer.good(&mut half);
        }
        heard.extend(half);
    }
    let error: Vec<i16> = heard.iter().zip(&sound).map(|(a, b)| a.wrapping_sub(*b)).collect();
    assert!(rms_dbfs(&error) < rms_dbfs(&sound) - 15.0);
}

#[test]
fn nothing_heard_makes_silence() {
    let mut concealer = Concealer::new(16_000);
    let mut frame = [7; 320];
    concealer.lost(&mut frame);
    assert_eq!(frame, [0; 320]);
    concealer.good(&mut [100; 320]);
    concealer.reset();
    concealer.lost(&mut frame);
    assert_eq!(frame, [0; 320]);
}

#[test]
fn good_audio_passes_unchanged() {
    let sound = voice(8000, 150.0, 200);
    let heard = through(8000, &sound, |_| false);
    assert_eq!(heard[160..], sound[160..]);
}

proptest::proptest! {
    #[test]
    fn any_sound_and_any_loss_is_answered(
        frames in proptest::collection::vec((proptest::collection::vec(proptest::num::i16::ANY, 0..320), proptest::bool::ANY), 0..8),
    ) {
        let mut concealer = Concealer::new(8000);
        for (mut frame, good) in frames {
            if good {
                concealer.good(&mut frame);
            } else {
                concealer.lost(&mut frame);
            }
        }
    }
}
