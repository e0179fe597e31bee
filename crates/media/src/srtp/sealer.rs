//! The sending half.

use rtc_rtp::Header;
use rtc_srtp::context::Context;

use super::SrtpKey;
use crate::rtp::{HEADER, RtpHeader, clear_part};

pub(super) struct Sealer {
    context: Context,
}

impl Sealer {
    pub(super) fn new(key: &SrtpKey) -> Self {
        Self { context: key.context() }
    }

    pub(super) fn rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let packet = buffer.get(..length)?;
        let (header, payload_at) = clear_part(packet).ok()?;
        let header = header_of(header, payload_at);
        let sealed = self.context.encrypt_rtp_with_header(packet, &header).ok()?;
        copy(&sealed, buffer)
    }

    pub(super) fn rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let sealed = self.context.encrypt_rtcp(buffer.get(..length)?).ok()?;
        copy(&sealed, buffer)
    }
}

/// A header as the library wants it. It looks at the numbers, and at how long it is: contributors are as good for that as
/// the extension that may be there.
pub(super) fn header_of(header: RtpHeader, length: usize) -> Header {
    Header {
        version: 2,
        sequence_number: header.sequence,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        csrc: vec![0; (length - HEADER) / 4],
        ..Header::default()
    }
}

pub(super) fn copy(from: &[u8], to: &mut [u8]) -> Option<usize> {
    to.get_mut(..from.len())?.copy_from_slice(from);
    Some(from.len())
}
