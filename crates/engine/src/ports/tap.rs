//! A tap on a leg: the sound of both sides, frame by frame, for whoever measures or keeps it.
//!
//! The two ends share a ring of fixed size. Whoever runs the sound puts frames in and is never held up
//! by it; whoever listens takes them out when it likes, and learns how many found no room.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Samples of the longest frame: 20 ms at 16 kHz.
const MOST: usize = 320;

/// Makes a tap whose ring holds so many frames of 20 ms, each of some 1.3 kB.
///
/// ```
/// let (mut sink, mut tap) = outdial_engine::ports::tap(1);
/// sink.put(Some(&[7; 160]), None);
/// sink.put(Some(&[8; 160]), None);
/// let frame = tap.next().expect("the first one found room");
/// assert_eq!((frame.number, frame.sent(), frame.received()), (0, Some(&[7; 160][..]), None));
/// assert_eq!((tap.next().is_none(), tap.missed()), (true, 1));
/// ```
#[must_use]
pub fn tap(frames: usize) -> (TapSink, Tap) {
    let (producer, consumer) = rtrb::RingBuffer::new(frames);
    let missed = Arc::new(AtomicU64::new(0));
    let sink = TapSink {
        frames: producer,
        missed: Arc::clone(&missed),
        number: 0,
    };
    let frames = consumer;
    (sink, Tap { frames, missed })
}

/// The end that frames are put into.
pub struct TapSink {
    frames: rtrb::Producer<TapFrame>,
    missed: Arc<AtomicU64>,
    number: u64,
}

/// The end that frames are taken out of.
pub struct Tap {
    frames: rtrb::Consumer<TapFrame>,
    missed: Arc<AtomicU64>,
}

/// 20 ms of both sides, as they were at one moment of our clock.
#[derive(Clone)]
pub struct TapFrame {
    /// Counted from 0, those that found no room too: a gap is so many frames of 20 ms.
    pub number: u64,
    sent: Side,
    received: Side,
}

#[derive(Clone)]
struct Side {
    samples: [i16; MOST],
    /// 0 where there was nothing.
    count: usize,
}

impl TapSink {
    /// Puts in the next frame: what was sent and what was received in it. Neither allocates, waits nor
    /// locks; a frame without room is counted and gone. Samples beyond 20 ms at 16 kHz are left out.
    pub fn put(&mut self, sent: Option<&[i16]>, received: Option<&[i16]>) {
        let frame = TapFrame {
            number: self.number,
            sent: Side::of(sent),
            received: Side::of(received),
        };
        self.number += 1;
        if self.frames.push(frame).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl TapSink {
    /// Whether anybody listens still. One that nobody wants may be dropped.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        !self.frames.is_abandoned()
    }
}

impl Tap {
    /// Whether nothing comes any more: the other end is gone, and all was taken.
    #[must_use]
    pub fn is_over(&self) -> bool {
        // In this order: what is put in before the other end goes is still seen.
        self.frames.is_abandoned() && self.frames.is_empty()
    }

    /// The next frame, if there is one by now.
    #[expect(
        clippy::should_implement_trait,
        reason = "that there is none now does not mean the end"
    )]
    pub fn next(&mut self) -> Option<TapFrame> {
        self.frames.pop().ok()
    }

    /// How many frames found no room so far.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl TapFrame {
    /// What was sent, before coding; `None` where it was no sound (a key, or nothing at all).
    #[must_use]
    pub fn sent(&self) -> Option<&[i16]> {
        self.sent.samples()
    }

    /// What was received, after decoding, with losses covered; `None` before the first packet.
    #[must_use]
    pub fn received(&self) -> Option<&[i16]> {
        self.received.samples()
    }
}

impl Side {
    fn of(samples: Option<&[i16]>) -> Self {
        let mut side = Self {
            samples: [0; MOST],
            count: 0,
        };
        if let Some(samples) = samples {
            side.count = samples.len().min(MOST);
            side.samples[..side.count].copy_from_slice(&samples[..side.count]);
        }
        side
    }

    fn samples(&self) -> Option<&[i16]> {
        self.samples.get(..self.count).filter(|samples| !samples.is_empty())
    }
}

impl fmt::Debug for TapSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TapSink(at frame {})", self.number)
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tap({} waiting, {} missed)", self.frames.slots(), self.missed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_keep_their_place_and_are_counted() {
        let (mut sink, mut tap) = tap(2);
        for value in 0..4 {
            sink.put(Some(&[value; 160]), Some(&[-value; 320]));
        }
        assert_eq!(tap.next().map(|frame| frame.number), Some(0));
        sink.put(None, Some(&[9; 400]));
        let numbers: Vec<u64> = std::iter::from_fn(|| tap.next()).map(|frame| frame.number).collect();
        assert_eq!((numbers, tap.missed()), (vec![1, 4], 2));
        sink.put(None, Some(&[9; 400]));
        let last = tap.next().expect("there is room again");
        assert_eq!((last.sent(), last.received()), (None, Some(&[9; 320][..])));
    }

    #[test]
    fn a_listener_who_is_gone_stops_nothing() {
        let (mut sink, tap) = tap(1);
        drop(tap);
        for _ in 0..3 {
            sink.put(None, None);
        }
        assert!(format!("{sink:?}").contains('3'));
        assert!(!sink.is_wanted());
    }

    #[test]
    fn the_end_is_known_when_all_was_taken() {
        let (mut sink, mut tap) = tap(2);
        sink.put(None, None);
        assert!(sink.is_wanted() && !tap.is_over());
        drop(sink);
        assert!(!tap.is_over(), "a frame waits");
        assert!(tap.next().is_some() && tap.is_over());
    }
}
