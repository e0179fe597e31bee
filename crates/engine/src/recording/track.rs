//! Frames of a tap, as the bytes that go into the file.

use std::time::Duration;

use outdial_domain::Channels;

use super::{voice::Voice, wav::Format};
use crate::ports::TapFrame;

/// Frames a second.
const FRAMES: u32 = 50;

/// The rate of a recording in which nothing was ever heard.
const USUAL_RATE: u32 = 8_000;

/// How long one frame is.
pub(super) const FRAME: Duration = Duration::from_millis(20);

/// Puts frames together.
#[derive(Debug)]
pub(super) struct Track {
    channels: Channels,
    /// That of the first frame with sound. A leg that changes its codec is brought to it.
    rate: Option<u32>,
    /// The number of the next frame.
    next: u64,
    /// Frames without sound before the first with some.
    leading: u32,
    /// Frames that found no room, whether they were wanted or not.
    gaps: u64,
    /// Those of them that became silence.
    missed: u64,
    /// Frames so far.
    frames: u64,
    /// Frames since somebody spoke.
    quiet: u64,
    voice: Voice,
    bytes: Vec<u8>,
}

impl Track {
    pub(super) fn new(channels: Channels) -> Self {
        Self {
            channels,
            rate: None,
            next: 0,
            leading: 0,
            gaps: 0,
            missed: 0,
            frames: 0,
            quiet: 0,
            voice: Voice::default(),
            bytes: Vec::new(),
        }
    }

    /// What the header says. It may change until there is sound.
    pub(super) fn format(&self) -> Format {
        Format {
            rate: self.rate.unwrap_or(USUAL_RATE),
            channels: match self.channels {
                Channels::Separate => 2,
                Channels::Mono | Channels::Party | Channels::Other | Channels::Room => 1,
            },
        }
    }

    /// Adds a frame, and silence for those before it that found no room.
    pub(super) fn add(&mut self, frame: &TapFrame) {
        let missed = self.gap_before(frame);
        self.add_missed(missed);
        let speaks = frame.received().is_some_and(|samples| self.voice.is_in(samples));
        self.quiet = if speaks { 0 } else { self.quiet + 1 };
        self.frames += 1;
        self.put(frame.sent(), frame.received());
    }

    /// Leaves a frame out, as while it is paused.
    pub(super) fn skip(&mut self, frame: &TapFrame) {
        self.gap_before(frame);
        self.quiet = 0;
    }

    /// Adds silence for the frames that found no room after the last one, where so many did in all.
    pub(super) fn add_missed_at_end(&mut self, in_all: u64) {
        self.add_missed(in_all.saturating_sub(self.gaps));
    }

    fn gap_before(&mut self, frame: &TapFrame) -> u64 {
        let gap = frame.number.saturating_sub(self.next);
        self.next = frame.number + 1;
        self.gaps += gap;
        gap
    }

    fn add_missed(&mut self, missed: u64) {
        self.missed += missed;
        self.frames += missed;
        for _ in 0..missed {
            self.put(None, None);
        }
    }

    /// Frames that found no room and became silence.
    pub(super) fn missed(&self) -> u64 {
        self.missed
    }

    /// How long it is, with what is not yet taken.
    pub(super) fn length(&self) -> Duration {
        FRAME.saturating_mul(u32::try_from(self.frames).unwrap_or(u32::MAX))
    }

    /// How long nobody has spoken.
    pub(super) fn quiet(&self) -> Duration {
        FRAME.saturating_mul(u32::try_from(self.quiet).unwrap_or(u32::MAX))
    }

    /// Takes the bytes that are to be written.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Settles on the usual rate where nothing was ever heard.
    pub(super) fn close(&mut self) {
        if self.rate.is_none() {
            self.settle(USUAL_RATE);
        }
    }

    fn put(&mut self, sent: Option<&[i16]>, received: Option<&[i16]>) {
        if self.rate.is_none() {
            let Some(samples) = received.or(sent) else {
                self.leading += 1;
                return;
            };
            // A frame is a fiftieth of a second, whatever its rate.
            self.settle(u32::try_from(samples.len()).unwrap_or(0) * FRAMES);
        }
        let count = self.count();
        let (sent, received) = (fitted(sent, count), fitted(received, count));
        for (sent, received) in sent.zip(received) {
            match self.channels {
                Channels::Mono => self.sample(sent.saturating_add(received)),
                Channels::Party | Channels::Other | Channels::Room => self.sample(received),
                Channels::Separate => {
                    self.sample(received);
                    self.sample(sent);
                }
            }
        }
    }

    fn sample(&mut self, sample: i16) {
        self.bytes.extend(sample.to_le_bytes());
    }

    fn settle(&mut self, rate: u32) {
        self.rate = Some(rate);
        for _ in 0..std::mem::take(&mut self.leading) {
            self.put(None, None);
        }
    }

