//! RTP packets (RFC 3550, section 5.1), their sequence numbers (appendix A.1) and the state of one we send.

mod sequence;

pub use sequence::{Arrival, SequenceTracker};

/// Octets of a header without contributing sources and extension.
pub const HEADER: usize = 12;

/// Why a datagram is not an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Shorter than what its header announces.
    #[error("an RTP packet cut short")]
    TooShort,
    /// The version is not 2.
    #[error("an RTP packet of version {0}; only 2 is known")]
    Version(u8),
    /// The padding is longer than the payload, or says to be empty.
    #[error("an RTP packet with impossible padding")]
    Padding,
}

/// The fixed part of an RTP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// Says something about the frame; in audio, that it begins a talk spurt (RFC 3551, section 4.1).
    pub marker: bool,
    /// Which of the agreed formats the payload has, 0 to 127.
    pub payload_type: u8,
    /// Counts packets.
    pub sequence: u16,
    /// The moment of the first sample, in ticks of the codec's clock.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
}

/// An RTP packet as it was received. Borrowed from the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// The fixed header.
    pub header: RtpHeader,
    /// The contributing sources, four octets each.
    pub contributors: &'a [u8],
    /// The header extension: its profile and its content (section 5.3.1).
    pub extension: Option<(u16, &'a [u8])>,
    /// The payload without padding.
    pub payload: &'a [u8],
}

/// The fixed header of a datagram, and where its payload begins. Of a protected packet this is all that can be read.
pub(crate) fn clear_part(datagram: &[u8]) -> Result<(RtpHeader, usize), RtpError> {
    let (fixed, rest) = datagram.split_first_chunk::<HEADER>().ok_or(RtpError::TooShort)?;
    let version = fixed[0] >> 6;
    if version != 2 {
        return Err(RtpError::Version(version));
    }
    let header = RtpHeader {
        marker: fixed[1] & 0x80 != 0,
        payload_type: fixed[1] & 0x7F,
        sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
        timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
    };
    let mut length = 4 * usize::from(fixed[0] & 0x0F);
    if fixed[0] & 0x10 != 0 {
        let head = rest.get(length..length + 4).ok_or(RtpError::TooShort)?;
        length += 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
    }
    if length > rest.len() {
        return Err(RtpError::TooShort);
    }
    Ok((header, HEADER + length))
}

impl<'a> RtpPacket<'a> {
    /// Reads a datagram.
    ///
    /// ```
    /// use outdial_media::rtp::{RtpHeader, RtpPacket};
    ///
    /// let header = RtpHeader { marker: true, payload_type: 0, sequence: 7, timestamp: 160, ssrc: 1 };
    /// let mut datagram = [0; 16];
    /// header.write(&mut datagram).expect("twelve octets fit");
    /// let packet = RtpPacket::parse(&datagram)?;
    /// assert_eq!((packet.header, packet.payload.len()), (header, 4));
    /// # Ok::<(), outdial_media::rtp::RtpError>(())
    /// ```
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        let (header, length) = clear_part(datagram)?;
        let (head, mut rest) = datagram.split_at(length);
        let (contributors, tail) = head[HEADER..].split_at(4 * usize::from(head[0] & 0x0F));
        let extension = match tail {
            [high, low, _, _, content @ ..] => Some((u16::from_be_bytes([*high, *low]), content)),
            _ => None,
        };
        if head[0] & 0x20 != 0 {
            let padding = usize::from(*rest.last().ok_or(RtpError::Padding)?);
            if padding == 0 || padding > rest.len() {
                return Err(RtpError::Padding);
            }
            rest = &rest[..rest.len() - padding];
        }
        Ok(Self {
            header,
            contributors,
            extension,
            payload: rest,
        })
    }
}

impl RtpHeader {
    /// Writes the twelve octets of the header; the payload goes after them. `None` if `out` is too short.
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let out = out.first_chunk_mut::<HEADER>()?;
        out[0] = 2 << 6;
        out[1] = (u8::from(self.marker) << 7) | (self.payload_type & 0x7F);
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        Some(HEADER)
    }
}

/// What one stream of ours has sent: numbers its packets and counts them for the reports.
#[derive(Debug, Clone)]
pub struct RtpSender {
    ssrc: u32,
    sequence: u16,
    packets: u64,
    octets: u64,
}

impl RtpSender {
    /// A stream that begins with this sequence number, which should be random (section 5.1).
    pub const fn new(ssrc: u32, sequence: u16) -> Self {
        Self {
            ssrc,
            sequence,
            packets: 0,
            octets: 0,
        }
    }

