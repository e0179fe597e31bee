//! The sending half (RFC 4733, section 2.5.1).

use std::collections::VecDeque;
use std::time::Duration;

use super::TelephoneEvent;
use crate::FRAME_MS;
use crate::digit::Digit;
use crate::player::QueueFull;

/// How long a key is held and how long the pause after it is. Both are rounded up to whole frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTiming {
    /// How long each key is held; at least one frame.
    pub tone: Duration,
    /// How long the pause after each is; at least two frames, for the end to be said three times.
    pub pause: Duration,
}

impl Default for EventTiming {
    /// 100 ms held and 60 ms of pause, which every telephone exchange understands.
    fn default() -> Self {
        Self {
            tone: Duration::from_millis(100),
            pause: Duration::from_millis(60),
        }
    }
}

/// A packet to send in this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// Set on the first packet of a key, and on no other (section 2.5.1.2).
    pub marker: bool,
    /// When the event, or this segment of a long one, began.
    pub timestamp: u32,
    /// The payload.
    pub event: TelephoneEvent,
}

/// What [`EventSender::step`] wants of this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStep {
    /// Nothing is being sent: the frame belongs to the audio.
    Idle,
    /// A key is held: send this packet and no audio.
    Tone(EventPacket),
    /// The key was released: say its end once more, and send no audio.
    EndAgain(EventPacket),
    /// The pause between keys: nothing to say, and the line should be quiet.
    Pause,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Idle,
    Tone(Held),
    Pause { frame: u32, last: EventPacket },
}

#[derive(Debug, Clone, Copy)]
struct Held {
    frame: u32,
    segment_start: u32,
    /// Ticks told in segments before this one.
    told: u32,
}

/// The level we claim, −10 dBm0, is that of a common telephone.
const VOLUME: u8 = 10;

/// Sends queued keys, one packet a frame.
///
/// It is stepped once per frame of 20 ms with the RTP timestamp of that frame. A packet's duration counts the frame it is sent in, so that none says zero.
#[derive(Debug)]
pub struct EventSender {
    queue: VecDeque<(Digit, u64, bool)>,
    finished: VecDeque<u64>,
    state: State,
    frame_ticks: u32,
    tone_frames: u32,
    pause_frames: u32,
}

impl EventSender {
    /// The most keys that can wait.
    pub const CAPACITY: usize = 64;

    /// A sender for a clock of `clock_rate` ticks a second.
    pub fn new(clock_rate: u32, timing: EventTiming) -> Self {
        let frames = |length: Duration| {
            let milliseconds = u32::try_from(length.as_millis()).unwrap_or(u32::MAX);
            milliseconds.div_ceil(FRAME_MS)
        };
        Self {
            queue: VecDeque::new(),
            finished: VecDeque::new(),
            state: State::Idle,
            frame_ticks: clock_rate * FRAME_MS / 1000,
            tone_frames: frames(timing.tone).max(1),
            pause_frames: frames(timing.pause).max(2),
        }
    }

    /// Goes on with another clock. A key that is being held ends with the durations of the old one, so best between keys.
    pub const fn set_clock_rate(&mut self, clock_rate: u32) {
        self.frame_ticks = clock_rate * FRAME_MS / 1000;
    }

    /// Queues keys under one id, all of them or none. Without keys the id is finished at once.
    pub fn push(&mut self, id: u64, digits: &[Digit]) -> Result<(), QueueFull> {
        let waiting = self.queue.len() + self.finished.len();
        if waiting + digits.len().max(1) > Self::CAPACITY {
            return Err(QueueFull);
        }
        // Room for the end of all that is queued, so that none is needed while frames are made.
        self.finished.reserve(self.queue.len() + digits.len().max(1));
        if digits.is_empty() {
            self.finished.push_back(id);
        }
        for (index, digit) in digits.iter().enumerate() {
            self.queue.push_back((*digit, id, index + 1 == digits.len()));
        }
        Ok(())
    }

