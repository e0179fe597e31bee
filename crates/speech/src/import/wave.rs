//! What a WAV file says of itself.

/// What a header says.
struct Header<'a> {
    format: &'a [u8],
}

/// The kind of a file that the reader has accepted, in words.
pub(super) fn describe_file(bytes: &[u8]) -> String {
    let Some(header) = header(bytes) else {
        return "WAV".to_owned();
    };
    let field = fields(header.format);
    let rate = u64::from(field(4)) | u64::from(field(6)) << 16;
    describe(&field, rate)
}

/// What raw audio is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw {
    /// The coding, as WAV files name it.
    pub(super) format: u16,
    /// Bits a sample.
    pub(super) bits: u16,
    /// Samples a second.
    pub(super) rate: u32,
    pub(super) channels: u16,
}

/// Raw audio with the header that says what it is.
pub(super) fn with_header(raw: Raw, bytes: &[u8]) -> Vec<u8> {
    let block = raw.channels.saturating_mul(raw.bits / 8);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut file = Vec::with_capacity(bytes.len() + 46);
    file.extend(b"RIFF");
    file.extend(length.saturating_add(38 + length % 2).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(18_u32.to_le_bytes());
    file.extend(raw.format.to_le_bytes());
    file.extend(raw.channels.to_le_bytes());
    file.extend(raw.rate.to_le_bytes());
    file.extend(raw.rate.saturating_mul(u32::from(block)).to_le_bytes());
    file.extend(block.to_le_bytes());
    file.extend(raw.bits.to_le_bytes());
    file.extend(0_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(bytes);
    file.extend((length % 2 == 1).then_some(0));
    file
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
                return Some(Header { format: format? });
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = at.checked_add(8 + length + length % 2)?;
    }
}
