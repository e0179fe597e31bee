//! Whether a recording holds a sentence.
//!
//! The sentence is rendered once more by the speech program itself, apart from our prompt cache,
//! players, codecs and sockets, and searched for in the recording.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use outdial_media::{correlate, resample, wav};

/// From this match on the sentence is said to be heard: the same sentence through µ-law reaches
/// more than 0.9, another one stays under 0.3.
pub(super) const HEARD: f32 = 0.7;
/// The sample rate of the comparison, that of the recording.
const RATE: u32 = 8_000;
/// The longest recording that is compared, in seconds.
const LONGEST: u32 = 600;

/// How well the recording matches the sentence, from 0 to 1; otherwise why that cannot be said. From
/// [`HEARD`] on it holds the sentence.
pub(super) async fn score(recording: &Path, sentence: &str) -> Result<f32, String> {
    let (recording, sentence) = (recording.to_owned(), sentence.to_owned());
    let compared = tokio::task::spawn_blocking(move || {
        let wanted = samples(&speak(&sentence)?)?;
        let bytes = std::fs::read(&recording).map_err(|error| format!("{}: {error}", recording.display()))?;
        let heard = samples(&bytes)?;
        Ok(correlate::find_speech(&wanted, &heard, RATE).map_or(0.0, |found| found.score))
    });
    compared
        .await
        .unwrap_or_else(|error| Err(format!("the comparison failed: {error}")))
}

/// The sentence as a WAV, as the speech program gives it.
pub(super) fn speak(sentence: &str) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("espeak-ng cannot be run ({error}): install the package espeak-ng");
    let mut child = Command::new("espeak-ng")
        .args(["--stdin", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(sentence.as_bytes()).map_err(failed)?;
    }
    Ok(child.wait_with_output().map_err(failed)?.stdout)
}

fn samples(bytes: &[u8]) -> Result<Vec<i16>, String> {
    let clip = wav::read(bytes, LONGEST).map_err(|error| error.to_string())?;
    resample::resample(&clip.samples, clip.rate, RATE).map_err(|error| error.to_string())
}