    /// Writes one packet and returns its length. `fill` writes the payload and returns its length.
    ///
    /// `None`, with nothing counted, if `out` cannot hold the header.
    pub fn write(
        &mut self,
        out: &mut [u8],
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) -> Option<usize> {
        let header = RtpHeader {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        header.write(out)?;
        let payload = &mut out[HEADER..];
        let room = payload.len();
        let length = fill(payload).min(room);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.octets += length as u64;
        Some(HEADER + length)
    }

    /// Leaves a number out, so that the far side takes what is not sent for lost and covers it.
    pub const fn skip(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// The synchronisation source of this stream.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets sent so far.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Payload octets sent so far, without headers, as sender reports count them (section 6.4.1).
    pub const fn octets(&self) -> u64 {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: [u8; 16] = [0x80, 0x08, 0x12, 0x34, 0, 0, 0, 160, 0xDE, 0xAD, 0xBE, 0xEF, 1, 2, 3, 4];

    fn with_first_octet(octet: u8, tail: &[u8]) -> Vec<u8> {
        let mut datagram = PLAIN[..HEADER].to_vec();
        datagram[0] = octet;
        datagram.extend_from_slice(tail);
        datagram
    }

    #[test]
    fn reads_the_fixed_header() {
        let packet = RtpPacket::parse(&PLAIN).unwrap();
        let expected = RtpHeader {
            marker: false,
            payload_type: 8,
            sequence: 0x1234,
            timestamp: 160,
            ssrc: 0xDEAD_BEEF,
        };
        assert_eq!(packet.header, expected);
        assert_eq!(packet.payload, [1, 2, 3, 4]);
    }

    #[test]
    fn skips_contributors_extension_and_padding() {
        let tail = [
            9, 9, 9, 9, // one contributing source
            0xBE, 0xDE, 0, 1, 5, 6, 7, 8, // an extension of one word
            1, 2, 3, 0, 0, 3, // three octets of payload, three of padding
        ];
        let datagram = with_first_octet(0x80 | 0x20 | 0x10 | 1, &tail);
        let packet = RtpPacket::parse(&datagram).unwrap();
        assert_eq!(packet.contributors, [9, 9, 9, 9]);
        assert_eq!(packet.extension, Some((0xBEDE, &[5, 6, 7, 8][..])));
        assert_eq!(packet.payload, [1, 2, 3]);
    }

    #[test]
    fn refuses_what_cannot_be() {
        let cases = [
            (PLAIN[..11].to_vec(), RtpError::TooShort),
            (with_first_octet(0x40, &[]), RtpError::Version(1)),
            (with_first_octet(0x82, &[0; 7]), RtpError::TooShort),
            (with_first_octet(0x90, &[0; 3]), RtpError::TooShort),
            (with_first_octet(0x90, &[0, 0, 0, 2, 1, 1, 1, 1]), RtpError::TooShort),
            (with_first_octet(0xA0, &[]), RtpError::Padding),
            (with_first_octet(0xA0, &[1, 0]), RtpError::Padding),
            (with_first_octet(0xA0, &[1, 3]), RtpError::Padding),
        ];
        for (datagram, error) in cases {
            assert_eq!(RtpPacket::parse(&datagram), Err(error), "{datagram:?}");
        }
    }

    #[test]
    fn a_sender_numbers_and_counts() {
        let mut sender = RtpSender::new(5, u16::MAX);
        let mut out = [0; 20];
        for (sequence, marker) in [(u16::MAX, true), (0, false)] {
            let length = sender.write(&mut out, 8, marker, 99, |payload| {
                payload[..2].fill(7);
                2
            });
            assert_eq!(length, Some(14));
            let packet = RtpPacket::parse(&out[..14]).unwrap();
            assert_eq!((packet.header.sequence, packet.header.marker), (sequence, marker));
            assert_eq!((packet.header.ssrc, packet.header.timestamp), (5, 99));
        }
        assert_eq!((sender.packets(), sender.octets()), (2, 4));
        assert_eq!(sender.write(&mut [0; 5], 8, false, 0, |_| 0), None);
    }

    proptest! {
        #[test]
        fn any_datagram_is_answered(datagram in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(packet) = RtpPacket::parse(&datagram) {
                prop_assert!(packet.payload.len() + HEADER <= datagram.len());
            }
        }

        #[test]
        fn almost_rtp_is_answered(first: u8, tail in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = RtpPacket::parse(&with_first_octet(0x80 | (first & 0x3F), &tail));
        }

        #[test]
        fn what_is_written_is_read(
            marker: bool, payload_type in 0_u8..128, sequence: u16, timestamp: u32, ssrc: u32,
            payload in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let header = RtpHeader { marker, payload_type, sequence, timestamp, ssrc };
            let mut datagram = [0; 60];
            header.write(&mut datagram).unwrap();
            datagram[HEADER..HEADER + payload.len()].copy_from_slice(&payload);
            let packet = RtpPacket::parse(&datagram[..HEADER + payload.len()]).unwrap();
            prop_assert_eq!(packet.header, header);
            prop_assert_eq!(packet.payload, &payload[..]);
        }
    }
}
