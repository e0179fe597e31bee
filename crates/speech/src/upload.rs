//! Says what an uploaded file is, from its header, without decoding it.

use outdial_engine::ports::{ImportedAudio, PromptError};
use outdial_media::wav;

/// What a header says.
struct Header<'a> {
    format: &'a [u8],
    /// Where the audio begins in the file.
    starts: usize,
    /// How many bytes of it there are, whatever the header says.
    length: usize,
}

/// Looks at a file. Only its header and its first sample are read, so this is quick for any file.
pub(crate) fn inspect(bytes: &[u8], most_seconds: u32) -> Result<ImportedAudio, PromptError> {
    let unreadable = |problem: String| PromptError::Unreadable(problem);
    let header = header(bytes);
    // The reader itself judges, so that nothing is accepted here that cannot be played later. What
    // it does not see is audio of the kind whose beginning it accepted.
    let judged = header
        .as_ref()
        .map_or(bytes, |header| &bytes[..header.starts + header.length.min(64)]);
    wav::read(judged, most_seconds).map_err(|error| unreadable(error.to_string()))?;
    let (Some(header), Some(field)) = (&header, header.as_ref().map(|header| fields(header.format))) else {
        return Err(unreadable(
            "the WAV file ends before its audio; it may have been cut short".to_owned(),
        ));
    };
    let block = u64::from(field(12)).max(1);
    let rate = u64::from(field(4)) | u64::from(field(6)) << 16;
    let moments = header.length as u64 / block;
    if moments == 0 {
        return Err(unreadable("the file holds no sound; upload one that does".to_owned()));
    }
    let millis = moments * 1_000 / rate.max(1);
    if moments > u64::from(most_seconds) * rate {
        let seconds = millis.div_ceil(1_000);
        return Err(unreadable(format!(
            "the WAV file lasts {seconds} s; at most {most_seconds} s are allowed"
        )));
    }
    Ok(ImportedAudio {
        format: describe(&field, rate),
        millis,
    })
}

/// As `WAV, PCM 16 bit, 44100 Hz, 2 channels`.
fn describe(field: &impl Fn(usize) -> u16, rate: u64) -> String {
    const EXTENSIBLE: u16 = 0xfffe;
    let tag = if field(0) == EXTENSIBLE { field(24) } else { field(0) };
    let bits = field(14);
    let coding = match tag {
        1 => format!("PCM {bits} bit"),
        3 => format!("float {bits} bit"),
        6 => "A-law".to_owned(),
        7 => "µ-law".to_owned(),
        other => format!("coding {other}"),
    };
    let channels = match field(2) {
        1 => "1 channel".to_owned(),
        many => format!("{many} channels"),
    };
    format!("WAV, {coding}, {rate} Hz, {channels}")
}

/// Reads the 16-bit fields of a `fmt ` chunk by their place; 0 where there is none.
fn fields(format: &[u8]) -> impl Fn(usize) -> u16 {
    move |at| {
        format
            .get(at..at + 2)
            .map_or(0, |pair| u16::from_le_bytes([pair[0], pair[1]]))
    }
}

/// Finds the format and the audio of a file that the reader has accepted or will refuse.
fn header(bytes: &[u8]) -> Option<Header<'_>> {
    let mut at = 12;
    let mut format = None;
    loop {
        let head = bytes.get(at..at + 8)?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let body = &bytes[at + 8..];
        let here = length.min(body.len());
        match &head[..4] {
            b"fmt " => format = Some(&body[..here]),
            b"data" => {
                return Some(Header {
                    format: format?,
                    starts: at + 8,
                    length: here,
                });
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = at.checked_add(8 + length + length % 2)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(rate: u32, samples: usize) -> Vec<u8> {
        let mut file = Vec::new();
        wav::write_stereo(&mut file, rate, &vec![7; samples], &[]).unwrap();
        file
    }

    #[test]
    fn a_file_is_described() {
        let audio = inspect(&file(44_100, 66_150), 10).unwrap();
        assert_eq!(audio.format, "WAV, PCM 16 bit, 44100 Hz, 2 channels");
        assert_eq!(audio.millis, 1_500);
    }

    #[test]
    fn a_header_of_a_stream_is_taken_at_what_is_there() {
        let mut bytes = file(8_000, 8_000);
        bytes[40..44].fill(0xff);
        assert_eq!(inspect(&bytes, 10).unwrap().millis, 1_000);
    }

    #[test]
    fn what_cannot_be_played_is_refused_with_the_reason() {
        let whole = file(8_000, 8_000);
        for (bytes, reason) in [
            (&b"ID3 and more than twelve bytes"[..], "not a WAV file"),
            (b"", "not a WAV file"),
            (&whole[..30], "fmt"),
            (&whole[..40], "data"),
            (&whole[..44], "no sound"),
            (&file(8_000, 80_001), "at most 10 s"),
            (&file(4_000, 100), "4000"),
        ] {
            let error = inspect(bytes, 10).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn any_cut_of_a_file_is_answered() {
        let whole = file(8_000, 10);
        for end in 0..whole.len() {
            let _ = inspect(&whole[..end], 10);
            let mut spoilt = whole.clone();
            spoilt[end] ^= 0xff;
            let _ = inspect(&spoilt, 10);
        }
    }
}
