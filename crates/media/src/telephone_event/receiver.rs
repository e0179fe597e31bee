//! The receiving half (RFC 4733, section 2.5.2).

use std::time::{Duration, Instant};

use super::TelephoneEvent;
use crate::digit::Digit;

/// How many past events are remembered, so that a packet of theirs arriving late is not taken for a new key.
const REMEMBERED: usize = 16;

/// What one packet meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reception {
    /// A key went down: this is the one time it is told.
    pub pressed: Option<Digit>,
    /// A key came up: the one in this packet, or the one before it whose end was lost.
    pub released: Option<Released>,
}

/// A key came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// The key.
    pub digit: Digit,
    /// How long it was held, in ticks of the RTP clock, as far as its packets told.
    pub ticks: u32,
}

/// Which event a packet belongs to: the source and the moment it began, and its code.
type Key = (u32, u32, u8);

#[derive(Debug, Clone, Copy)]
struct Held {
    key: Key,
    digit: Digit,
    earlier_segments: u32,
    duration: u16,
    heard: Instant,
}

impl Held {
    fn released(self) -> Released {
        Released {
            digit: self.digit,
            ticks: self.earlier_segments + u32::from(self.duration),
        }
    }
}

/// Turns the packets of telephone events into keys, each told exactly once.
///
/// Any packet of an event tells it, so that a lost first or last one does no harm; all others of the same source, timestamp and code are its repetitions.
#[derive(Debug, Default)]
pub struct EventReceiver {
    held: Option<Held>,
    recent: [Option<Key>; REMEMBERED],
    next: usize,
}

impl EventReceiver {
    /// A key whose packets stop coming is taken to have been released after this time.
    pub const END_LOST: Duration = Duration::from_millis(200);

    /// A receiver that has heard nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the event of one packet. Codes that are no key are ignored.
    pub fn handle(&mut self, ssrc: u32, timestamp: u32, event: TelephoneEvent, now: Instant) -> Reception {
        let Some(digit) = Digit::from_event(event.event) else {
            return Reception::default();
        };
        let key = (ssrc, timestamp, event.event);
        let mut reception = Reception::default();
        if !self.recent.contains(&Some(key)) {
            self.remember(key);
            match &mut self.held {
                Some(held) if continues(held.key, key) => {
                    held.earlier_segments += u32::from(u16::MAX);
                    held.key = key;
                    held.duration = 0;
                }
                held => {
                    reception.pressed = Some(digit);
                    reception.released = held.take().map(Held::released);
                    *held = Some(Held {
                        key,
                        digit,
                        earlier_segments: 0,
                        duration: 0,
                        heard: now,
                    });
                }
            }
        }
        if let Some(held) = self.held.as_mut().filter(|held| held.key == key) {
            held.duration = held.duration.max(event.duration);
            held.heard = now;
            if event.end {
                reception.released = self.held.take().map(Held::released);
            }
        }
        reception
    }

    /// Releases a key whose end was lost. Ask once per frame.
    pub fn expire(&mut self, now: Instant) -> Option<Released> {
        self.held
            .take_if(|held| now.saturating_duration_since(held.heard) > Self::END_LOST)
            .map(Held::released)
    }

    fn remember(&mut self, key: Key) {
        self.recent[self.next] = Some(key);
        self.next = (self.next + 1) % REMEMBERED;
    }
}

