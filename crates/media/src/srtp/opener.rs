//! The receiving half.
//!
//! The library counts packets for every source that it is shown, before it knows whether the packet is genuine, and takes
//! RTCP without looking at its tag where the packet says that it is not encrypted. So each source has a context of its own,
//! which only begins with a genuine packet; strangers are tried on a spare one; and what is not encrypted is refused first.

use rtc_srtp::context::Context;

use super::sealer::{copy, header_of};
use super::{Mki, SrtpKey};
use crate::rtp::clear_part;

/// Sources that may speak one after the other under one key. Their counts are kept, or their old packets could be played again.
const MOST_SOURCES: usize = 8;

/// Strangers that are tried on one spare context before it is thrown away with what it remembers of them.
const MOST_STRANGERS: u32 = 64;

/// Octets of the tag of an RTCP packet, of the index before it, and of the least that comes before that.
const RTCP_TAG: usize = 10;
const RTCP_INDEX: usize = 4;
const RTCP_HEAD: usize = 8;

/// The packet is not of the far side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Shorter than any protected packet, or no RTP at all.
    #[error("no packet, or one too short to be protected")]
    Malformed,
    /// Not protected with the far side's key, changed on its way, or played again.
    #[error("a packet that the far side's key does not fit, or that came before")]
    NotGenuine,
    /// The far side spoke as so many sources under one key that no more are taken.
    #[error("a packet of one source too many")]
    TooManySources,
}

pub(super) struct Opener {
    key: SrtpKey,
    sources: Vec<(u32, Context)>,
    spare: Option<Context>,
    strangers: u32,
}

impl Opener {
    pub(super) fn new(key: &SrtpKey) -> Self {
        Self {
            key: key.clone(),
            sources: Vec::with_capacity(MOST_SOURCES),
            spare: None,
            strangers: 0,
        }
    }

    pub(super) fn rtp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Refused> {
        let tag = self.key.suite.rtp_tag();
        let length = self.drop_mki(buffer, length, tag)?;
        let packet = buffer.get(..length).ok_or(Refused::Malformed)?;
        let (header, payload_at) = clear_part(packet).map_err(|_| Refused::Malformed)?;
        if payload_at + tag > length {
            return Err(Refused::Malformed);
        }
        let ssrc = header.ssrc;
        let header = header_of(header, payload_at);
        let opened = self.with_context(ssrc, |context| context.decrypt_rtp_with_header(packet, &header).ok())?;
        copy(&opened, buffer).ok_or(Refused::Malformed)
    }

    pub(super) fn rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Refused> {
        let length = self.drop_mki(buffer, length, RTCP_TAG)?;
        let packet = buffer.get(..length).ok_or(Refused::Malformed)?;
        let Some(index_at) = length
            .checked_sub(RTCP_INDEX + RTCP_TAG)
            .filter(|index_at| *index_at >= RTCP_HEAD)
        else {
            return Err(Refused::Malformed);
        };
        // Encryption was agreed on; what goes without it is not the far side's.
        if packet[index_at] & 0x80 == 0 {
            return Err(Refused::NotGenuine);
        }
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let opened = self.with_context(ssrc, |context| context.decrypt_rtcp(packet).ok())?;
        copy(&opened, buffer).ok_or(Refused::Malformed)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Opens a packet with the context of its source, or of a new source if the packet is genuine.
    fn with_context<T>(&mut self, ssrc: u32, open: impl FnOnce(&mut Context) -> Option<T>) -> Result<T, Refused> {
        if let Some((_, context)) = self.sources.iter_mut().find(|(known, _)| *known == ssrc) {
            return open(context).ok_or(Refused::NotGenuine);
        }
        if self.sources.len() >= MOST_SOURCES {
            return Err(Refused::TooManySources);
        }
        if self.strangers >= MOST_STRANGERS {
            self.spare = None;
        }
        let key = &self.key;
        let mut context = self.spare.take().unwrap_or_else(|| {
            self.strangers = 0;
            key.context()
        });
        match open(&mut context) {
            Some(opened) => {
                self.sources.push((ssrc, context));
                Ok(opened)
            }
            None => {
                self.strangers += 1;
                self.spare = Some(context);
                Err(Refused::NotGenuine)
            }
        }
    }

    /// Takes the name of the key out of a packet, which stands before the tag.
    fn drop_mki(&self, buffer: &mut [u8], length: usize, tag: usize) -> Result<usize, Refused> {
        let Some(Mki { value, octets }) = self.key.mki else {
            return Ok(length);
        };
        let octets = usize::from(octets.clamp(1, 8));
        let packet = buffer.get_mut(..length).ok_or(Refused::Malformed)?;
        let at = length.checked_sub(tag + octets).ok_or(Refused::Malformed)?;
        if packet[at..at + octets] != value.to_be_bytes()[8 - octets..] {
            return Err(Refused::NotGenuine);
        }
        packet.copy_within(at + octets.., at);
        Ok(length - octets)
    }
}
