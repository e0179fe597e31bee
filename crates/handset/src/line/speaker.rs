//! The sending half of a line: one RTP packet every 20 ms.

use std::collections::VecDeque;

use outdial_media::MAX_PACKET;
use outdial_media::digit::Digit;
use outdial_media::rtp::RtpSender;
use outdial_media::telephone_event::{EventSender, EventStep, EventTiming};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::oneshot;

use super::terms::Terms;
use crate::sound::{Clip, RATE};

#[derive(Debug)]
struct Play {
    clip: Clip,
    done: oneshot::Sender<()>,
    at: usize,
}

#[derive(Debug)]
pub(super) struct Speaker {
    rtp: RtpSender,
    timestamp: u32,
    began: bool,
    plays: VecDeque<Play>,
    events: EventSender,
    pressing: VecDeque<(Vec<Digit>, oneshot::Sender<()>)>,
    pressed: Option<oneshot::Sender<()>>,
}

impl Speaker {
    pub(super) fn new() -> Self {
        let mut dice = StdRng::from_os_rng();
        Self {
            rtp: RtpSender::new(dice.random(), dice.random()),
            timestamp: dice.random(),
            began: false,
            plays: VecDeque::new(),
            events: EventSender::new(RATE, EventTiming::default()),
            pressing: VecDeque::new(),
            pressed: None,
        }
    }

    pub(super) fn play(&mut self, clip: Clip, done: oneshot::Sender<()>) {
        self.plays.push_back(Play { clip, done, at: 0 });
    }

    pub(super) fn press(&mut self, digits: Vec<Digit>, done: oneshot::Sender<()>) {
        self.pressing.push_back((digits, done));
    }

    pub(super) fn packets(&self) -> u64 {
        self.rtp.packets()
    }

    /// Moves on by one frame and writes its packet, if the line sends anything in it.
    pub(super) fn frame(&mut self, terms: &Terms, out: &mut [u8; MAX_PACKET]) -> Option<usize> {
        let timestamp = self.timestamp;
        let ticks = terms.codec.frame_ticks();
        self.timestamp = timestamp.wrapping_add(ticks);
        self.press_next();
        let step = match terms.events {
            Some(_) => self.events.step(timestamp),
            None => EventStep::Idle,
        };
        if self.events.poll_finished().is_some()
            && let Some(done) = self.pressed.take()
        {
            let _ = done.send(());
        }
        match (step, terms.events) {
            (EventStep::Tone(packet) | EventStep::EndAgain(packet), Some(payload_type)) => {
                let payload = packet.event.write();
                self.rtp
                    .write(out, payload_type, packet.marker, packet.timestamp, |room| {
                        room[..payload.len()].copy_from_slice(&payload);
                        payload.len()
                    })
            }
            (EventStep::Pause, _) => None,
            (EventStep::Idle | EventStep::Tone(_) | EventStep::EndAgain(_), _) => {
                let mut frame = [0; outdial_media::MAX_FRAME];
                let frame = &mut frame[..terms.codec.frame_samples()];
                self.fill(frame);
                let marker = !std::mem::replace(&mut self.began, true);
                self.rtp.write(out, terms.audio, marker, timestamp, |room| {
                    terms.codec.encode(frame, room)
                })
            }
        }
    }

    /// Hands the next keys over, as many at a time as the sender takes.
    fn press_next(&mut self) {
        if self.events.is_busy() || self.pressed.is_some() {
            return;
        }
        let Some((digits, _)) = self.pressing.front_mut() else {
            return;
        };
        let count = digits.len().min(EventSender::CAPACITY);
        let now: Vec<Digit> = digits.drain(..count).collect();
        let all = digits.is_empty();
        if self.events.push(0, &now).is_err() {
            return;
        }
        if all && let Some((_, done)) = self.pressing.pop_front() {
            self.pressed = Some(done);
        }
    }

    fn fill(&mut self, frame: &mut [i16]) {
        let mut filled = 0;
        while filled < frame.len() {
            let Some(play) = self.plays.front_mut() else {
                return;
            };
            let left = play.clip.length - play.at;
            if left == 0 || play.clip.samples.is_empty() {
                if let Some(play) = self.plays.pop_front() {
                    let _ = play.done.send(());
                }
                continue;
            }
            let begin = play.at % play.clip.samples.len();
            let count = left.min(frame.len() - filled).min(play.clip.samples.len() - begin);
            frame[filled..filled + count].copy_from_slice(&play.clip.samples[begin..begin + count]);
            play.at += count;
            filled += count;
        }
    }
}
