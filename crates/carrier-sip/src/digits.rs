//! Each key once, whatever way it came.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use outdial_domain::Digit;
use outdial_engine::ports::DigitWay;

/// Two reports of the same press come within so much time of each other, key held down not counted.
const WINDOW: Duration = Duration::from_millis(1000);

/// Presses that are remembered. Nobody presses more keys within the window.
const REMEMBERED: usize = 16;

/// Tells presses from second reports of them.
///
/// Some far sides send a key both in RTP and by INFO. A report is taken for the second one of a
/// press when the same key was reported another way within a second (more if it was held for
/// longer), and no other report of that way was taken for it yet. So `1` pressed twice, each sent
/// both ways, is told twice, in whichever order the four reports arrive.
#[derive(Debug, Default)]
pub(crate) struct Digits {
    recent: VecDeque<Press>,
}

#[derive(Debug)]
struct Press {
    digit: Digit,
    way: DigitWay,
    at: Instant,
    /// The other ways in which it was reported as well.
    also: Vec<DigitWay>,
}

impl Digits {
    /// Whether this report is a press that has not been told. `held` is how long the key was down,
    /// where the report says so.
    pub(crate) fn is_new(&mut self, digit: Digit, way: DigitWay, held: Duration, now: Instant) -> bool {
        let window = WINDOW + held.min(Duration::from_secs(10));
        let told = self.recent.iter_mut().find(|press| {
            press.digit == digit
                && press.way != way
                && !press.also.contains(&way)
                && now.saturating_duration_since(press.at) <= window
        });
        if let Some(press) = told {
            press.also.push(way);
            return false;
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(Press {
            digit,
            way,
            at: now,
            also: Vec::new(),
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DigitWay::{InBand, Rtp, SipInfo};

    fn told(reports: &[(char, DigitWay, u64)]) -> String {
        let start = Instant::now();
        let mut digits = Digits::default();
        reports
            .iter()
            .filter(|(key, way, millis)| {
                let digit = Digit::from_char(*key).unwrap();
                digits.is_new(digit, *way, Duration::ZERO, start + Duration::from_millis(*millis))
            })
            .map(|(key, ..)| *key)
            .collect()
    }

    #[test]
    fn one_press_sent_both_ways_is_one_press() {
        assert_eq!(told(&[('1', Rtp, 0), ('1', SipInfo, 150)]), "1");
        assert_eq!(told(&[('1', SipInfo, 0), ('1', Rtp, 20)]), "1");
        assert_eq!(told(&[('1', Rtp, 0), ('1', SipInfo, 10), ('1', InBand, 60)]), "1");
    }

    #[test]
    fn two_presses_of_a_key_are_two() {
        assert_eq!(told(&[('1', Rtp, 0), ('1', Rtp, 120)]), "11");
        assert_eq!(
            told(&[('1', Rtp, 0), ('1', SipInfo, 50), ('1', Rtp, 120), ('1', SipInfo, 170)]),
            "11"
        );
        assert_eq!(
            told(&[('1', Rtp, 0), ('1', Rtp, 120), ('1', SipInfo, 130), ('1', SipInfo, 170)]),
            "11"
        );
        assert_eq!(told(&[('1', Rtp, 0), ('1', SipInfo, 5000)]), "11");
        assert_eq!(told(&[('1', Rtp, 0), ('2', SipInfo, 10)]), "12");
    }

    #[test]
    fn a_key_held_for_long_is_still_one_press() {
        let start = Instant::now();
        let mut digits = Digits::default();
        let one = Digit::from_char('1').unwrap();
        assert!(digits.is_new(one, Rtp, Duration::ZERO, start));
        let held = Duration::from_secs(3);
        assert!(!digits.is_new(one, SipInfo, held, start + held));
    }
}
