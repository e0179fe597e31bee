//! A jitter buffer: packets in as they come, frames of 20 ms out in order.
//!
//! It is a ring of payload octets addressed by RTP timestamp, so that packets of any length make frames of 20 ms, and its memory never grows.
//! It serves codecs with one octet per tick of the RTP clock, which are G.711 and G.722.

use crate::FRAME_MS;

/// An octet is there.
const PRESENT: u16 = 0x100;
/// No octet is there, and none will come: the peer was silent on purpose.
const QUIET: u16 = 0x200;

/// Frames missing in a row after which the stream is taken to have stopped.
const MISSING_IN_A_ROW: u32 = 3;

/// Late packets in a row, and frames while they came, after which the peer's clock is taken to have been set back.
const LATE_IN_A_ROW: u32 = 10;

/// Frames between two looks at whether the buffer is deeper than it need be: 5 s.
const CALM_FRAMES: u32 = 250;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// It waits to be played.
    Queued,
    /// It began a stream, or one anew after a change of source or a jump of the timestamp; whatever waited is gone.
    Restarted,
    /// It had come before.
    Duplicate,
    /// Its time was over.
    Late,
    /// It is empty or longer than 60 ms, and was dropped.
    BadLength,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// Audio, or mostly so: octets that are missing were filled with silence.
    Frame,
    /// Audio in the second half; something should be made up for the first.
    FirstHalfLost,
    /// Audio in the first half; something should be made up for the second.
    SecondHalfLost,
    /// Nothing, though the stream goes on: something should be made up.
    Lost,
    /// Nothing, and nothing should have come.
    Empty,
}

/// What was counted since the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JitterCounts {
    /// Packets that came too late.
    pub late: u64,
    /// Packets that came again.
    pub duplicates: u64,
    /// Frames that were lost.
    pub lost_frames: u64,
    /// Times that the buffer began anew after its first beginning.
    pub restarts: u64,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    highest_sequence: u16,
    /// Which of the 64 numbers up to the highest have come; the highest is the lowest bit.
    seen: u64,
    /// Where the audio known so far ends.
    newest_end: u32,
    /// Where the next frame begins.
    playout: u32,
    /// Where the last frame that was heard ended.
    heard_end: u32,
}

/// The jitter buffer of one stream.
#[derive(Debug)]
pub struct JitterBuffer {
    ring: Box<[u16]>,
    silence: u8,
    frame: u32,
    source: Option<Source>,
    missing: u32,
    late_in_a_row: u32,
    frames_since_on_time: u32,
    least_slack: Option<i32>,
    most_slack: i32,
    mean_slack: i32,
    calm: u32,
    too_deep: bool,
    counts: JitterCounts,
}

impl JitterBuffer {
    /// How long the first packet waits, in milliseconds.
    pub const INITIAL_MS: u32 = 40;
    /// The buffer is not made shallower than this again, in milliseconds. A packet then waits this long or up to one frame less.
    pub const SHALLOWEST_MS: u32 = 40;
    /// The buffer is not made deeper than this, in milliseconds.
    pub const DEEPEST_MS: u32 = 200;
    /// The longest packet taken, in milliseconds.
    pub const LONGEST_PACKET_MS: u32 = 60;

    /// A buffer for an RTP clock of `clock_rate` ticks a second, where the octet `silence` is heard as nothing.
    pub fn new(clock_rate: u32, silence: u8) -> Self {
        let frame = clock_rate * FRAME_MS / 1000;
        // Room for the deepest setting, and as much again for bursts.
        let capacity = (frame * 25).next_power_of_two() as usize;
        Self {
            ring: vec![0; capacity].into_boxed_slice(),
            silence,
            frame,
            source: None,
            missing: 0,
            late_in_a_row: 0,
            frames_since_on_time: 0,
            least_slack: None,
            most_slack: 0,
            mean_slack: 0,
            calm: 0,
            too_deep: false,
            counts: JitterCounts::default(),
        }
    }

    /// Octets in one frame.
    pub const fn frame_octets(&self) -> usize {
        self.frame as usize
    }

    /// What was counted since the beginning.
    pub const fn counts(&self) -> JitterCounts {
        self.counts
    }

    /// How long packets have waited lately, in milliseconds.
    pub fn depth_ms(&self) -> f32 {
        self.mean_slack as f32 / 16.0 * FRAME_MS as f32 / self.frame as f32
    }

    /// Whether everything comes so early that a frame could be left out; see [`skip_frame`](Self::skip_frame).
    pub const fn is_too_deep(&self) -> bool {
        self.too_deep
    }

