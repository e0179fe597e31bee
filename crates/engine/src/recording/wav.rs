//! WAV files that grow: 16-bit PCM behind a header of 44 bytes, whose two sizes are mended as it grows.

use std::io;

use crate::ports::RecordingFile;

/// The size of the header.
pub(crate) const HEADER: u64 = 44;

/// The most bytes of sound, a little under what 32 bits can say.
pub(crate) const MOST: u64 = u32::MAX as u64 - 65_536;

/// Bytes of a sample.
const SAMPLE: u32 = 2;

/// What stands in a header besides the sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    /// Samples a second.
    pub(crate) rate: u32,
    pub(crate) channels: u16,
}

impl Format {
    /// Bytes of one moment of all channels.
    pub(crate) fn block(self) -> u32 {
        u32::from(self.channels) * SAMPLE
    }

    /// Bytes of a second.
    fn a_second(self) -> u32 {
        self.rate * self.block()
    }

    /// How long so many bytes of sound play.
    pub(crate) fn length(self, data: u64) -> std::time::Duration {
        let micros = data.saturating_mul(1_000_000) / u64::from(self.a_second().max(1));
        std::time::Duration::from_micros(micros)
    }

    /// The header before so many bytes of sound.
    pub(crate) fn header(self, data: u64) -> [u8; HEADER as usize] {
        let data = u32::try_from(data.min(MOST)).unwrap_or(u32::MAX);
        let mut header = [0; HEADER as usize];
        let mut put = |place: usize, bytes: &[u8]| header[place..place + bytes.len()].copy_from_slice(bytes);
        put(0, b"RIFF");
        put(4, &(data + 36).to_le_bytes());
        put(8, b"WAVEfmt ");
        put(16, &16_u32.to_le_bytes());
        put(20, &1_u16.to_le_bytes());
        put(22, &self.channels.to_le_bytes());
        put(24, &self.rate.to_le_bytes());
        put(28, &self.a_second().to_le_bytes());
        put(32, &self.block().to_le_bytes()[..2]);
        put(34, &16_u16.to_le_bytes());
        put(36, b"data");
        put(40, &data.to_le_bytes());
        header
    }

    /// What a header of ours says, if it is one.
    pub(crate) fn of(header: &[u8]) -> Option<Self> {
        let two = |place| Some(u16::from_le_bytes(header.get(place..place + 2)?.try_into().ok()?));
        let four = |place| Some(u32::from_le_bytes(header.get(place..place + 4)?.try_into().ok()?));
        let format = Self {
            rate: four(24)?,
            channels: two(22)?,
        };
        let is_ours =
            header.starts_with(b"RIFF") && header.get(8..16) == Some(b"WAVEfmt ") && four(28)? == format.a_second();
        (is_ours && format.block() > 0).then_some(format)
    }
}

/// Makes the sizes of a file right that nobody writes any more, and gives how many bytes of sound it has. Half
/// of a moment at its end is cut off.
pub(crate) fn mend(file: &mut dyn RecordingFile, format: Format) -> io::Result<u64> {
    let there = file.length()?.saturating_sub(HEADER).min(MOST);
    let data = there - there % u64::from(format.block());
    file.write_at(0, &format.header(data))?;
    file.cut(HEADER + data)?;
    file.sync()?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back() {
        let format = Format {
            rate: 16_000,
            channels: 2,
        };
        let header = format.header(640);
        assert_eq!(Format::of(&header), Some(format));
        assert_eq!(header[40..], 640_u32.to_le_bytes());
        assert_eq!(header[4..8], 676_u32.to_le_bytes());
        assert_eq!(format.length(64_000), std::time::Duration::from_secs(1));
        for cut in 0..header.len() {
            let _ = Format::of(&header[..cut]);
        }
        assert_eq!(Format::of(&[0; 44]), None);
    }

    #[test]
    fn a_header_never_says_more_than_it_can() {
        let format = Format {
            rate: 8_000,
            channels: 1,
        };
        let header = format.header(u64::MAX);
        assert!(u64::from(u32::from_le_bytes(header[4..8].try_into().unwrap())) >= MOST);
    }
}
