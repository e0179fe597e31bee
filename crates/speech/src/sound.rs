//! Makes what an engine or an upload gives into what a leg plays. All of this takes time: never call it where calls run.

use std::sync::Arc;

use outdial_engine::ports::{Clip, PromptError};
use outdial_media::{
    loudness,
    resample::{RATES, resample},
    wav,
};

use crate::{error::unusable, import};

/// How loud everything is made, in LUFS: engines differ by 15 dB, natural prompts lie here.
const LOUDNESS: f32 = -19.0;

/// What no sample may pass, in dBFS, because companding is coarse near full scale.
const CEILING: f32 = -3.0;

/// What never gets louder than this, in dBFS, is silence, and is not made louder.
const SILENCE: f32 = -50.0;

/// Makes the WAV file of an engine into speech of a rate and of the usual loudness.
pub(crate) fn speech(wav: &[u8], rate: u32, most_seconds: u32) -> Result<Clip, PromptError> {
    if wav.is_empty() {
        return Err(PromptError::Silent(
            "it gave nothing at all; try another text or voice".to_owned(),
        ));
    }
    let clip = wav::read(wav, most_seconds).map_err(|error| match error {
        wav::WavError::TooLong { seconds, allowed } => PromptError::Limit(format!(
            "it would play for {seconds} s, and {allowed} s are allowed; shorten the text, or raise speech.limits.audio_seconds"
        )),
        error => unusable(format!("it gave no audio we can read: {error}"), "Make it give WAV, PCM of 16 bits"),
    })?;
    if loudness::peak_dbfs(&clip.samples) < SILENCE {
        return Err(PromptError::Silent(
            "it gave only silence; try another text or voice".to_owned(),
        ));
    }
    let mut samples = resampled(&clip, rate)?;
    loudness::normalise(&mut samples, rate, LOUDNESS, CEILING);
    Ok(Clip {
        rate,
        samples: samples.into(),
    })
}

/// Makes an uploaded file into sound of a rate and of the usual loudness.
pub(crate) fn upload(bytes: &Arc<[u8]>, rate: u32, most_seconds: u32) -> Result<Clip, PromptError> {
    let samples = import::samples(bytes, rate, most_seconds);
    let mut samples = samples.map_err(|error| PromptError::Unreadable(error.to_string()))?;
    loudness::normalise(&mut samples, rate, LOUDNESS, CEILING);
    Ok(Clip {
        rate,
        samples: samples.into(),
    })
}

/// Refuses a rate that nothing can be made into, before anything is begun.
pub(crate) fn check_rate(rate: u32) -> Result<(), PromptError> {
    if RATES.contains(&rate) {
        return Ok(());
    }
    let (least, most) = (RATES.start(), RATES.end());
    Err(PromptError::Limit(format!(
        "sound of {rate} samples a second was asked for; {least} to {most} can be made"
    )))
}

fn resampled(clip: &wav::Clip, rate: u32) -> Result<Vec<i16>, PromptError> {
    resample(&clip.samples, clip.rate, rate).map_err(|error| PromptError::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use outdial_media::tones;

    use super::*;

    fn file(rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut file = Vec::new();
        wav::write_mono(&mut file, rate, samples).unwrap();
        file
    }

    #[test]
    fn speech_has_the_wanted_rate_and_the_usual_loudness() {
        for (rate, level) in [(8_000, -40.0), (22_050, -12.0), (24_000, -6.0), (48_000, -26.0)] {
            let clip = speech(&file(rate, &tones::sine(rate, 440.0, level, 1_000)), 8_000, 10).unwrap();
            assert_eq!((clip.rate, clip.samples.len()), (8_000, 8_000));
            let loud = loudness::lufs(&clip.samples, 8_000);
            assert!((loud - LOUDNESS).abs() < 0.3, "{rate} at {level}: {loud}");
            assert!(loudness::peak_dbfs(&clip.samples) <= CEILING + 0.1);
        }
    }

    #[test]
    fn the_ceiling_holds_for_spiky_speech() {
        let mut samples = tones::sine(8_000, 440.0, -40.0, 1_000);
        samples[4_000] = 30_000;
        let clip = speech(&file(8_000, &samples), 8_000, 10).unwrap();
        assert!(loudness::peak_dbfs(&clip.samples) <= CEILING + 0.1);
    }

    #[test]
    fn nothing_and_silence_are_no_speech() {
        for wav in [
            vec![],
            file(8_000, &[]),
            file(8_000, &[0; 8_000]),
            file(8_000, &[60; 8_000]),
        ] {
            assert!(matches!(speech(&wav, 8_000, 10), Err(PromptError::Silent(_))));
        }
    }

    #[test]
    fn an_upload_gets_the_usual_loudness_too() {
        for level in [-40.0, -30.0, -3.0] {
            let samples = tones::sine(16_000, 440.0, level, 1_000);
            let clip = upload(&file(16_000, &samples).into(), 8_000, 10).unwrap();
            let loud = loudness::lufs(&clip.samples, 8_000);
            assert!((loud - LOUDNESS).abs() < 0.3, "{level}: {loud}");
            assert!(loudness::peak_dbfs(&clip.samples) <= CEILING + 0.1);
        }
        let silence = upload(&file(8_000, &[0; 8_000]).into(), 8_000, 10).unwrap();
        assert!(silence.samples.iter().all(|sample| *sample == 0));
    }

    #[test]
    fn what_is_too_long_says_so() {
        let long = file(8_000, &[9_000; 16_001]);
        assert!(matches!(speech(&long, 8_000, 2), Err(PromptError::Limit(_))));
        assert!(matches!(
            upload(&long.clone().into(), 8_000, 2),
            Err(PromptError::Unreadable(_))
        ));
        assert!(check_rate(8_000).is_ok() && check_rate(0).is_err());
    }
}
