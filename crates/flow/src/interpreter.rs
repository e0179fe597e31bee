//! Runs a flow without I/O.
//!
//! Turn it by hand: tell it what happened with [`Interpreter::handle`] and, once its
//! [`deadline`](Interpreter::deadline) has come, with [`Interpreter::handle_timeout`]; after each,
//! take out all [`Command`]s and [`Note`]s. It begins with [`Input::Started`], which is the answer
//! of the leg, and ends with exactly one [`Command::HangUp`]; after that it says and does nothing.
//!
//! ```
//! use std::time::Instant;
//! use outdial_flow::{Command, Flow, Input, Interpreter};
//!
//! let now = Instant::now();
//! let mut interpreter = Interpreter::new(Flow::say("Good morning"));
//! interpreter.handle(Input::Started, now);
//! assert!(matches!(interpreter.poll_command(), Some(Command::Prompt(_))));
//! interpreter.handle(Input::PlayDone, now);
//! assert_eq!(interpreter.poll_command(), Some(Command::HangUp));
//! ```
//!
//! # Keys pressed ahead
//!
//! People who know a menu press its keys before they are asked. Keys that come while no gather
//! waits are kept, the first [`Interpreter::MOST_AHEAD`] of them; later ones are dropped. The next
//! gather takes them, in order, before it plays anything: it takes no more than it needs, and what
//! is left waits for the gather after it. A gather that takes some keys but not enough waits for the
//! rest without its prompts, just as if the first key had interrupted them. A finish key pressed
//! ahead of any other is dropped: it was meant for what came before, as when somebody presses `#`
//! after a number whose last digit had already ended its gather.
//!
//! # Codes
//!
//! While the two of a `dial` talk, keys that make one of its codes run the steps of that code beside the talk. Steps
//! that need the leg for themselves end the talk with [`Command::Part`].
//!
//! # Tries
//!
//! A try that ends with too few keys, by time or by the finish key, is forgotten with its keys, and
//! the next one begins with the prompts again.
//!
//! # What the caller owes
//!
//! Inputs that fit nothing are ignored: a [`Input::PlayDone`] while nothing plays, a second
//! [`Input::Started`], a timeout before its time. But [`Input::PlayDone`] does not say *which*
//! prompt is done, so the caller must not pass on the end of a prompt that was stopped.

mod exchange;
mod gathering;
#[cfg(test)]
mod properties;
mod recording;
mod room;
mod talking;
#[cfg(test)]
mod tests;
mod words;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
    vec,
};

use outdial_domain::Digit;

use crate::{Flow, Gather, Instruction, Party, Prompt, Record};
pub use exchange::{Command, DialEnd, Input, Note};
use gathering::{Gathering, Verdict};
use talking::{Aside, Talking};
use words::in_words;

/// Runs one flow on one leg.
pub struct Interpreter {
    /// The list that is being run and, below it, those to go on with afterwards.
    lists: Vec<List>,
    /// The place of the instruction that is being run.
    step: String,
    state: State,
    /// A talk that goes on while the steps of a code are run.
    aside: Option<Aside>,
    /// Whether a gather somewhere in the flow keeps its keys to itself.
    private: bool,
    ahead: VecDeque<Digit>,
    commands: VecDeque<Command>,
    notes: VecDeque<Note>,
}

/// A list of instructions under way.
#[derive(Debug)]
struct List {
    /// The place of the list with a dot after it; empty for the flow itself.
    place: String,
    /// The number of the next instruction.
    next: usize,
    rest: vec::IntoIter<Instruction>,
}

/// What is awaited.
#[derive(Debug)]
enum State {
    /// The answer.
    Fresh,
    /// The end of a prompt outside a gather.
    Playing,
    /// Keys, or the end of a gather's prompts.
    Gathering(Box<Gathering>),
    /// Time.
    Pausing { until: Instant },
    /// The end of the keys that we send.
    Sending,
    /// The end of a dial.
    Dialing(Box<Talking>),
    /// The end of what is heard before the leg is hung up.
    Announcing,
    /// The end of the stay in a room.
    InRoom,
    /// The end of the tone before a message.
    Beeping(Record),
    /// The end of a message, which this key ends, too.
    Recording { key: Option<Digit> },
    /// Nothing any more.
    Ended,
}

/// Whether there is something to wait for before the next instruction.
enum Next {
    Waits,
    Runs,
}

impl Interpreter {
    /// The most keys that are kept while no gather waits.
    pub const MOST_AHEAD: usize = 32;

