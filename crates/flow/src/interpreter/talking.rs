//! A dial under way: its end, and the codes that are pressed while the two talk.

use std::time::Instant;

use outdial_domain::Digit;

use super::{Command, DialEnd, Interpreter, List, Note, State};
use crate::{Dial, OnFailure, Party};

const TALKED: &str = "the parties talked";

/// A dial under way.
#[derive(Debug)]
pub(super) struct Talking {
    dial: Box<Dial>,
    /// Where it stands.
    step: String,
    connected: bool,
    first: Pressed,
    other: Pressed,
}

/// A talk that goes on while the steps of a code are run.
#[derive(Debug)]
pub(super) struct Aside {
    talking: Box<Talking>,
    /// How many lists there are below that of the code.
    below: usize,
}

/// The keys of one party that may become a code.
#[derive(Debug, Default)]
struct Pressed {
    keys: String,
    last: Option<Instant>,
}

impl Talking {
    pub(super) fn new(dial: Box<Dial>, step: String) -> Self {
        Self {
            dial,
            step,
            connected: false,
            first: Pressed::default(),
            other: Pressed::default(),
        }
    }

    /// The code that this key completes.
    fn press(&mut self, by: Party, digit: Digit, now: Instant) -> Option<String> {
        if !self.connected || !self.dial.listens_to(by) {
            return None;
        }
        let pressed = match by {
            Party::First => &mut self.first,
            Party::Other => &mut self.other,
        };
        let is_late = |last: Instant| now.saturating_duration_since(last) > Dial::CODE_GAP;
        if pressed.last.replace(now).is_some_and(is_late) {
            pressed.keys.clear();
        }
        pressed.keys.push(digit.as_char());
        let codes = &self.dial.codes;
        // What cannot become a code any more may end with the beginning of one.
        while !pressed.keys.is_empty() && !codes.keys().any(|code| code.starts_with(&pressed.keys)) {
            pressed.keys.remove(0);
        }
        codes
            .contains_key(&pressed.keys)
            .then(|| std::mem::take(&mut pressed.keys))
    }
}

impl Interpreter {
    /// The two hear each other.
    pub(super) fn connected(&mut self) {
        if let State::Dialing(talking) = &mut self.state {
            talking.connected = true;
        }
    }

    /// A key was pressed while a dial is under way, which may complete a code.
    pub(super) fn pressed_in_talk(&mut self, by: Party, digit: Digit, now: Instant) {
        let State::Dialing(talking) = &mut self.state else {
            return;
        };
        let Some(code) = talking.press(by, digit, now) else {
            return;
        };
        let steps = talking.dial.codes.get(&code).cloned().unwrap_or_default();
        let place = format!("{}.codes.{code}.", talking.step);
        let step = talking.step.clone();
        self.notes.push_back(Note::Code { step, code, by });
        if let State::Dialing(talking) = std::mem::replace(&mut self.state, State::Ended) {
            let below = self.lists.len();
            self.aside = Some(Aside { talking, below });
        }
        self.lists.push(List::new(place, steps));
        self.run(now);
    }

    /// Whether the steps of a code are over, and only the talk is left to wait for.
    pub(super) fn talk_on(&mut self) -> bool {
        let below = self.lists.len();
        let Some(aside) = self.aside.take_if(|aside| aside.below == below) else {
            return false;
        };
        self.step.clone_from(&aside.talking.step);
        self.state = State::Dialing(aside.talking);
        // What was pressed meanwhile was meant for nothing that comes after the talk.
        self.ahead.clear();
        true
    }

    /// Lets go of whom the steps of a code were run beside, because the next one needs the leg for itself.
    pub(super) fn part(&mut self) {
        if let Some(aside) = self.aside.take() {
            self.commands.push_back(Command::Part);
            self.done_at(aside.talking.step, "the other party was let go of");
        }
    }

    pub(super) fn dial_ended(&mut self, end: DialEnd, now: Instant) {
        if let Some(aside) = self.aside.take_if(|_| end == DialEnd::Talked) {
            self.done_at(aside.talking.step, TALKED);
            return self.hang_up();
        }
        let State::Dialing(talking) = &mut self.state else {
            return;
        };
        let on_failure = std::mem::take(&mut talking.dial.on_failure);
        let announce = std::mem::take(&mut talking.dial.announce);
        let outcome = match end {
            DialEnd::Talked => {
                self.done(TALKED);
                return self.hang_up();
            }
            DialEnd::NotReached(outcome) => outcome,
        };
        match on_failure {
            OnFailure::HangUp => {
                self.done(&format!("nobody was reached: {outcome}"));
                self.commands.push_back(if announce.is_empty() {
                    Command::Announce(outcome)
                } else {
                    Command::Prompt(announce)
                });
                self.state = State::Announcing;
            }
            OnFailure::Next => {
                self.done(&format!("nobody was reached: {outcome}; went on"));
                self.run(now);
            }
            OnFailure::Flow(steps) => {
                self.done(&format!("nobody was reached: {outcome}; went on with `on_failure`"));
                let place = format!("{}.on_failure.", self.step);
                self.lists.push(List::new(place, steps));
                self.run(now);
            }
        }
    }
}