    /// Whether keys are being sent or wait to be.
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty() || !matches!(self.state, State::Idle)
    }

    /// The next id whose last key and its pause are over, oldest first.
    pub fn poll_finished(&mut self) -> Option<u64> {
        self.finished.pop_front()
    }

    /// What to do in the frame that begins at `timestamp`.
    pub fn step(&mut self, timestamp: u32) -> EventStep {
        let Some(&(digit, id, last_of_id)) = self.queue.front() else {
            return EventStep::Idle;
        };
        match self.state {
            State::Idle => self.tone(
                digit,
                Held {
                    frame: 0,
                    segment_start: timestamp,
                    told: 0,
                },
            ),
            State::Tone(held) => self.tone(digit, held),
            State::Pause { frame, last } => {
                if frame + 1 < self.pause_frames {
                    self.state = State::Pause { frame: frame + 1, last };
                } else {
                    self.state = State::Idle;
                    self.queue.pop_front();
                    if last_of_id {
                        self.finished.push_back(id);
                    }
                }
                // With the one that ended the tone this makes three (section 2.5.1.4).
                if frame < 2 {
                    EventStep::EndAgain(last)
                } else {
                    EventStep::Pause
                }
            }
        }
    }

    fn tone(&mut self, digit: Digit, held: Held) -> EventStep {
        const FULL: u32 = u16::MAX as u32;
        let in_segment = (held.frame + 1) * self.frame_ticks - held.told;
        let end = held.frame + 1 == self.tone_frames;
        let packet = EventPacket {
            marker: held.frame == 0,
            timestamp: held.segment_start,
            event: TelephoneEvent {
                event: digit.event(),
                end,
                volume: VOLUME,
                duration: in_segment.min(FULL) as u16,
            },
        };
        self.state = if end {
            let last = EventPacket {
                marker: false,
                ..packet
            };
            State::Pause { frame: 0, last }
        } else {
            // A segment whose duration is full ends there, and the next begins where it ended (section 2.5.1.3).
            let segment = if in_segment > FULL { FULL } else { 0 };
            State::Tone(Held {
                frame: held.frame + 1,
                segment_start: held.segment_start.wrapping_add(segment),
                told: held.told + segment,
            })
        };
        EventStep::Tone(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sender: &mut EventSender, start: u32, frames: u32) -> Vec<EventStep> {
        (0..frames)
            .map(|frame| sender.step(start.wrapping_add(frame * 160)))
            .collect()
    }

    fn packets(steps: &[EventStep]) -> Vec<EventPacket> {
        steps
            .iter()
            .filter_map(|step| match step {
                EventStep::Tone(packet) | EventStep::EndAgain(packet) => Some(*packet),
                EventStep::Idle | EventStep::Pause => None,
            })
            .collect()
    }

    #[test]
    fn a_key_is_held_and_its_end_said_three_times() {
        let mut sender = EventSender::new(8000, EventTiming::default());
        sender.push(9, &[Digit::try_from('5').unwrap()]).unwrap();
        let start = u32::MAX - 100;
        let steps = run(&mut sender, start, 8);
        let packets = packets(&steps);

        assert!(packets.iter().all(|packet| packet.timestamp == start));
        assert!(packets.iter().all(|packet| packet.event.event == 5));
        let durations: Vec<u16> = packets.iter().map(|packet| packet.event.duration).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        let ends: Vec<bool> = packets.iter().map(|packet| packet.event.end).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        let markers: Vec<bool> = packets.iter().map(|packet| packet.marker).collect();
        assert_eq!(markers, [true, false, false, false, false, false, false]);
        assert_eq!(steps[7], EventStep::Pause);
        assert_eq!(sender.poll_finished(), Some(9));
        assert_eq!(sender.poll_finished(), None);
        assert!(!sender.is_busy());
        assert_eq!(sender.step(0), EventStep::Idle);
    }

    #[test]
    fn keys_follow_each_other_with_a_pause() {
        let mut sender = EventSender::new(8000, EventTiming::default());
        sender.push(1, &Digit::parse_all("11#").unwrap()).unwrap();
        let packets = packets(&run(&mut sender, 0, 24));
        let starts: Vec<(u32, u8)> = packets
            .iter()
            .filter(|packet| packet.marker)
            .map(|packet| (packet.timestamp, packet.event.event))
            .collect();
        assert_eq!(starts, [(0, 1), (8 * 160, 1), (16 * 160, 11)]);
        assert_eq!(sender.poll_finished(), Some(1));
    }

    #[test]
    fn a_key_of_one_frame_still_has_marker_and_three_ends() {
        let timing = EventTiming {
            tone: Duration::ZERO,
            pause: Duration::ZERO,
        };
        let mut sender = EventSender::new(8000, timing);
        sender.push(1, &Digit::parse_all("0").unwrap()).unwrap();
        let packets = packets(&run(&mut sender, 0, 5));
        assert_eq!(packets.len(), 3);
        assert!(packets[0].marker && !packets[1].marker);
        assert!(packets.iter().all(|packet| packet.event.end));
    }

    #[test]
    fn a_long_key_is_split_where_its_duration_is_full() {
        let timing = EventTiming {
            tone: Duration::from_secs(20),
            ..EventTiming::default()
        };
        let mut sender = EventSender::new(8000, timing);
        sender.push(1, &Digit::parse_all("1").unwrap()).unwrap();
        let packets = packets(&run(&mut sender, 1000, 1010));

        assert_eq!(packets.iter().filter(|packet| packet.marker).count(), 1);
        let mut starts: Vec<u32> = packets.iter().map(|packet| packet.timestamp).collect();
        starts.dedup();
        assert_eq!(starts, [1000, 1000 + 0xFFFF, 1000 + 2 * 0xFFFF]);
        // Wherever it is split, the packets tell the same total as the time that passed.
        for (frame, packet) in packets.iter().take(1000).enumerate() {
            let told = packet.timestamp - 1000 + u32::from(packet.event.duration);
            let passed = (frame as u32 + 1) * 160;
            assert!(told == passed || (packet.event.duration == 0xFFFF && told < passed));
        }
        assert_eq!(packets.iter().filter(|packet| packet.event.end).count(), 3);
    }

    #[test]
    fn a_full_queue_takes_nothing() {
        let mut sender = EventSender::new(8000, EventTiming::default());
        let digit = Digit::try_from('1').unwrap();
        assert_eq!(sender.push(1, &[digit; 60]), Ok(()));
        assert_eq!(sender.push(2, &[digit; 5]), Err(QueueFull));
        assert_eq!(sender.push(2, &[digit; 4]), Ok(()));
    }
}