    /// An interpreter that waits for [`Input::Started`].
    #[must_use]
    pub fn new(flow: Flow) -> Self {
        Self {
            private: flow.has_private_keys(),
            lists: vec![List::new(String::new(), flow.steps)],
            step: String::new(),
            state: State::Fresh,
            aside: None,
            ahead: VecDeque::new(),
            commands: VecDeque::new(),
            notes: VecDeque::new(),
        }
    }

    /// Tells what happened.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Started => self.started(now),
            Input::PlayDone => self.play_done(now),
            Input::Digit(digit) => self.pressed(digit, now),
            Input::OtherDigit(digit) => self.pressed_in_talk(Party::Other, digit, now),
            Input::Connected => self.connected(),
            Input::DigitsSent => self.digits_sent(now),
            Input::DialEnded(end) => self.dial_ended(end, now),
            Input::LeftRoom => self.left_room(now),
            Input::NotLetIn(outcome) => self.not_let_in(outcome, now),
            Input::Recorded { end, length } => self.recorded(end, length, now),
        }
    }

    /// Tells that the deadline has come. A call before the deadline does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &mut self.state {
            State::Pausing { .. } => {
                self.done("waited");
                self.run(now);
            }
            State::Gathering(gathering) => {
                let verdict = gathering.timed_out();
                self.decide(verdict, now);
            }
            State::Fresh
            | State::Playing
            | State::Sending
            | State::Dialing(_)
            | State::Announcing
            | State::InRoom
            | State::Beeping(_)
            | State::Recording { .. }
            | State::Ended => {}
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if time is awaited.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Pausing { until } => Some(*until),
            State::Gathering(gathering) => gathering.deadline(),
            State::Fresh
            | State::Playing
            | State::Sending
            | State::Dialing(_)
            | State::Announcing
            | State::InRoom
            | State::Beeping(_)
            | State::Recording { .. }
            | State::Ended => None,
        }
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// The next thing to write down.
    pub fn poll_note(&mut self) -> Option<Note> {
        self.notes.pop_front()
    }

    /// Whether a key that is pressed now is to stand nowhere: a private gather waits for it, or may take it when its turn
    /// comes.
    #[must_use]
    pub fn keeps_keys_private(&self) -> bool {
        match &self.state {
            State::Gathering(gathering) => gathering.is_private(),
            State::Fresh
            | State::Playing
            | State::Pausing { .. }
            | State::Sending
            | State::Dialing(_)
            | State::Announcing
            | State::InRoom
            | State::Beeping(_)
            | State::Recording { .. }
            | State::Ended => self.private,
        }
    }

    fn started(&mut self, now: Instant) {
        match self.state {
            State::Fresh => self.run(now),
            State::Playing
            | State::Gathering(_)
            | State::Pausing { .. }
            | State::Sending
            | State::Dialing(_)
            | State::Announcing
            | State::InRoom
            | State::Beeping(_)
            | State::Recording { .. }
            | State::Ended => {}
        }
    }

    fn play_done(&mut self, now: Instant) {
        match &mut self.state {
            State::Playing => {
                self.done("heard to its end");
                self.run(now);
            }
            State::Gathering(gathering) => gathering.prompts_done(now),
            State::Announcing => self.hang_up(),
            State::Beeping(record) => {
                let record = std::mem::take(record);
                self.listen_to(record);
            }
            State::Fresh
            | State::Pausing { .. }
            | State::Sending
            | State::Dialing(_)
            | State::InRoom
            | State::Recording { .. }
            | State::Ended => {}
        }
    }

    fn digits_sent(&mut self, now: Instant) {
        match self.state {
            State::Sending => {
                self.done("sent");
                self.run(now);
            }
            State::Fresh
            | State::Playing
            | State::Gathering(_)
            | State::Pausing { .. }
            | State::Dialing(_)
            | State::Announcing
            | State::InRoom
            | State::Beeping(_)
            | State::Recording { .. }
            | State::Ended => {}
        }
    }

    fn pressed(&mut self, digit: Digit, now: Instant) {
        match &mut self.state {
            State::Gathering(gathering) => {
                if gathering.is_prompting() {
                    self.commands.push_back(Command::StopPrompt);
                }
                let verdict = gathering.press(digit, now);
                self.decide(verdict, now);
            }
            State::Dialing(_) => self.pressed_in_talk(Party::First, digit, now),
            // What is pressed while others are talked to is not for a later gather.
            State::Announcing | State::InRoom => {}
            State::Recording { key } if *key == Some(digit) => {
                // Once is enough, and a second press is meant for nothing that comes after.
                *key = None;
                self.commands.push_back(Command::EndMessage);
            }
            State::Fresh
            | State::Playing
            | State::Pausing { .. }
            | State::Sending
            | State::Beeping(_)
            | State::Recording { .. } => {
                if self.ahead.len() < Self::MOST_AHEAD {
                    self.ahead.push_back(digit);
                }
            }
            State::Ended => {}
        }
    }

    /// Goes on after a verdict on the gather that is waiting.
    fn decide(&mut self, verdict: Verdict, now: Instant) {
        if let Next::Runs = self.settle(verdict, now) {
            self.run(now);
        }
    }

    /// Runs instructions until one waits for something, or none is left.
    fn run(&mut self, now: Instant) {
        loop {
            let Some(list) = self.lists.last_mut() else {
                return self.hang_up();
            };
            let Some(instruction) = list.rest.next() else {
                self.lists.pop();
                if self.talk_on() {
                    return;
                }
                continue;
            };
            self.step = format!("{}{}", list.place, list.next);
            list.next += 1;
            if let Next::Waits = self.begin(instruction, now) {
                return;
            }
        }
    }

    fn begin(&mut self, instruction: Instruction, now: Instant) -> Next {
        if matches!(instruction, Instruction::Dial(_) | Instruction::Conference(_)) {
            self.part();
        }
        self.notes.push_back(Note::Started {
            step: self.step.clone(),
            what: in_words(&instruction),
        });
        match instruction {
            Instruction::Say(say) => self.play(Prompt::Say(say)),
            Instruction::Play(audio) => self.play(Prompt::Play(audio)),
            Instruction::Gather(gather) => return self.gather(gather, now),
            Instruction::Pause(length) => {
                self.state = State::Pausing {
                    until: later(now, length),
                };
            }
            Instruction::SendDigits(digits) => {
                self.commands.push_back(Command::SendDigits(digits));
                self.state = State::Sending;
            }
            Instruction::Dial(dial) => {
                self.commands.push_back(Command::Dial(dial.clone()));
                self.state = State::Dialing(Box::new(Talking::new(dial, self.step.clone())));
            }
            Instruction::Conference(conference) => {
                self.commands.push_back(Command::Join(conference));
                self.state = State::InRoom;
            }
            Instruction::Record(record) => return self.record(record, now),
            Instruction::Recording(action) => {
                self.commands.push_back(Command::Recording(action));
                self.done("done");
                return Next::Runs;
            }
            // Only who can carry it out is given a flow with it, and nobody runs it step by step.
            Instruction::HandOver(_) => {
                self.done("no switch to hand it over to");
                self.hang_up();
            }
            Instruction::HangUp => {
                self.done("hung up");
                self.hang_up();
            }
        }
        Next::Waits
    }

    fn play(&mut self, prompt: Prompt) {
        self.commands.push_back(Command::Prompt(vec![prompt]));
        self.state = State::Playing;
    }

    fn gather(&mut self, gather: Gather, now: Instant) -> Next {
        self.state = State::Gathering(Box::new(Gathering::new(gather)));
        self.settle(Verdict::Try, now)
    }

    /// Carries out a verdict on the gather that is waiting, and those that keys pressed ahead bring
    /// about at once. There are no more of them than the gather has tries.
    fn settle(&mut self, mut verdict: Verdict, now: Instant) -> Next {
        loop {
            let State::Gathering(gathering) = &mut self.state else {
                return Next::Waits;
            };
            match verdict {
                Verdict::Wait => return Next::Waits,
                Verdict::Prompt(prompts) => {
                    self.commands.push_back(Command::Prompt(prompts));
                    return Next::Waits;
                }
                Verdict::Try => verdict = gathering.start_try(&mut self.ahead, now),
                Verdict::Answered | Verdict::NoInput => {
                    let end = gathering.end();
                    let step = self.step.clone();
                    self.notes.push_back(Note::Gathered {
                        step,
                        name: end.name,
                        digits: end.digits,
                    });
                    self.done(&end.result);
                    let place = format!("{}.{}.", self.step, end.branch);
                    self.lists.push(List::new(place, end.steps));
                    return Next::Runs;
                }
            }
        }
    }

    fn done(&mut self, result: &str) {
        self.done_at(self.step.clone(), result);
    }

    fn done_at(&mut self, step: String, result: &str) {
        let result = result.to_owned();
        self.notes.push_back(Note::Done { step, result });
    }

    fn hang_up(&mut self) {
        self.commands.push_back(Command::HangUp);
        self.state = State::Ended;
        self.lists.clear();
        self.aside = None;
        self.ahead.clear();
    }
}

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not what was pressed, and not what is waited for.
        f.debug_struct("Interpreter")
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

impl List {
    fn new(place: String, steps: Vec<Instruction>) -> Self {
        Self {
            place,
            next: 0,
            rest: steps.into_iter(),
        }
    }
}

/// A later moment. No call lasts longer than a day, and adding any number to an instant may overflow.
fn later(now: Instant, length: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    now + length.min(DAY)
}
