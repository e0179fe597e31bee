//! Where one PDU ends and the next begins (SMPP 3.4, section 3.2).

use bytes::{Buf as _, BytesMut};

use crate::status::Status;

/// The octets of a header.
pub(crate) const HEADER: usize = 16;

/// The longest PDU that is read: a `message_payload` of 64 KiB and everything else that may stand beside it.
pub(crate) const LONGEST: usize = 72 * 1024;

/// A PDU, as far as its header says what it is.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The command, whose highest bit says whether it is an answer.
    pub(crate) command: u32,
    /// The status; 0 in a request.
    pub(crate) status: Status,
    /// What joins a request and its answer.
    pub(crate) sequence: u32,
    /// The whole PDU but for its length.
    pub(crate) octets: BytesMut,
}

impl Frame {
    /// Whether it answers something.
    pub(crate) fn is_answer(&self) -> bool {
        self.command & 0x8000_0000 != 0
    }

    /// What follows the header.
    pub(crate) fn body(&self) -> &[u8] {
        self.octets.get(HEADER - 4..).unwrap_or_default()
    }
}

/// A length that cannot be. Where the next PDU begins is not known then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PDU of {0} octets, which may have {HEADER} to {LONGEST}")]
pub(crate) struct ImpossibleLength(pub(crate) usize);

/// Takes octets as they come and gives PDUs.
#[derive(Debug, Default)]
pub(crate) struct Frames(BytesMut);

impl Frames {
    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    /// The next PDU that has come whole.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, ImpossibleLength> {
        let Some(length) = self.0.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if !(HEADER..=LONGEST).contains(&length) {
            return Err(ImpossibleLength(length));
        }
        if self.0.len() < length {
            return Ok(None);
        }
        let mut octets = self.0.split_to(length);
        octets.advance(4);
        let mut header = &octets[..HEADER - 4];
        Ok(Some(Frame {
            command: header.get_u32(),
            status: Status(header.get_u32()),
            sequence: header.get_u32(),
            octets,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pdu(command: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap();
        [length, command, 0, sequence]
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .chain(body.iter().copied())
            .collect()
    }

    #[test]
    fn pdus_are_found_however_they_are_cut() {
        let stream = [pdu(0x15, 1, b""), pdu(0x8000_0004, 2, b"abc\0"), pdu(0x15, 3, b"")].concat();
        for size in 1..stream.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for piece in stream.chunks(size) {
                frames.push(piece);
                while let Some(frame) = frames.next().unwrap() {
                    found.push((frame.sequence, frame.is_answer(), frame.body().to_vec()));
                }
            }
            let expected = [(1, false, vec![]), (2, true, b"abc\0".to_vec()), (3, false, vec![])];
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn impossible_lengths_are_refused_at_once() {
        for length in [0u32, 15, 72 * 1024 + 1, u32::MAX] {
            let mut frames = Frames::default();
            frames.push(&length.to_be_bytes());
            assert!(frames.next().is_err(), "{length}");
        }
    }
}