    /// Samples of a frame in the file.
    fn count(&self) -> usize {
        (self.rate.unwrap_or(USUAL_RATE) / FRAMES) as usize
    }
}

/// The samples of a frame, as so many: silence for none, others between two neighbours where the rate is
/// another. A codec hardly ever changes within a call, and then between rates of which one is twice the other.
fn fitted(samples: Option<&[i16]>, count: usize) -> impl Iterator<Item = i16> {
    let samples = samples.unwrap_or_default();
    (0..count).map(move |index| {
        let place = index * samples.len();
        let (left, part) = (place / count, place % count);
        let at = |index: usize| i64::from(samples.get(index).or(samples.last()).copied().unwrap_or(0));
        let (part, count) = (part as i64, count as i64);
        let between = (at(left) * (count - part) + at(left + 1) * part) / count;
        i16::try_from(between).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Tap, TapSink, tap};

    fn samples(track: &mut Track) -> Vec<i16> {
        let bytes = track.take();
        bytes
            .chunks(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    }

    fn recorded(track: &mut Track, tap: &mut Tap) {
        while let Some(frame) = tap.next() {
            track.add(&frame);
        }
    }

    fn put(sink: &mut TapSink, sent: i16, received: i16) {
        sink.put(Some(&[sent; 160]), Some(&[received; 160]));
    }

    #[test]
    fn voices_go_where_they_belong() {
        for (channels, expected) in [
            (Channels::Mono, vec![30_000; 160]),
            (Channels::Party, vec![10_000; 160]),
            (Channels::Separate, [10_000, 20_000].repeat(160)),
        ] {
            let (mut sink, mut tap) = tap(4);
            let mut track = Track::new(channels);
            put(&mut sink, 20_000, 10_000);
            recorded(&mut track, &mut tap);
            assert_eq!(samples(&mut track), expected, "{channels}");
        }
        let (mut sink, mut tap) = tap(4);
        put(&mut sink, 30_000, 30_000);
        let mut track = Track::new(Channels::Mono);
        recorded(&mut track, &mut tap);
        assert_eq!(samples(&mut track), [i16::MAX; 160], "loud voices do not turn over");
    }

    #[test]
    fn what_is_missing_is_silence_of_its_length() {
        let (mut sink, mut tap) = tap(2);
        let mut track = Track::new(Channels::Party);
        sink.put(None, None);
        put(&mut sink, 0, 1);
        put(&mut sink, 0, 2);
        put(&mut sink, 0, 3);
        recorded(&mut track, &mut tap);
        put(&mut sink, 0, 4);
        recorded(&mut track, &mut tap);
        let expected: Vec<i16> = [0, 1, 0, 0, 4].iter().flat_map(|value| [*value; 160]).collect();
        assert_eq!(samples(&mut track), expected);
        assert_eq!((track.missed(), track.length()), (2, FRAME * 5));

        put(&mut sink, 0, 5);
        put(&mut sink, 0, 6);
        put(&mut sink, 0, 7);
        track.skip(&tap.next().unwrap());
        recorded(&mut track, &mut tap);
        track.add_missed_at_end(tap.missed());
        let expected: Vec<i16> = [6, 0].iter().flat_map(|value| [*value; 160]).collect();
        assert_eq!(samples(&mut track), expected, "what was left out stays out");
    }

    #[test]
    fn another_rate_is_brought_to_the_first() {
        let ramp: Vec<i16> = (0..320).collect();
        let (mut sink, mut tap) = tap(4);
        let mut track = Track::new(Channels::Party);
        put(&mut sink, 0, 7);
        sink.put(None, Some(&ramp));
        recorded(&mut track, &mut tap);
        let heard = samples(&mut track);
        assert_eq!(heard.len(), 320);
        assert_eq!(heard[160..], (0..160).map(|value| value * 2).collect::<Vec<i16>>());
        assert_eq!(track.format().rate, 8_000);

        let (mut sink, mut tap) = crate::ports::tap(4);
        let mut wide = Track::new(Channels::Party);
        sink.put(None, Some(&ramp));
        sink.put(None, Some(&[5; 160]));
        recorded(&mut wide, &mut tap);
        assert_eq!(wide.format().rate, 16_000);
        let heard = samples(&mut wide);
        assert_eq!(
            (heard.len(), &heard[..320], &heard[320..]),
            (640, &ramp[..], &[5; 320][..])
        );
    }

    #[test]
    fn a_recording_of_nothing_is_silence() {
        let (mut sink, mut tap) = tap(4);
        let mut track = Track::new(Channels::Separate);
        sink.put(None, None);
        sink.put(None, None);
        recorded(&mut track, &mut tap);
        assert!(track.take().is_empty());
        track.close();
        assert_eq!(samples(&mut track), [0; 640]);
        assert_eq!(track.quiet(), FRAME * 2);
    }
}