/// Whether `next` is the segment after `key` of one long press: it begins where a full one ends.
fn continues(key: Key, next: Key) -> bool {
    let begins = key.1.wrapping_add(u32::from(u16::MAX));
    (next.0, next.1, next.2) == (key.0, begins, key.2)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::{EventSender, EventStep, EventTiming};
    use super::*;

    /// What a sender puts on the wire for these keys: when, at which timestamp, and what.
    fn wire(keys: &str, tone: Duration) -> Vec<(u32, u32, TelephoneEvent)> {
        let timing = EventTiming {
            tone,
            ..EventTiming::default()
        };
        let mut sender = EventSender::new(8000, timing);
        sender.push(1, &Digit::parse_all(keys).unwrap()).unwrap();
        let mut packets = Vec::new();
        for frame in 0.. {
            match sender.step(frame * 160) {
                EventStep::Tone(packet) | EventStep::EndAgain(packet) => {
                    packets.push((frame, packet.timestamp, packet.event));
                }
                EventStep::Pause => {}
                EventStep::Idle => break,
            }
        }
        packets
    }

    fn hear(packets: &[(u32, u32, TelephoneEvent)]) -> (String, Vec<u32>) {
        let start = Instant::now();
        let mut receiver = EventReceiver::new();
        let (mut keys, mut lengths) = (String::new(), Vec::new());
        let mut clock = start;
        for &(frame, timestamp, event) in packets {
            clock = start + Duration::from_millis(20) * frame;
            lengths.extend(receiver.expire(clock).map(|released| released.ticks));
            let reception = receiver.handle(7, timestamp, event, clock);
            keys.extend(reception.pressed.map(Digit::as_char));
            lengths.extend(reception.released.map(|released| released.ticks));
        }
        clock += EventReceiver::END_LOST + Duration::from_millis(1);
        lengths.extend(receiver.expire(clock).map(|released| released.ticks));
        (keys, lengths)
    }

    const TONE: Duration = Duration::from_millis(100);

    #[test]
    fn each_key_is_told_once() {
        let (keys, lengths) = hear(&wire("1159#", TONE));
        assert_eq!(keys, "1159#");
        assert_eq!(lengths, [800; 5]);
    }

    #[test]
    fn any_one_packet_is_enough() {
        let packets = wire("5", TONE);
        for packet in &packets {
            let (keys, lengths) = hear(&[*packet]);
            assert_eq!(keys, "5");
            assert_eq!(lengths, [u32::from(packet.2.duration)]);
        }
    }

    #[test]
    fn a_lost_end_is_released_by_the_next_key_or_by_time() {
        let packets: Vec<_> = wire("55", TONE)
            .into_iter()
            .filter(|(_, _, event)| !event.end)
            .collect();
        assert_eq!(hear(&packets), ("55".into(), vec![640, 640]));
    }

    #[test]
    fn a_late_repetition_is_not_a_new_key() {
        let mut packets = wire("12", TONE);
        let late = packets[6];
        packets.insert(9, late);
        packets.push(late);
        assert_eq!(hear(&packets).0, "12");
    }

    #[test]
    fn a_long_key_in_segments_is_one_key() {
        let (keys, lengths) = hear(&wire("8", Duration::from_secs(20)));
        assert_eq!((keys.as_str(), lengths), ("8", vec![160_000]));
    }

    #[test]
    fn the_same_timestamp_from_another_source_is_another_key() {
        let mut receiver = EventReceiver::new();
        let (_, timestamp, event) = wire("5", TONE)[0];
        let now = Instant::now();
        assert!(receiver.handle(1, timestamp, event, now).pressed.is_some());
        assert!(receiver.handle(2, timestamp, event, now).pressed.is_some());
    }

    #[test]
    fn a_hook_flash_is_no_key() {
        let mut receiver = EventReceiver::new();
        let flash = TelephoneEvent {
            event: 16,
            end: true,
            volume: 0,
            duration: 800,
        };
        let reception = receiver.handle(1, 0, flash, Instant::now());
        assert_eq!(reception, Reception::default());
    }

    proptest! {
        /// Whatever is lost, doubled or swapped with its neighbour, as long as one packet of each key comes, each key is told once.
        #[test]
        fn loss_and_disorder_do_no_harm(
            keys in "[0-9*#A-D]{1,8}",
            fates in prop::collection::vec(0_u8..4, 7 * 8),
            swaps in prop::collection::vec(any::<bool>(), 7 * 8),
        ) {
            let sent = wire(&keys, TONE);
            let mut packets = Vec::new();
            for (index, packet) in sent.iter().enumerate() {
                let survivor = index % 7 == 3;
                match fates[index % fates.len()] {
                    0 if !survivor => {}
                    1 => packets.extend([*packet, *packet]),
                    _ => packets.push(*packet),
                }
            }
            for index in 1..packets.len() {
                // Swapping within a key only, for the order of keys is told by arrival.
                if swaps[index % swaps.len()] && packets[index].1 == packets[index - 1].1 {
                    packets.swap(index, index - 1);
                }
            }
            prop_assert_eq!(hear(&packets).0, keys);
        }
    }
}
