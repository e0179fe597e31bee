//! Covers for lost audio by repeating the last period of the voice, ever more softly.
//!
//! The idea is that of G.711, appendix I: a voiced sound goes on as it was for a while, so its last period is repeated in
//! step; after 10 ms the last two are repeated in turn and then the last three, lest it sounds like a buzzer; and it fades
//! until there is silence after 60 ms. Other than there, nothing is delayed for it.

mod pitch;

use crate::MAX_FRAME;
use pitch::{LONGEST_MS, MOST_PERIODS, find_period};

/// What is remembered: the periods to repeat, and the quarter of one before them to join them with.
const MEMORY_MS: usize = MOST_PERIODS * LONGEST_MS + LONGEST_MS / 4 + 1;

/// The same in samples at the highest rate.
const MEMORY: usize = MEMORY_MS * 16;

/// After so many milliseconds of loss it begins to fade, and ends.
const FADE_MS: (usize, usize) = (10, 60);

/// The shortest and the longest time in which a good frame takes over, in milliseconds; the longer the loss, the longer.
const JOIN_MS: (usize, usize) = (4, 10);

/// Remembers what was heard last and makes up what is missing.
#[derive(Debug, Clone)]
pub struct Concealer {
    per_ms: usize,
    /// The latest audio, newest last.
    memory: [i16; MEMORY],
    /// The memory as it was when the loss began, from which everything is made up.
    before: [i16; MEMORY],
    /// The samples of one period in it.
    period: usize,
    /// How many periods are repeated in turn, and the place in them.
    periods: usize,
    place: usize,
    /// How far the first repetition is off where the audio ended.
    step: f32,
    /// Samples made up since the loss began.
    lost: usize,
    /// Nothing was heard yet that could be repeated, or from which the next audio could click.
    fresh: bool,
}

impl Concealer {
    /// A concealer for audio of `rate` samples a second that has heard nothing, and would make up silence.
    pub fn new(rate: u32) -> Self {
        let per_ms = (rate as usize / 1000).clamp(8, 16);
        Self {
            per_ms,
            memory: [0; MEMORY],
            before: [0; MEMORY],
            period: LONGEST_MS * per_ms,
            periods: 1,
            place: 0,
            step: 0.0,
            lost: FADE_MS.1 * per_ms,
            fresh: true,
        }
    }

    /// Takes good audio, at most a frame of it, and softens its beginning if made-up audio went before it.
    pub fn good(&mut self, audio: &mut [i16]) {
        if self.lost > 0 && !self.fresh {
            let most = (JOIN_MS.0 * self.per_ms + self.lost / 4).min(JOIN_MS.1 * self.per_ms);
            let join = most.min(audio.len());
            for (index, sample) in audio[..join].iter_mut().enumerate() {
                let share = (index + 1) as f32 / (join + 1) as f32;
                let made_up = self.next_sample();
                *sample = (made_up + (f32::from(*sample) - made_up) * share) as i16;
            }
        }
        self.lost = 0;
        self.fresh = false;
        self.remember(audio);
    }

    /// Fills audio that was lost, at most a frame of it.
    pub fn lost(&mut self, audio: &mut [i16]) {
        if self.lost == 0 && !self.fresh {
            self.begin();
        }
        for sample in audio.iter_mut() {
            *sample = self.next_sample() as i16;
        }
        self.remember(audio);
    }

    /// Forgets what was heard, for when the peer fell silent on purpose.
    pub fn reset(&mut self) {
        self.lost = FADE_MS.1 * self.per_ms;
        self.fresh = true;
        self.memory.fill(0);
    }

    fn begin(&mut self) {
        self.before = self.memory;
        self.period = find_period(&self.before, self.per_ms);
        (self.periods, self.place) = (1, 0);
        let end = MEMORY - 1;
        self.step = f32::from(self.before[end]) - f32::from(self.before[end - self.period]);
    }

    /// The next made-up sample.
    fn next_sample(&mut self) -> f32 {
        let gain = self.gain();
        if gain <= 0.0 {
            return 0.0;
        }
        let quarter = self.period / 4;
        let wanted = (1 + self.lost / (10 * self.per_ms)).min(MOST_PERIODS);
        if self.place == self.periods * self.period {
            // More periods are taken up where one ends, so that the voice stays in step.
            (self.periods, self.place) = (wanted, 0);
        }
        let mut sample = self.repeated(self.place);
        if self.lost < quarter {
            sample += self.step * (1.0 - self.lost as f32 / quarter as f32);
        }
        self.place += 1;
        self.lost += 1;
        (sample * gain).clamp(-32_768.0, 32_767.0)
    }

    /// The sample at a place of the repeated periods, whose end is blended into what was before their beginning.
    fn repeated(&self, place: usize) -> f32 {
        let length = self.periods * self.period;
        let at = |back: usize| f32::from(self.before[MEMORY - back]);
        let sample = at(length - place);
        let quarter = self.period / 4;
        let left = length - place;
        if left > quarter {
            return sample;
        }
        let share = (quarter - left + 1) as f32 / (quarter + 1) as f32;
        sample + (at(length + left) - sample) * share
    }

    fn gain(&self) -> f32 {
        let milliseconds = self.lost as f32 / self.per_ms as f32;
        let (begin, end) = (FADE_MS.0 as f32, FADE_MS.1 as f32);
        (1.0 - (milliseconds - begin) / (end - begin)).min(1.0)
    }

    fn remember(&mut self, audio: &[i16]) {
        let length = audio.len().min(MAX_FRAME);
        self.memory.copy_within(length.., 0);
        self.memory[MEMORY - length..].copy_from_slice(&audio[..length]);
    }
}

#[cfg(test)]
mod tests;
