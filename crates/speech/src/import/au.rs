//! AU files, of Sun and NeXT: a header of six numbers, a note, then the samples, the high octet first.

use super::{A_LAW, ImportError, MU_LAW, PCM, wave};

/// How they begin.
pub(super) const MAGIC: &[u8] = b".snd";

/// What programs that write to a pipe give for the length.
const UNKNOWN: usize = 0xFFFF_FFFF;

const KIND: &str = "AU";

/// The same sound as a WAV file.
pub(super) fn to_wave(bytes: &[u8]) -> Result<Vec<u8>, ImportError> {
    let number = |place: usize| {
        let octets = bytes.get(4 * place..4 * place + 4)?;
        Some(u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]]))
    };
    let broken = |reason: &str| ImportError::Broken {
        kind: KIND,
        reason: reason.to_owned(),
    };
    let header: Option<Vec<u32>> = (1..6).map(number).collect();
    let Some(&[start, length, coding, rate, channels]) = header.as_deref() else {
        return Err(broken("it ends in its header; it may have been cut short"));
    };
    let (start, length) = (start as usize, length as usize);
    let data = bytes
        .get(start..)
        .ok_or_else(|| broken("it ends before its sound begins"))?;
    let data = match length {
        UNKNOWN => data,
        length => &data[..length.min(data.len())],
    };
    let channels = u16::try_from(channels).map_err(|_| broken("it has too many channels"))?;
    let raw = |format, bits| wave::Raw {
        format,
        bits,
        rate,
        channels,
    };
    match coding {
        1 => Ok(wave::with_header(raw(MU_LAW, 8), data)),
        27 => Ok(wave::with_header(raw(A_LAW, 8), data)),
        3 => {
            let swapped: Vec<u8> = data
                .as_chunks::<2>()
                .0
                .iter()
                .flat_map(|[high, low]| [*low, *high])
                .collect();
            Ok(wave::with_header(raw(PCM, 16), &swapped))
        }
        other => Err(broken(&format!(
            "its coding {other} is none of µ-law (1), PCM of 16 bits (3) and A-law (27)"
        ))),
    }
}
