//! Plays clips one after the other, frame by frame.

use std::collections::VecDeque;
use std::sync::Arc;

/// There is no room for more; wait for something queued to finish, or stop it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue of this stream is full")]
pub struct QueueFull;

/// A play that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// The id it was queued with.
    pub id: u64,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

#[derive(Debug)]
struct Play {
    id: u64,
    clips: Vec<Arc<[i16]>>,
    forever: bool,
    clip: usize,
    sample: usize,
}

/// A queue of plays, each a row of clips at the leg's sample rate.
///
/// Nothing is allocated or freed while frames are filled: what has been played is kept until the next call of [`play`](Self::play).
#[derive(Debug)]
pub struct Player {
    queue: VecDeque<Play>,
    finished: VecDeque<Finished>,
    spent: Vec<Play>,
}

impl Default for Player {
    fn default() -> Self {
        Self::new()
    }
}

impl Player {
    /// The most plays that can be queued.
    pub const CAPACITY: usize = 32;

    /// A player with nothing to play.
    pub fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            finished: VecDeque::new(),
            spent: Vec::new(),
        }
    }

    /// Queues clips to be played without a gap between them, as one play, after those already queued.
    pub fn play(&mut self, id: u64, clips: impl IntoIterator<Item = Arc<[i16]>>) -> Result<(), QueueFull> {
        self.push(id, clips, false)
    }

    /// Queues clips to be repeated until [`stop`](Self::stop), such as music on hold.
    pub fn play_forever(&mut self, id: u64, clips: impl IntoIterator<Item = Arc<[i16]>>) -> Result<(), QueueFull> {
        self.push(id, clips, true)
    }

    fn push(&mut self, id: u64, clips: impl IntoIterator<Item = Arc<[i16]>>, forever: bool) -> Result<(), QueueFull> {
        self.spent.clear();
        if self.queue.len() + self.finished.len() >= Self::CAPACITY {
            return Err(QueueFull);
        }
        // A clip without samples would let an endless play turn without ever filling a frame.
        let clips: Vec<_> = clips.into_iter().filter(|clip| !clip.is_empty()).collect();
        let forever = forever && !clips.is_empty();
        self.queue.push_back(Play {
            id,
            clips,
            forever,
            clip: 0,
            sample: 0,
        });
        // Room for the end of all that is queued, so that none is needed while frames are filled.
        self.finished.reserve(self.queue.len());
        self.spent.reserve(self.queue.len());
        Ok(())
    }

    /// Whether anything is sounding or waiting.
    pub fn is_playing(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Ends a play at once, sounding or waiting. `false` if there is none with this id.
    pub fn stop(&mut self, id: u64) -> bool {
        let Some(index) = self.queue.iter().position(|play| play.id == id) else {
            return false;
        };
        self.finish(index, true);
        true
    }

    /// Ends everything at once.
    pub fn stop_all(&mut self) {
        while self.is_playing() {
            self.finish(0, true);
        }
    }

    /// Fills the beginning of `frame` with the next samples and returns how many there were; fewer than asked when the queue ran out.
    pub fn fill(&mut self, frame: &mut [i16]) -> usize {
        let mut filled = 0;
        while let Some(play) = self.queue.front_mut() {
            let Some(clip) = play.clips.get(play.clip) else {
                self.finish(0, false);
                continue;
            };
            if filled == frame.len() {
                break;
            }
            let rest = &clip[play.sample..];
            let length = rest.len().min(frame.len() - filled);
            frame[filled..filled + length].copy_from_slice(&rest[..length]);
            filled += length;
            play.sample += length;
            if play.sample == clip.len() {
                play.sample = 0;
                play.clip += 1;
                if play.forever && play.clip == play.clips.len() {
                    play.clip = 0;
                }
            }
        }
        filled
    }

    /// The next play that is over, oldest first.
    pub fn poll_finished(&mut self) -> Option<Finished> {
        self.finished.pop_front()
    }

    fn finish(&mut self, index: usize, stopped: bool) {
        if let Some(play) = self.queue.remove(index) {
            self.finished.push_back(Finished { id: play.id, stopped });
            if self.spent.len() < Self::CAPACITY {
                self.spent.push(play);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(samples: impl IntoIterator<Item = i16>) -> Arc<[i16]> {
        samples.into_iter().collect()
    }

    fn finished(player: &mut Player) -> Vec<(u64, bool)> {
        std::iter::from_fn(|| player.poll_finished())
            .map(|finished| (finished.id, finished.stopped))
            .collect()
    }

    #[test]
    fn clips_follow_each_other_without_a_gap() {
        let mut player = Player::new();
        player.play(1, [clip(0..3), clip(3..5)]).unwrap();
        player.play(2, [clip(5..9)]).unwrap();
        let mut frame = [-1; 6];
        assert_eq!(player.fill(&mut frame), 6);
        assert_eq!(frame, [0, 1, 2, 3, 4, 5]);
        assert_eq!(finished(&mut player), [(1, false)]);
        assert_eq!(player.fill(&mut frame), 3);
        assert_eq!(frame[..3], [6, 7, 8]);
        assert_eq!(finished(&mut player), [(2, false)]);
        assert_eq!(player.fill(&mut frame), 0);
    }

    #[test]
    fn the_end_is_told_with_the_last_frame_and_not_one_later() {
        let mut player = Player::new();
        player.play(1, [clip(0..4)]).unwrap();
        assert_eq!(player.fill(&mut [0; 4]), 4);
        assert_eq!(finished(&mut player), [(1, false)]);
        assert!(!player.is_playing());
    }

    #[test]
    fn stopping_takes_effect_at_once() {
        let mut player = Player::new();
        player.play(1, [clip(0..100)]).unwrap();
        player.play(2, [clip(100..104)]).unwrap();
        player.play(3, [clip(0..100)]).unwrap();
        let mut frame = [0; 4];
        player.fill(&mut frame);
        assert!(player.stop(1) && !player.stop(1) && player.stop(3));
        player.fill(&mut frame);
        assert_eq!(frame, [100, 101, 102, 103]);
        assert_eq!(finished(&mut player), [(1, true), (3, true), (2, false)]);
        player.play(4, [clip(0..100)]).unwrap();
        player.stop_all();
        assert_eq!(finished(&mut player), [(4, true)]);
    }

    #[test]
    fn an_endless_play_repeats_until_stopped() {
        let mut player = Player::new();
        player.play_forever(1, [clip(0..3), clip([])]).unwrap();
        let mut frame = [0; 8];
        assert_eq!(player.fill(&mut frame), 8);
        assert_eq!(frame, [0, 1, 2, 0, 1, 2, 0, 1]);
        assert!(player.stop(1));
        assert_eq!(player.fill(&mut frame), 0);
    }

    #[test]
    fn nothing_to_play_finishes_on_the_next_frame() {
        let mut player = Player::new();
        player.play(1, []).unwrap();
        player.play_forever(2, [clip([])]).unwrap();
        assert_eq!(player.fill(&mut [0; 4]), 0);
        assert_eq!(finished(&mut player), [(1, false), (2, false)]);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut player = Player::new();
        for id in 0..Player::CAPACITY as u64 {
            player.play(id, [clip(0..2)]).unwrap();
        }
        assert_eq!(player.play(99, []), Err(QueueFull));
        player.stop_all();
        // Until it has been told what finished, there is no room to tell of more.
        assert_eq!(player.play(99, []), Err(QueueFull));
        assert_eq!(finished(&mut player).len(), Player::CAPACITY);
        assert_eq!(player.play(99, []), Ok(()));
    }
}
