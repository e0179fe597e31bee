//! What is played to a whole room.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::MAX_FRAME;
use crate::mixer::{Band, Mixer, Seat};
use crate::player::{Player, QueueFull};

/// Plays one after the other, each in its band, from a seat that it has while it plays.
#[derive(Debug, Default)]
pub(super) struct Announcer {
    sounding: Option<Sounding>,
    waiting: VecDeque<(Band, Vec<Arc<[i16]>>)>,
}

#[derive(Debug)]
struct Sounding {
    seat: Seat,
    band: Band,
    player: Player,
    /// It fades in this frame, and ends with it.
    stopping: bool,
}

impl Announcer {
    pub(super) fn play(&mut self, mixer: &mut Mixer, band: Band, clips: Vec<Arc<[i16]>>) -> Result<(), QueueFull> {
        if self.waiting.len() >= Player::CAPACITY {
            return Err(QueueFull);
        }
        self.waiting.push_back((band, clips));
        if self.sounding.is_none() {
            self.next(mixer);
        }
        Ok(())
    }

    pub(super) fn stop(&mut self, mixer: &mut Mixer) {
        self.waiting.clear();
        if let Some(sounding) = &mut self.sounding {
            sounding.stopping = true;
            mixer.set_muted(sounding.seat, true);
        }
    }

    pub(super) const fn is_playing(&self) -> bool {
        self.sounding.is_some()
    }

    /// Says what belongs into this frame.
    pub(super) fn say(&mut self, mixer: &mut Mixer) {
        let Some(sounding) = &mut self.sounding else { return };
        let mut frame = [0; MAX_FRAME];
        let frame = &mut frame[..sounding.band.frame_samples()];
        if sounding.player.fill(frame) > 0 {
            mixer.offer(sounding.seat, frame);
            if sounding.stopping {
                sounding.player.stop_all();
            }
            return;
        }
        mixer.leave(sounding.seat);
        self.sounding = None;
        self.next(mixer);
        if self.sounding.is_some() {
            self.say(mixer);
        }
    }

    fn next(&mut self, mixer: &mut Mixer) {
        let Some((band, clips)) = self.waiting.pop_front() else {
            return;
        };
        let mut player = Player::new();
        // An empty player has room for one.
        let _ = player.play(0, clips);
        self.sounding = Some(Sounding {
            seat: mixer.join_announcer(band),
            band,
            player,
            stopping: false,
        });
    }
}
