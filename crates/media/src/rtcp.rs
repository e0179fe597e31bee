//! Reports about RTP streams (RFC 3550, section 6): ours to the peer and the peer's to us.

mod reception;

use std::time::{Duration, Instant};

use rtcp_types::{
    Bye, ReceiverReport, ReportBlock, RtcpPacketParser, RtcpPacketWriterExt, RtcpWriteError, Sdes, SdesChunk, SdesItem,
    SenderReport,
};

pub use reception::Reception;

use crate::rtp::RtpSender;

/// The mean time between two reports (section 6.2: the least allowed).
pub const INTERVAL: Duration = Duration::from_secs(5);

/// Whether a datagram on a shared port is RTCP and not RTP (RFC 5761, section 4).
pub const fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

/// What the peer's reports say about our stream.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RemoteView {
    /// Share of our packets lost since the report before, 0 to 1.
    pub loss: f32,
    /// Interarrival jitter of our packets, in ticks of the RTP clock.
    pub jitter_ticks: u32,
    /// Time to the peer and back, once it could be measured.
    pub round_trip: Option<Duration>,
}

/// What one datagram of reports brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// There was a report or a goodbye that could be read, whoever it was about.
    pub readable: bool,
    /// The peer reported about our stream.
    pub report: bool,
    /// The peer said that it leaves.
    pub goodbye: bool,
}

#[derive(Debug, Clone, Copy)]
struct SenderMoment {
    ssrc: u32,
    /// The middle 32 bits of the peer's time.
    stamp: u32,
    heard: Instant,
}

/// Keeps the reports of one stream pair: when the next is due, what goes in, and what the peer told.
///
/// Its time stamps count from the beginning of the stream, which section 4 allows to those who have no wall clock.
#[derive(Debug)]
pub struct Reporter {
    name: String,
    begin: Instant,
    next: Instant,
    random: u32,
    last_sender_report: Option<SenderMoment>,
    remote: Option<RemoteView>,
}

impl Reporter {
    /// A reporter for our stream `ssrc`, which begins now.
    pub fn new(ssrc: u32, now: Instant) -> Self {
        let mut reporter = Self {
            // The name must not tell who we are (RFC 7022); the stream's random number tells it apart.
            name: format!("{ssrc:08x}@media"),
            begin: now,
            next: now,
            random: ssrc | 1,
            last_sender_report: None,
            remote: None,
        };
        // The first report comes after half the time (section 6.2).
        reporter.next = now + reporter.interval() / 2;
        reporter
    }

    /// When the next report is due.
    pub const fn next_report(&self) -> Instant {
        self.next
    }

    /// What the peer told about our stream, once it did.
    pub const fn remote(&self) -> Option<RemoteView> {
        self.remote
    }

    /// Writes a report if one is due, returning its length. `timestamp` is the RTP timestamp of this moment.
    pub fn poll(
        &mut self,
        sender: &RtpSender,
        timestamp: u32,
        reception: Option<(u32, &mut Reception)>,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        if now < self.next {
            return None;
        }
        self.next = now + self.interval();
        self.write(sender, timestamp, reception, false, now, out).ok()
    }

    /// Writes the last report and the goodbye (section 6.6), returning its length.
    pub fn goodbye(
        &mut self,
        sender: &RtpSender,
        timestamp: u32,
        reception: Option<(u32, &mut Reception)>,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        self.write(sender, timestamp, reception, true, now, out).ok()
    }

    /// Takes one datagram of reports about our stream `ssrc`. What cannot be read is skipped.
    pub fn handle(&mut self, datagram: &[u8], ssrc: u32, now: Instant) -> Heard {
        let mut heard = Heard::default();
        let mut rest = datagram;
        while let Some((head, _)) = rest.split_first_chunk::<4>() {
            let length = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
            let Some((packet, tail)) = rest.split_at_checked(length) else {
                break;
            };
            rest = tail;
            match head[1] {
                200 => {
                    let Ok(report) = SenderReport::parse(packet) else { break };
                    heard.readable = true;
                    self.last_sender_report = Some(SenderMoment {
                        ssrc: report.ssrc(),
                        stamp: (report.ntp_timestamp() >> 16) as u32,
                        heard: now,
                    });
                    heard.report |= self.take_blocks(report.report_blocks(), ssrc, now);
                }
                201 => {
                    let Ok(report) = ReceiverReport::parse(packet) else {
                        break;
                    };
                    heard.readable = true;
                    heard.report |= self.take_blocks(report.report_blocks(), ssrc, now);
                }
                203 => {
                    let goodbye = Bye::parse(packet).is_ok();
                    heard.readable |= goodbye;
                    heard.goodbye |= goodbye;
                }
                _ => {}
            }
        }
        heard
    }

