//! Reading: RIFF chunks, then samples.

use super::Clip;
use crate::codec::Codec;
use crate::resample::RATES;

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xFFFE;

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// It does not begin as WAV files do.
    #[error("not a WAV file (no RIFF and WAVE at its beginning); convert it to WAV first")]
    NotWav,
    /// It ends before its audio begins.
    #[error("the WAV file ends before its {0} chunk; it may have been cut short")]
    Truncated(&'static str),
    /// The coding is one we do not read.
    #[error(
        "a WAV file of coding {format} with {bits} bits a sample; save it as PCM of 8, 16, 24 or 32 bits, float, A-law or µ-law"
    )]
    Coding {
        /// The format tag of the file.
        format: u16,
        /// Bits a sample.
        bits: u16,
    },
    /// No channels, or the sizes in its header contradict each other.
    #[error(
        "a WAV file whose header contradicts itself: {channels} channels of {bits} bits in blocks of {block} octets"
    )]
    Layout {
        /// How many channels it says to have.
        channels: u16,
        /// Bits a sample.
        bits: u16,
        /// Octets for one moment of all channels.
        block: u16,
    },
    /// The rate is one we cannot convert.
    #[error("a WAV file of {0} samples a second; only 8000 to 192000 can be converted")]
    Rate(u32),
    /// Longer than allowed.
    #[error("the WAV file lasts {seconds} s; at most {allowed} s are allowed")]
    TooLong {
        /// How long it is, rounded up.
        seconds: u64,
        /// How long it may be.
        allowed: u32,
    },
}

