//! Presses keys with pauses between, turn by turn.

use std::collections::VecDeque;

use outdial_domain::digit::{Digits, Tone};
use outdial_media::{FRAME_MS, digit::Digit};

/// What is left to press.
#[derive(Debug, Default)]
pub(crate) struct Keypad {
    rest: VecDeque<Step>,
    pause: u32,
    pressing: bool,
}

#[derive(Debug)]
enum Step {
    Press(Digit),
    Pause(u32),
    Done,
}

/// What is to be done in this turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Press this one, and report when that is done.
    Press(Digit),
    /// All keys of one order have been pressed.
    Done,
}

impl Keypad {
    pub(crate) fn order(&mut self, digits: &Digits) {
        for tone in digits.tones() {
            match *tone {
                // The domain and the media know the same sixteen keys.
                Tone::Press(digit) => self.rest.extend(Digit::try_from(digit.as_char()).ok().map(Step::Press)),
                Tone::Pause(millis) => self.rest.push_back(Step::Pause(u32::from(millis).div_ceil(FRAME_MS))),
            }
        }
        self.rest.push_back(Step::Done);
    }

    /// The key that was to be pressed has been pressed.
    pub(crate) fn pressed(&mut self) {
        self.pressing = false;
    }

    /// Moves on by one turn.
    pub(crate) fn turn(&mut self) -> Option<Key> {
        if self.pressing || self.rest.is_empty() {
            return None;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        match self.rest.pop_front()? {
            Step::Press(digit) => {
                self.pressing = true;
                Some(Key::Press(digit))
            }
            Step::Pause(turns) => {
                self.pause = turns.saturating_sub(1);
                None
            }
            Step::Done => Some(Key::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_pauses_follow_each_other() {
        let mut keypad = Keypad::default();
        assert_eq!(keypad.turn(), None);
        keypad.order(&"1w2".parse().unwrap());
        let one = Digit::try_from('1').unwrap();
        assert_eq!(keypad.turn(), Some(Key::Press(one)));
        assert_eq!(keypad.turn(), None);
        keypad.pressed();
        let mut turns = 0;
        let second = loop {
            turns += 1;
            if let Some(key) = keypad.turn() {
                break key;
            }
        };
        assert_eq!(second, Key::Press(Digit::try_from('2').unwrap()));
        assert_eq!(turns, 26);
        keypad.pressed();
        assert_eq!(keypad.turn(), Some(Key::Done));
        assert_eq!(keypad.turn(), None);
    }
}