    fn take_blocks<'a>(&mut self, blocks: impl Iterator<Item = ReportBlock<'a>>, ssrc: u32, now: Instant) -> bool {
        let Some(block) = blocks.into_iter().find(|block| block.ssrc() == ssrc) else {
            return false;
        };
        let before = self.remote.and_then(|view| view.round_trip);
        self.remote = Some(RemoteView {
            loss: f32::from(block.fraction_lost()) / 256.0,
            jitter_ticks: block.interarrival_jitter(),
            round_trip: self.round_trip(&block, now).or(before),
        });
        true
    }

    /// The time since our report that the peer names, less the time it held it (section 6.4.1).
    fn round_trip(&self, block: &ReportBlock<'_>, now: Instant) -> Option<Duration> {
        let sent = block.last_sender_report_timestamp();
        if sent == 0 {
            return None;
        }
        let held = block.delay_since_last_sender_report_timestamp();
        let units = self.stamp(now).wrapping_sub(sent).wrapping_sub(held);
        // More than half a minute, or less than nothing, is somebody's mistake.
        let units = u64::from(units);
        (units < 30 << 16).then(|| Duration::from_micros((units * 1_000_000) >> 16))
    }

    fn write(
        &self,
        sender: &RtpSender,
        timestamp: u32,
        reception: Option<(u32, &mut Reception)>,
        leaving: bool,
        now: Instant,
        out: &mut [u8],
    ) -> Result<usize, RtcpWriteError> {
        let ssrc = sender.ssrc();
        let block = reception.map(|(source, reception)| self.block(source, reception, now));
        let mut length = if sender.packets() > 0 {
            let mut report = SenderReport::builder(ssrc)
                .ntp_timestamp(self.ntp(now))
                .rtp_timestamp(timestamp)
                .packet_count(sender.packets() as u32)
                .octet_count(sender.octets() as u32);
            if let Some(block) = block {
                report = report.add_report_block(block);
            }
            report.write_into(out)?
        } else {
            let mut report = ReceiverReport::builder(ssrc);
            if let Some(block) = block {
                report = report.add_report_block(block);
            }
            report.write_into(out)?
        };
        let name = SdesItem::builder(SdesItem::CNAME, &self.name);
        let description = Sdes::builder().add_chunk(SdesChunk::builder(ssrc).add_item(name));
        length += description.write_into(&mut out[length..])?;
        if leaving {
            length += Bye::builder().add_source(ssrc).write_into(&mut out[length..])?;
        }
        Ok(length)
    }

    fn block(&self, source: u32, reception: &mut Reception, now: Instant) -> rtcp_types::ReportBlockBuilder {
        let last = self.last_sender_report.filter(|moment| moment.ssrc == source);
        let held = last.map_or(Duration::ZERO, |moment| now.saturating_duration_since(moment.heard));
        ReportBlock::builder(source)
            .fraction_lost(reception.take_fraction_lost())
            .cumulative_lost(reception.cumulative_lost_field())
            .extended_sequence_number(reception.extended_highest())
            .interarrival_jitter(reception.jitter_ticks())
            .last_sender_report_timestamp(last.map_or(0, |moment| moment.stamp))
            .delay_since_last_sender_report_timestamp((ntp(held) >> 16) as u32)
    }

    fn ntp(&self, now: Instant) -> u64 {
        // Zero would mean that we have no time at all.
        ntp(now.saturating_duration_since(self.begin) + Duration::from_secs(1))
    }

    fn stamp(&self, now: Instant) -> u32 {
        (self.ntp(now) >> 16) as u32
    }

    /// Between half and one and a half times the mean, so that the reports of many streams do not fall together (section 6.2).
    fn interval(&mut self) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        INTERVAL / 2 + INTERVAL * (self.random >> 16) / (1 << 16)
    }
}

/// A time as seconds and their fractions, 32 bits each (section 4).
fn ntp(time: Duration) -> u64 {
    let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
    (time.as_secs() << 32) | fraction
}

#[cfg(test)]
mod tests;