    /// Takes the payload of one audio packet.
    pub fn push(&mut self, ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Push {
        let length = payload.len() as u32;
        if length == 0 || length > self.ticks(Self::LONGEST_PACKET_MS) {
            return Push::BadLength;
        }
        let Some(mut source) = self.source.filter(|source| source.ssrc == ssrc) else {
            return self.restart(ssrc, sequence, timestamp, payload);
        };
        let follows = match source.take_sequence(sequence) {
            Sequence::Seen => {
                self.counts.duplicates += 1;
                return Push::Duplicate;
            }
            Sequence::Next => true,
            Sequence::Other => false,
        };
        let slack = timestamp.wrapping_sub(source.playout).cast_signed();
        let farthest = self.ring.len() as i64 - i64::from(length);
        let second = -i64::from(self.frame) * i64::from(1000 / FRAME_MS);
        if !(second..=farthest).contains(&i64::from(slack)) {
            return self.restart(ssrc, sequence, timestamp, payload);
        }
        if slack < 0 {
            self.late_in_a_row += 1;
            if self.late_in_a_row >= LATE_IN_A_ROW && self.frames_since_on_time >= LATE_IN_A_ROW {
                return self.restart(ssrc, sequence, timestamp, payload);
            }
            source.playout = source.playout.wrapping_sub(self.deepen(slack));
        } else {
            self.late_in_a_row = 0;
            self.frames_since_on_time = 0;
            self.least_slack = Some(self.least_slack.map_or(slack, |least| least.min(slack)));
            self.most_slack = self.most_slack.max(slack);
        }
        self.mean_slack += slack.max(0) - self.mean_slack / 16;
        let end = timestamp.wrapping_add(length);
        // Once something newer was heard, older audio cannot be, even if the buffer has become deeper since.
        let earliest = later(source.playout, source.heard_end);
        if !is_before(earliest, end) {
            self.counts.late += 1;
            self.source = Some(source);
            return Push::Late;
        }
        if follows && is_before(source.newest_end, timestamp) {
            self.mark_quiet(later(source.newest_end, earliest), timestamp);
        }
        self.store(earliest, timestamp, payload);
        source.newest_end = later(source.newest_end, end);
        self.source = Some(source);
        Push::Queued
    }

    /// Notes a packet of the same source that carries no audio, so that the hole it leaves is not taken for a loss.
    pub fn note_other(&mut self, ssrc: u32, sequence: u16) {
        if let Some(source) = self.source.as_mut().filter(|source| source.ssrc == ssrc) {
            source.take_sequence(sequence);
        }
    }

    /// Writes the octets of the next frame into `out`, which should hold [`frame_octets`](Self::frame_octets), and moves on by 20 ms.
    pub fn pull(&mut self, out: &mut [u8]) -> Pull {
        let Some(source) = &mut self.source else {
            out.fill(self.silence);
            return Pull::Empty;
        };
        let start = source.playout;
        source.playout = start.wrapping_add(self.frame);
        let end = source.playout;
        let newer = is_before(end, source.newest_end);
        let half = self.frame as usize / 2;
        let length = out.len().min(self.frame_octets());
        let (first, second) = out[..length].split_at_mut(half.min(length));
        let first = self.take(start, first);
        let second = self.take(start.wrapping_add(half as u32), second);
        let (any, all) = (first.any | second.any, first.all & second.all);
        self.frames_since_on_time = self.frames_since_on_time.saturating_add(1);
        self.look_at_depth();
        if any & PRESENT != 0 {
            self.missing = 0;
            if let Some(source) = &mut self.source {
                source.heard_end = later(source.heard_end, end);
            }
            return match (first.is_missing(), second.is_missing()) {
                (true, false) => Pull::FirstHalfLost,
                (false, true) => Pull::SecondHalfLost,
                (true, true) | (false, false) => Pull::Frame,
            };
        }
        if all & QUIET != 0 {
            self.missing = MISSING_IN_A_ROW;
            return Pull::Empty;
        }
        self.missing = self.missing.saturating_add(1);
        if newer || self.missing <= MISSING_IN_A_ROW {
            self.counts.lost_frames += 1;
            Pull::Lost
        } else {
            Pull::Empty
        }
    }

    /// Moves octets out of the ring, with silence in their place where there are none.
    fn take(&mut self, from: u32, out: &mut [u8]) -> Taken {
        let mut taken = Taken {
            any: 0,
            all: PRESENT | QUIET,
        };
        let first = from as usize & (self.ring.len() - 1);
        let (head, tail) = out.split_at_mut(out.len().min(self.ring.len() - first));
        for (slots, octets) in [(first..first + head.len(), head), (0..tail.len(), tail)] {
            for (slot, octet) in self.ring[slots].iter_mut().zip(octets) {
                taken.any |= *slot;
                taken.all &= *slot;
                *octet = if *slot & PRESENT != 0 {
                    *slot as u8
                } else {
                    self.silence
                };
                *slot = 0;
            }
        }
        taken
    }

    /// Leaves out the next frame, which makes the buffer 20 ms shallower. Best done where the audio is quiet.
    pub fn skip_frame(&mut self) {
        self.too_deep = false;
        if let Some(source) = &mut self.source {
            let start = source.playout;
            source.playout = start.wrapping_add(self.frame);
            self.clear(start, self.frame);
        }
    }

    /// Forgets everything but the counts.
    pub fn reset(&mut self) {
        self.source = None;
        self.ring.fill(0);
    }

    fn ticks(&self, milliseconds: u32) -> u32 {
        self.frame * milliseconds / FRAME_MS
    }

    fn restart(&mut self, ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Push {
        if self.source.is_some() {
            self.counts.restarts += 1;
        }
        self.reset();
        let wait = self.ticks(Self::INITIAL_MS);
        let playout = timestamp.wrapping_sub(wait);
        self.mark_quiet(playout, timestamp);
        self.store(playout, timestamp, payload);
        self.source = Some(Source {
            ssrc,
            highest_sequence: sequence,
            seen: 1,
            newest_end: timestamp.wrapping_add(payload.len() as u32),
            playout,
            heard_end: playout,
        });
        self.missing = MISSING_IN_A_ROW;
        self.late_in_a_row = 0;
        self.frames_since_on_time = 0;
        self.least_slack = None;
        self.most_slack = wait.cast_signed();
        self.mean_slack = wait.cast_signed() * 16;
        self.calm = 0;
        self.too_deep = false;
        Push::Restarted
    }

    /// By how much the buffer is to be deepened for a packet with this (negative) slack: whole frames, and nothing if it would be too deep.
    fn deepen(&mut self, slack: i32) -> u32 {
        let wanted = slack.unsigned_abs().next_multiple_of(self.frame);
        let depth = self.most_slack.unsigned_abs() + wanted;
        if depth > self.ticks(Self::DEEPEST_MS) {
            return 0;
        }
        self.most_slack += wanted.cast_signed();
        self.mean_slack += wanted.cast_signed() * 16;
        self.least_slack = None;
        self.calm = 0;
        self.too_deep = false;
        wanted
    }

    /// Every few seconds, finds out whether even the latest packet came early.
    fn look_at_depth(&mut self) {
        self.calm += 1;
        if self.calm < CALM_FRAMES {
            return;
        }
        let spare = self.least_slack.take().unwrap_or(0);
        let least = self.ticks(Self::SHALLOWEST_MS) + self.frame;
        self.too_deep = spare >= least.cast_signed();
        self.calm = 0;
        self.most_slack = self.mean_slack / 16;
        while spare > self.ticks(Self::DEEPEST_MS).cast_signed() && self.too_deep {
            // Too much delay to wait for a quiet moment.
            self.skip_frame();
        }
    }

    fn store(&mut self, earliest: u32, timestamp: u32, payload: &[u8]) {
        let too_late = earliest.wrapping_sub(timestamp).cast_signed().max(0) as usize;
        let mask = self.ring.len() - 1;
        let first = timestamp as usize;
        for (index, octet) in payload.iter().enumerate().skip(too_late) {
            self.ring[first.wrapping_add(index) & mask] = PRESENT | u16::from(*octet);
        }
    }

    fn mark_quiet(&mut self, from: u32, to: u32) {
        let mask = self.ring.len() - 1;
        let length = (to.wrapping_sub(from) as usize).min(self.ring.len());
        for index in 0..length {
            let slot = &mut self.ring[(from as usize).wrapping_add(index) & mask];
            if *slot & PRESENT == 0 {
                *slot = QUIET;
            }
        }
    }

    fn clear(&mut self, from: u32, length: u32) {
        let mask = self.ring.len() - 1;
        for index in 0..length as usize {
            self.ring[(from as usize).wrapping_add(index) & mask] = 0;
        }
    }
}

/// The marks of some octets that were taken: of any of them, and of all.
#[derive(Clone, Copy)]
struct Taken {
    any: u16,
    all: u16,
}

impl Taken {
    const fn is_missing(self) -> bool {
        self.any & PRESENT == 0 && self.all & QUIET == 0
    }
}

enum Sequence {
    Next,
    Seen,
    Other,
}

impl Source {
    fn take_sequence(&mut self, sequence: u16) -> Sequence {
        let ahead = sequence.wrapping_sub(self.highest_sequence);
        if ahead == 0 {
            return Sequence::Seen;
        }
        if ahead < 1 << 15 {
            self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.highest_sequence = sequence;
            return if ahead == 1 { Sequence::Next } else { Sequence::Other };
        }
        let bit = 1_u64.checked_shl(u32::from(ahead.wrapping_neg())).unwrap_or(0);
        if self.seen & bit != 0 {
            return Sequence::Seen;
        }
        self.seen |= bit;
        Sequence::Other
    }
}

/// Whether one RTP timestamp is before another, over the wrap.
fn is_before(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() < 0
}

fn later(one: u32, other: u32) -> u32 {
    if is_before(one, other) { other } else { one }
}

#[cfg(test)]
mod tests;