#[derive(Debug, Clone, Copy)]
struct Format {
    coding: Coding,
    channels: usize,
    rate: u32,
    block: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Coding {
    Pcm8,
    Pcm16,
    Pcm24,
    Pcm32,
    Float32,
    Float64,
    G711(Codec),
}

/// Reads a WAV file of any usual kind and any rate, mixed down to mono, refusing one of more than `max_seconds`.
///
/// A header that promises more audio than the file holds is taken at what is there, for programs that write to a pipe cannot know the length beforehand.
///
/// ```
/// use outdial_media::wav;
///
/// let mut file = Vec::new();
/// wav::write_mono(&mut file, 8000, &[1, 2, 3])?;
/// let clip = wav::read(&file, 60).expect("we wrote it");
/// assert_eq!((clip.rate, clip.samples), (8000, vec![1, 2, 3]));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read(bytes: &[u8], max_seconds: u32) -> Result<Clip, WavError> {
    let mut rest = match bytes.split_first_chunk::<12>() {
        Some((head, rest)) if head.starts_with(b"RIFF") && head.ends_with(b"WAVE") => rest,
        _ => return Err(WavError::NotWav),
    };
    let mut format = None;
    while let Some((head, tail)) = rest.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let body = &tail[..length.min(tail.len())];
        match &head[..4] {
            b"fmt " => format = Some(parse_format(body)?),
            b"data" => {
                let format = format.ok_or(WavError::Truncated("fmt"))?;
                return decode(format, body, max_seconds);
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = tail.get(length.saturating_add(length % 2)..).unwrap_or(&[]);
    }
    Err(WavError::Truncated(if format.is_some() { "data" } else { "fmt" }))
}

fn parse_format(body: &[u8]) -> Result<Format, WavError> {
    let number = |at: usize| body.get(at..at + 2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let field = |at| number(at).ok_or(WavError::Truncated("fmt"));
    let (channels, block, bits) = (field(2)?, field(12)?, field(14)?);
    let rate = u32::from(field(4)?) | u32::from(field(6)?) << 16;
    let format = match field(0)? {
        // The real coding is the beginning of a GUID at the end of the extension.
        EXTENSIBLE => field(24)?,
        plain => plain,
    };
    let coding = match (format, bits) {
        (PCM, 8) => Coding::Pcm8,
        (PCM, 16) => Coding::Pcm16,
        (PCM, 24) => Coding::Pcm24,
        (PCM, 32) => Coding::Pcm32,
        (FLOAT, 32) => Coding::Float32,
        (FLOAT, 64) => Coding::Float64,
        (A_LAW, 8) => Coding::G711(Codec::Pcma),
        (MU_LAW, 8) => Coding::G711(Codec::Pcmu),
        _ => return Err(WavError::Coding { format, bits }),
    };
    if channels == 0 || u32::from(block) != u32::from(channels) * u32::from(bits / 8) {
        return Err(WavError::Layout { channels, bits, block });
    }
    if !RATES.contains(&rate) {
        return Err(WavError::Rate(rate));
    }
    Ok(Format {
        coding,
        channels: usize::from(channels),
        rate,
        block: usize::from(block),
    })
}

fn decode(format: Format, data: &[u8], max_seconds: u32) -> Result<Clip, WavError> {
    let moments = data.len() / format.block;
    if moments as u64 > u64::from(max_seconds) * u64::from(format.rate) {
        return Err(WavError::TooLong {
            seconds: (moments as u64).div_ceil(u64::from(format.rate)),
            allowed: max_seconds,
        });
    }
    let width = format.block / format.channels;
    let samples = data
        .chunks_exact(format.block)
        .map(|moment| {
            let sum: i64 = moment
                .chunks_exact(width)
                .map(|octets| i64::from(sample(format.coding, octets)))
                .sum();
            (sum / format.channels as i64) as i16
        })
        .collect();
    Ok(Clip {
        rate: format.rate,
        samples,
    })
}

fn sample(coding: Coding, octets: &[u8]) -> i16 {
    match (coding, octets) {
        (Coding::Pcm8, [octet]) => (i16::from(*octet) - 128) << 8,
        // PCM keeps its most significant octets last; the lower ones are below what a telephone carries.
        (Coding::Pcm16 | Coding::Pcm24 | Coding::Pcm32, [.., low, high]) => i16::from_le_bytes([*low, *high]),
        (Coding::Float32, &[a, b, c, d]) => from_float(f64::from(f32::from_le_bytes([a, b, c, d]))),
        (Coding::Float64, &[a, b, c, d, e, f, g, h]) => from_float(f64::from_le_bytes([a, b, c, d, e, f, g, h])),
        (Coding::G711(codec), octets) => {
            let mut sample = [0];
            codec.decode(octets, &mut sample);
            sample[0]
        }
        // The width was checked against the coding when the format was read.
        (Coding::Pcm8 | Coding::Pcm16 | Coding::Pcm24 | Coding::Pcm32 | Coding::Float32 | Coding::Float64, _) => 0,
    }
}

/// The conversion saturates, and makes nothing of what is not a number.
fn from_float(value: f64) -> i16 {
    (value * 32_767.0).round() as i16
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut chunk = name.to_vec();
        chunk.extend((body.len() as u32).to_le_bytes());
        chunk.extend(body);
        chunk.resize(chunk.len() + body.len() % 2, 0);
        chunk
    }

    fn format(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
        let block = channels * (bits / 8);
        let mut body = Vec::new();
        body.extend(tag.to_le_bytes());
        body.extend(channels.to_le_bytes());
        body.extend(rate.to_le_bytes());
        body.extend((rate * u32::from(block)).to_le_bytes());
        body.extend(block.to_le_bytes());
        body.extend(bits.to_le_bytes());
        body
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        let body = chunks.concat();
        let mut file = b"RIFF".to_vec();
        file.extend((body.len() as u32 + 4).to_le_bytes());
        file.extend(b"WAVE");
        file.extend(body);
        file
    }

    fn simple(tag: u16, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
        file(&[chunk(b"fmt ", &format(tag, channels, 8000, bits)), chunk(b"data", data)])
    }

    fn hound(bits: u16, sample_format: hound::SampleFormat, samples: &[f32]) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 22_050,
            bits_per_sample: bits,
            sample_format,
        };
        let mut out = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut out, spec).unwrap();
        for sample in samples {
            match sample_format {
                hound::SampleFormat::Float => writer.write_sample(*sample).unwrap(),
                hound::SampleFormat::Int => {
                    let full = 2_f64.powi(i32::from(bits) - 1) - 1.0;
                    writer.write_sample((f64::from(*sample) * full) as i32).unwrap();
                }
            }
        }
        writer.finalize().unwrap();
        out.into_inner()
    }

    #[test]
    fn reads_what_another_writer_writes() {
        let samples = [0.0, 0.5, -0.5, 0.99, -0.99];
        let kinds = [
            (8, hound::SampleFormat::Int, 520),
            (16, hound::SampleFormat::Int, 2),
            (24, hound::SampleFormat::Int, 2),
            (32, hound::SampleFormat::Int, 2),
            (32, hound::SampleFormat::Float, 2),
        ];
        for (bits, kind, tolerance) in kinds {
            let clip = read(&hound(bits, kind, &samples), 10).unwrap();
            assert_eq!(clip.rate, 22_050);
            assert_eq!(clip.samples.len(), samples.len());
            for (sample, expected) in clip.samples.iter().zip(samples) {
                let error = f32::from(*sample) - expected * 32_767.0;
                assert!(error.abs() <= tolerance as f32, "{bits} {kind:?}: {error}");
            }
        }
    }

    #[test]
    fn reads_both_laws() {
        let clip = read(&simple(MU_LAW, 1, 8, &[0xFF, 0x80, 0x00]), 10).unwrap();
        assert_eq!(clip.samples, [0, 32_124, -32_124]);
        let clip = read(&simple(A_LAW, 1, 8, &[0xD5, 0xAA, 0x2A]), 10).unwrap();
        assert_eq!(clip.samples, [8, 32_256, -32_256]);
    }

    #[test]
    fn mixes_channels_and_skips_other_chunks() {
        let mut extensible = format(EXTENSIBLE, 2, 16_000, 16);
        extensible.extend([22, 0, 16, 0, 3, 0, 0, 0]);
        extensible.extend([1, 0, 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]);
        let bytes = file(&[
            chunk(b"LIST", b"odd"),
            chunk(b"fmt ", &extensible),
            chunk(b"fact", &[0; 4]),
            chunk(b"data", &[100, 0, 200, 0, 0xF6, 0xFF, 10, 0, 1]),
        ]);
        let clip = read(&bytes, 10).unwrap();
        assert_eq!((clip.rate, clip.samples), (16_000, vec![150, 0]));
    }

    #[test]
    fn a_promise_of_four_gigabytes_is_taken_at_what_is_there() {
        let mut bytes = simple(PCM, 1, 16, &[1, 0, 2, 0]);
        let length_at = bytes.len() - 8;
        bytes[length_at..length_at + 4].fill(0xFF);
        let clip = read(&bytes, 1).unwrap();
        assert_eq!(clip.samples, [1, 2]);
        assert!(clip.samples.capacity() < 100);
    }

    #[test]
    fn says_what_is_wrong() {
        let no_data = file(&[chunk(b"fmt ", &format(PCM, 1, 8000, 16))]);
        let no_format = file(&[chunk(b"data", &[0; 4])]);
        let short_format = file(&[chunk(b"fmt ", &[1, 0, 1, 0])]);
        let slow = file(&[chunk(b"fmt ", &format(PCM, 1, 4000, 16))]);
        let layout = WavError::Layout {
            channels: 0,
            bits: 16,
            block: 0,
        };
        let too_long = WavError::TooLong { seconds: 2, allowed: 1 };
        let cases = [
            (b"ID3\x03".to_vec(), WavError::NotWav),
            (vec![], WavError::NotWav),
            (no_data, WavError::Truncated("data")),
            (no_format, WavError::Truncated("fmt")),
            (short_format, WavError::Truncated("fmt")),
            (slow, WavError::Rate(4000)),
            (simple(49, 1, 8, &[]), WavError::Coding { format: 49, bits: 8 }),
            (simple(PCM, 1, 12, &[]), WavError::Coding { format: 1, bits: 12 }),
            (simple(PCM, 0, 16, &[]), layout),
            (simple(PCM, 1, 8, &[0; 8001]), too_long),
        ];
        for (bytes, error) in cases {
            assert_eq!(read(&bytes, 1), Err(error));
        }
        assert!(read(&simple(PCM, 1, 8, &[0; 8000]), 1).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            let _ = read(&bytes, 10);
        }

        #[test]
        fn any_header_is_answered(
            fmt in prop::collection::vec(any::<u8>(), 0..44), data: Vec<u8>, length: u32,
        ) {
            let mut bytes = file(&[chunk(b"fmt ", &fmt), chunk(b"data", &data)]);
            let _ = read(&bytes, 10);
            bytes[16..20].copy_from_slice(&length.to_le_bytes());
            let _ = read(&bytes, 10);
        }

        #[test]
        fn any_coding_is_answered(
            tag in prop::sample::select(vec![PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE]),
            channels in 0_u16..70, width in 0_u16..9, data: Vec<u8>,
        ) {
            if let Ok(clip) = read(&simple(tag, channels, width * 8, &data), 10) {
                prop_assert!(clip.samples.len() <= data.len());
            }
        }
    }
}
