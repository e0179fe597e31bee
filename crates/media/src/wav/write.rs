//! Writing: 16-bit PCM in one go, to anything that takes bytes.

use std::io::{self, Write};

/// Writes 16-bit PCM with one channel.
pub fn write_mono(out: &mut impl Write, rate: u32, samples: &[i16]) -> io::Result<()> {
    write_header(out, rate, 1, samples.len())?;
    write_samples(out, samples.iter().copied())
}

/// Writes 16-bit PCM with two channels; the shorter one is filled up with silence.
///
/// In a recording of a call the left one is the leg that entered the flow.
pub fn write_stereo(out: &mut impl Write, rate: u32, left: &[i16], right: &[i16]) -> io::Result<()> {
    let moments = left.len().max(right.len());
    write_header(out, rate, 2, moments)?;
    let at = |channel: &[i16], index| channel.get(index).copied().unwrap_or(0);
    let interleaved = (0..moments).flat_map(|index| [at(left, index), at(right, index)]);
    write_samples(out, interleaved)
}

fn write_header(out: &mut impl Write, rate: u32, channels: u16, moments: usize) -> io::Result<()> {
    let block = channels * 2;
    let length = moments
        .checked_mul(usize::from(block))
        .and_then(|octets| u32::try_from(octets).ok())
        .filter(|octets| *octets <= u32::MAX - 36)
        .ok_or_else(|| {
            let reason = "too much audio for a WAV file, which holds 4 GiB; write it in parts";
            io::Error::new(io::ErrorKind::InvalidInput, reason)
        })?;
    let mut header = [0; 44];
    header[..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&(length + 36).to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16] = 16;
    header[20] = 1;
    header[22..24].copy_from_slice(&channels.to_le_bytes());
    header[24..28].copy_from_slice(&rate.to_le_bytes());
    header[28..32].copy_from_slice(&rate.wrapping_mul(u32::from(block)).to_le_bytes());
    header[32..34].copy_from_slice(&block.to_le_bytes());
    header[34] = 16;
    header[36..40].copy_from_slice(b"data");
    header[40..].copy_from_slice(&length.to_le_bytes());
    out.write_all(&header)
}

/// Gathers samples into larger writes, so that an unbuffered file does no harm.
fn write_samples(out: &mut impl Write, samples: impl Iterator<Item = i16>) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(8192);
    for sample in samples {
        buffer.extend(sample.to_le_bytes());
        if buffer.len() == buffer.capacity() {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    out.write_all(&buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_by_another(file: Vec<u8>) -> (hound::WavSpec, Vec<i16>) {
        let mut reader = hound::WavReader::new(io::Cursor::new(file)).unwrap();
        let spec = reader.spec();
        (spec, reader.samples().map(Result::unwrap).collect())
    }

    #[test]
    fn another_reader_reads_mono() {
        let samples: Vec<i16> = (0..10_000).map(|n| (n * 7 - 30_000) as i16).collect();
        let mut file = Vec::new();
        write_mono(&mut file, 8000, &samples).unwrap();
        let (spec, read) = read_by_another(file.clone());
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 8000, 16));
        assert_eq!(read, samples);
        assert_eq!(crate::wav::read(&file, 60).unwrap().samples, samples);
    }

    #[test]
    fn stereo_fills_up_the_shorter_side() {
        let mut file = Vec::new();
        write_stereo(&mut file, 16_000, &[1, 2, 3], &[-1]).unwrap();
        let (spec, read) = read_by_another(file);
        assert_eq!((spec.channels, spec.sample_rate), (2, 16_000));
        assert_eq!(read, [1, -1, 2, 0, 3, 0]);
    }
}
