//! One gather under way: its tries, its keys and its deadline.

use std::{collections::VecDeque, mem, time::Instant};

use outdial_domain::Digit;

use super::later;
use crate::{Gather, Instruction, Prompt};

/// One gather under way.
#[derive(Debug)]
pub(super) struct Gathering {
    gather: Gather,
    /// The number of the current try, from 1.
    tries: u8,
    /// The keys of the current try.
    keys: String,
    /// When the current try ends for want of a key; none while prompts are heard.
    until: Option<Instant>,
}

/// What to do about a gather after something happened to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Wait for keys or time.
    Wait,
    /// Play these, then wait.
    Prompt(Vec<Prompt>),
    /// Begin another try.
    Try,
    /// It ended with enough keys.
    Answered,
    /// It ended without enough keys in any of its tries.
    NoInput,
}

/// How a gather ended.
#[derive(Debug)]
pub(super) struct End {
    /// The name the digits are kept under.
    pub(super) name: String,
    /// The digits; empty when too few keys were pressed, none where nobody is to see them.
    pub(super) digits: Option<String>,
    /// What came of it, in words.
    pub(super) result: String,
    /// The place of the branch within the gather, as `on.3`; `on.private` where nobody is to see which.
    pub(super) branch: String,
    /// The branch.
    pub(super) steps: Vec<Instruction>,
}

impl Gathering {
    pub(super) fn new(gather: Gather) -> Self {
        Self {
            gather,
            tries: 0,
            keys: String::new(),
            until: None,
        }
    }

    /// When [`timed_out`](Self::timed_out) is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// Whether its keys are to stand nowhere.
    pub(super) fn is_private(&self) -> bool {
        self.gather.private
    }

    /// Whether its prompts are being heard.
    pub(super) fn is_prompting(&self) -> bool {
        self.until.is_none()
    }

    /// Begins a try with the keys that were pressed ahead of it.
    pub(super) fn start_try(&mut self, ahead: &mut VecDeque<Digit>, now: Instant) -> Verdict {
        self.tries = self.tries.saturating_add(1);
        self.keys.clear();
        self.until = None;
        while let Some(digit) = ahead.pop_front() {
            // It was meant for the gather before, and must not use up a try of this one.
            if self.keys.is_empty() && self.gather.finish == Some(digit) {
                continue;
            }
            match self.press(digit, now) {
                Verdict::Wait => {}
                verdict @ (Verdict::Prompt(_) | Verdict::Try | Verdict::Answered | Verdict::NoInput) => return verdict,
            }
        }
        if self.keys.is_empty() && !self.gather.prompts.is_empty() {
            Verdict::Prompt(self.gather.prompts.clone())
        } else {
            self.listen(now)
        }
    }

    /// The prompts were heard to their end; a key may have interrupted them before.
    pub(super) fn prompts_done(&mut self, now: Instant) {
        if self.is_prompting() {
            self.listen(now);
        }
    }

    /// A key was pressed.
    pub(super) fn press(&mut self, digit: Digit, now: Instant) -> Verdict {
        if self.gather.finish == Some(digit) {
            return self.try_ended();
        }
        self.keys.push(digit.as_char());
        if self.keys.len() >= self.most() {
            return self.try_ended();
        }
        self.listen(now)
    }

    /// No key came in time.
    pub(super) fn timed_out(&mut self) -> Verdict {
        self.try_ended()
    }

    /// Takes the result out of a gather that was answered or had no input.
    pub(super) fn end(&mut self) -> End {
        let private = self.gather.private;
        let name = mem::take(&mut self.gather.name);
        let pressed = mem::take(&mut self.keys);
        if pressed.len() < self.fewest() {
            return End {
                name,
                digits: (!private).then(String::new),
                result: format!(
                    "no input: {} of at least {} keys in try {} of {}",
                    pressed.len(),
                    self.fewest(),
                    self.tries,
                    self.gather.tries.max(1),
                ),
                branch: "no_input".to_owned(),
                steps: mem::take(&mut self.gather.no_input),
            };
        }
        let (branch, steps) = match self.gather.on.remove(&pressed) {
            Some(steps) if private => ("on.private".to_owned(), steps),
            Some(steps) => (format!("on.{pressed}"), steps),
            None => ("otherwise".to_owned(), mem::take(&mut self.gather.otherwise)),
        };
        End {
            name,
            result: format!(
                "pressed {} in try {}, went on with `{branch}`",
                if private { "what is not shown" } else { &pressed },
                self.tries
            ),
            digits: (!private).then_some(pressed),
            branch,
            steps,
        }
    }

    fn listen(&mut self, now: Instant) -> Verdict {
        self.until = Some(later(now, self.gather.timeout));
        Verdict::Wait
    }

    fn try_ended(&self) -> Verdict {
        if self.keys.len() >= self.fewest() {
            Verdict::Answered
        } else if self.tries < self.gather.tries {
            Verdict::Try
        } else {
            Verdict::NoInput
        }
    }

    // A document cannot say that no key at all is awaited, but a flow made in code can.
    fn most(&self) -> usize {
        usize::from(self.gather.most.max(1))
    }

    fn fewest(&self) -> usize {
        usize::from(self.gather.fewest).min(self.most())
    }
}
